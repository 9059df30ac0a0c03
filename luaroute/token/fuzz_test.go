package token_test

import (
	"encoding/json"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/luaroute/caddy-luaroute/luaroute/token"
)

// FuzzWhatIsVerifiedWasSigned changes good tokens. Whatever is still taken must be the same one, and go-jose must take it, too.
func FuzzWhatIsVerifiedWasSigned(f *testing.F) {
	i := issuer(f, config(func(c *token.Config) { c.Cache = 2 }))
	good := made(f, rs256, claims(map[string]any{"exp": 4_000_000_000}))
	f.Add(good)
	f.Add(good + ".")
	f.Add(unsigned(`{"alg":"none"}`, `{}`))
	f.Add(withHeader(f, `{"alg":"RS256","alg":"HS256"}`, `{"exp":1}`))
	f.Add(withHeader(f, `{"alg":"RS256","kid":"x"}`, `{"exp":1e308,"aud":["api"],"iss":"https://idp.example/"}`))
	f.Fuzz(func(t *testing.T, text string) {
		claims, err := i.Verify(text, caller(t))
		_, peeked, peekErr := token.Peek(text)
		if err != nil {
			if claims != nil || err.Error() == "" {
				t.Errorf("%q: claims with %v", text, err)
			}
			return
		}
		if peekErr != nil || string(peeked) != claims.JSON() || !json.Valid(peeked) {
			t.Errorf("%q: peek has %q, %v", text, peeked, peekErr)
		}
		parsed, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.RS256})
		if err == nil {
			err = parsed.Claims(rsaKey.Public, &map[string]any{})
		}
		if err != nil {
			t.Errorf("%q is taken; go-jose says %v", text, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for _, row := range []struct {
		name  string
		maker token.Maker
		cache int
	}{
		{"RS256", rs256, 0},
		{"ES256", token.Maker{Algorithm: "ES256", Key: p256}, 0},
		{"EdDSA", token.Maker{Algorithm: "EdDSA", Key: edKey}, 0},
		{"RS256, remembered", rs256, 100},
	} {
		b.Run(row.name, func(b *testing.B) {
			i := issuer(b, config(func(c *token.Config) {
				c.Algorithms, c.Cache = []string{row.maker.Algorithm}, row.cache
				c.Keys = token.Fixed{Set: token.NewSet(token.Key{Public: row.maker.Key.Public})}
			}))
			text := made(b, row.maker, claims(map[string]any{"scope": "read write", "name": "Ann Example", "roles": []string{"a", "b", "c"}}))
			c := caller(b)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := i.Verify(text, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
