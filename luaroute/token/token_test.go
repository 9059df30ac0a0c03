package token_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/luaroute/caddy-luaroute/luaroute/token"
)

func TestATokenIsVerifiedWithTheAlgorithmsOfItsIssuer(t *testing.T) {
	t.Parallel()
	for name, shared := range token.All() {
		m := token.Maker{Algorithm: name, Secret: secret}
		c := config(func(c *token.Config) { c.Algorithms, c.Keys, c.Secret = []string{name}, nil, secret })
		if !shared {
			k := keyFor(name)
			m = token.Maker{Algorithm: name, Key: k}
			c.Keys, c.Secret = token.Fixed{Set: token.NewSet(token.Key{Public: k.Public})}, nil
		}
		text := made(t, m, claims(nil))
		says(t, name, issuer(t, c), text, caller(t), "good")
		says(t, name+" altered", issuer(t, c), text[:len(text)-6]+"AAAAAA", caller(t), "signature")
		for other := range token.All() {
			if other == name || token.All()[other] != shared {
				continue
			}
			c := c
			c.Algorithms = []string{other}
			if i, err := token.New(c); err == nil {
				says(t, name+" for "+other, i, text, caller(t), "algorithm")
			}
		}
	}
}

func TestATokenIsRefusedForOneReason(t *testing.T) {
	t.Parallel()
	i := issuer(t, config())
	good := made(t, rs256, claims(nil))
	const payload = `{"iss":"https://idp.example/","aud":"api","exp":1800000060}`
	parts := strings.Split(good, ".")
	publicPEM := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: func() []byte {
		der, err := x509.MarshalPKIXPublicKey(rsaKey.Public)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}()}))
	for _, row := range []struct{ name, text, want string }{
		{"a good one", good, "good"},
		{"none", "", "missing"},
		{"one part", parts[0], "malformed"},
		{"two parts", parts[0] + "." + parts[1], "malformed"},
		{"four parts", good + ".", "malformed"},
		{"five parts, as of JWE", good + ".a.b", "malformed"},
		{"dots only", "..", "malformed"},
		{"10,000 dots", strings.Repeat(".", 10_000), "malformed"},
		{"16 KiB and a byte", strings.Repeat("a", token.MaxSize+1), "malformed"},
		{"blanks around it", " " + good, "malformed"},
		{"a new line in it", good[:20] + "\n" + good[20:], "malformed"},
		{"padding", good + "=", "malformed"},
		{"the alphabet of plain base64", strings.Replace(good, ".", "+.", 1), "malformed"},
		{"bits left over", parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])-1] + "_", "malformed"},
		{"no signature", parts[0] + "." + parts[1] + ".", "signature"},
		{"a token in JSON", `{"payload":"","signatures":[]}`, "malformed"},
		{"none as algorithm", unsigned(`{"alg":"none"}`, payload), "algorithm"},
		{"None", unsigned(`{"alg":"None"}`, payload), "algorithm"},
		{"no algorithm", unsigned(`{}`, payload), "algorithm"},
		{"an algorithm that is a number", unsigned(`{"alg":256}`, payload), "malformed"},
		{"an algorithm in other case", withHeader(t, `{"alg":"rs256"}`, payload), "algorithm"},
		{"a member in other case", withHeader(t, `{"ALG":"RS256"}`, payload), "algorithm"},
		{"an algorithm of RSA that is not listed", made(t, token.Maker{Algorithm: "PS256", Key: rsaKey}, claims(nil)), "algorithm"},
		{"HS256 with the public key as secret", hs256(publicPEM, payload), "algorithm"},
		{"crit", withHeader(t, `{"alg":"RS256","crit":["b64"],"b64":false}`, payload), "malformed"},
		{"an empty crit", withHeader(t, `{"alg":"RS256","crit":[]}`, payload), "malformed"},
		{"b64", withHeader(t, `{"alg":"RS256","b64":true}`, payload), "malformed"},
		{"enc", withHeader(t, `{"alg":"RS256","enc":"A128GCM"}`, payload), "malformed"},
		{"an algorithm twice", withHeader(t, `{"alg":"none","alg":"RS256"}`, payload), "malformed"},
		{"an algorithm twice, written differently", withHeader(t, `{"alg":"none","\u0061lg":"RS256"}`, payload), "malformed"},
		{"a header that is a list", withHeader(t, `["RS256"]`, payload), "malformed"},
		{"a header that is null", withHeader(t, `null`, payload), "malformed"},
		{"a header with text behind", withHeader(t, `{"alg":"RS256"}{}`, payload), "malformed"},
		{"a kid that is a number", withHeader(t, `{"alg":"RS256","kid":1}`, payload), "malformed"},
		{"a kid that is a path", withHeader(t, `{"alg":"RS256","kid":"../../etc/passwd"}`, payload), "good"},
		{"a kid that is SQL", withHeader(t, `{"alg":"RS256","kid":"' OR 1=1 --"}`, payload), "good"},
		{"a kid of 10 KiB", withHeader(t, `{"alg":"RS256","kid":"`+strings.Repeat("k", 10<<10)+`"}`, payload), "good"},
		{"jku, jwk, x5u and x5c are not followed", withHeader(t, `{"alg":"RS256","jku":"http://127.0.0.1/","jwk":{"kty":"oct","k":"AA"},"x5u":"x","x5c":["!"]}`, payload), "good"},
		{"another key", made(t, token.Maker{Algorithm: "RS256", Key: rsaKey2}, claims(nil)), "signature"},
		{"claims that are a list", withHeader(t, `{"alg":"RS256"}`, `[]`), "malformed"},
		{"claims that are null", withHeader(t, `{"alg":"RS256"}`, `null`), "malformed"},
		{"claims that are not JSON", withHeader(t, `{"alg":"RS256"}`, `{"exp":`), "malformed"},
		{"claims with text behind", withHeader(t, `{"alg":"RS256"}`, payload+"x"), "malformed"},
		{"claims that are not UTF-8", withHeader(t, `{"alg":"RS256"}`, `{"exp":1800000060,"x":"`+"\xff"+`"}`), "malformed"},
		{"claims that are nested deep", withHeader(t, `{"alg":"RS256"}`, `{"x":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`}`), "malformed"},
		{"exp twice", withHeader(t, `{"alg":"RS256"}`, `{"exp":1,"exp":1800000060}`), "malformed"},
		{"exp twice, written differently", withHeader(t, `{"alg":"RS256"}`, `{"exp":1,"e\u0078p":1800000060}`), "malformed"},
		{"a claim twice inside of one", withHeader(t, `{"alg":"RS256"}`, `{"exp":1800000060,"a":{"b":1,"b":2}}`), "malformed"},
		{"another issuer", made(t, rs256, claims(map[string]any{"iss": "https://idp.example"})), "issuer"},
		{"no issuer", made(t, rs256, claims(map[string]any{"iss": nil})), "issuer"},
		{"an issuer that is a list", made(t, rs256, claims(map[string]any{"iss": []string{"https://idp.example/"}})), "issuer"},
		{"another audience", made(t, rs256, claims(map[string]any{"aud": "API"})), "audience"},
		{"no audience", made(t, rs256, claims(map[string]any{"aud": nil})), "audience"},
		{"a list of audiences", made(t, rs256, claims(map[string]any{"aud": []any{1, "web", "api"}})), "good"},
		{"a list of other audiences", made(t, rs256, claims(map[string]any{"aud": []any{"web", "ap", "i"}})), "audience"},
		{"an empty list of audiences", made(t, rs256, claims(map[string]any{"aud": []any{}})), "audience"},
		{"an audience that is an object", made(t, rs256, claims(map[string]any{"aud": map[string]any{"api": true}})), "audience"},
		{"no exp", made(t, rs256, claims(map[string]any{"exp": nil})), "claim exp"},
		{"exp that is null", withHeader(t, `{"alg":"RS256"}`, `{"iss":"https://idp.example/","aud":"api","exp":null}`), "claim exp"},
		{"exp as text", made(t, rs256, claims(map[string]any{"exp": "1800000060"})), "claim exp"},
		{"exp that is true", made(t, rs256, claims(map[string]any{"exp": true})), "claim exp"},
		{"exp of 1e308", made(t, rs256, claims(map[string]any{"exp": 1e308})), "claim exp"},
		{"exp beyond all numbers", withHeader(t, `{"alg":"RS256"}`, `{"iss":"https://idp.example/","aud":"api","exp":1e999}`), "claim exp"},
		{"exp after the year 9999", made(t, rs256, claims(map[string]any{"exp": 253402300800})), "claim exp"},
		{"exp at its end", made(t, rs256, claims(map[string]any{"exp": 253402300799})), "good"},
		{"a negative exp", made(t, rs256, claims(map[string]any{"exp": -1})), "expired"},
		{"exp of -1e308", made(t, rs256, claims(map[string]any{"exp": -1e308})), "expired"},
		{"exp of 0", made(t, rs256, claims(map[string]any{"exp": 0})), "expired"},
		{"exp with a fraction", made(t, rs256, claims(map[string]any{"exp": 1800000000.5})), "good"},
		{"nbf as text", made(t, rs256, claims(map[string]any{"nbf": "0"})), "claim nbf"},
		{"nbf of 1e308", made(t, rs256, claims(map[string]any{"nbf": 1e308})), "claim nbf"},
		{"a negative nbf", made(t, rs256, claims(map[string]any{"nbf": -1})), "good"},
		{"iat as text", made(t, rs256, claims(map[string]any{"iat": "0"})), "claim iat"},
		{"iat in the future", made(t, rs256, claims(map[string]any{"iat": now.Unix() + 31})), "not yet valid"},
	} {
		says(t, row.name, i, row.text, caller(t), row.want)
	}
}

func unsigned(header, payload string) string {
	e := base64.RawURLEncoding
	return e.EncodeToString([]byte(header)) + "." + e.EncodeToString([]byte(payload)) + "."
}

func hs256(secret, payload string) string {
	text := strings.TrimSuffix(unsigned(`{"alg":"HS256"}`, payload), ".")
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func TestClocksMayDifferByTheLeeway(t *testing.T) {
	t.Parallel()
	i := issuer(t, config())
	for _, row := range []struct {
		claim string
		from  time.Duration
		want  string
	}{
		{"exp", -30*time.Second + time.Millisecond, "good"},
		{"exp", -30 * time.Second, "expired"},
		{"nbf", 30 * time.Second, "good"},
		{"nbf", 30*time.Second + time.Millisecond, "not yet valid"},
		{"iat", 30 * time.Second, "good"},
		{"iat", 30*time.Second + time.Millisecond, "not yet valid"},
	} {
		seconds := json.Number(fmt.Sprintf("%.3f", float64(now.Add(row.from).UnixMilli())/1000))
		text := made(t, rs256, claims(map[string]any{row.claim: seconds}))
		says(t, fmt.Sprint(row.claim, " ", row.from), i, text, caller(t), row.want)
	}
}

func TestTheOptionsOfAnIssuerAreKept(t *testing.T) {
	t.Parallel()
	typ := func(name string) token.Maker { return token.Maker{Algorithm: "RS256", Key: rsaKey, Type: name} }
	for _, row := range []struct {
		name   string
		change func(*token.Config)
		maker  token.Maker
		claims map[string]any
		want   string
	}{
		{"no issuer is looked at", func(c *token.Config) { c.Issuer = "" }, rs256, map[string]any{"iss": 7}, "good"},
		{"no audience is looked at", func(c *token.Config) { c.Audience = nil }, rs256, map[string]any{"aud": nil}, "good"},
		{"one of several audiences", func(c *token.Config) { c.Audience = []string{"x", "api"} }, rs256, nil, "good"},
		{"exp is not required", func(c *token.Config) { c.Required = nil }, rs256, map[string]any{"exp": nil}, "good"},
		{"a claim is required", func(c *token.Config) { c.Required = []string{"sub", "tenant"} }, rs256, nil, "claim tenant"},
		{"the type", func(c *token.Config) { c.Type = "at+jwt" }, typ("at+jwt"), nil, "good"},
		{"the type in other case and in full", func(c *token.Config) { c.Type = "at+jwt" }, typ("application/AT+JWT"), nil, "good"},
		{"another type", func(c *token.Config) { c.Type = "at+jwt" }, typ("JWT"), nil, "type"},
		{"no type", func(c *token.Config) { c.Type = "at+jwt" }, typ(""), nil, "type"},
		{"the age", func(c *token.Config) { c.MaxAge = time.Minute }, rs256, map[string]any{"iat": now.Unix() - 89}, "good"},
		{"too old", func(c *token.Config) { c.MaxAge = time.Minute }, rs256, map[string]any{"iat": now.Unix() - 90}, "expired"},
		{"no age", func(c *token.Config) { c.MaxAge = time.Minute }, rs256, nil, "claim iat"},
		{"without leeway", func(c *token.Config) { c.Leeway = 0 }, rs256, map[string]any{"exp": now.Unix()}, "expired"},
	} {
		says(t, row.name, issuer(t, config(row.change)), made(t, row.maker, claims(row.claims)), caller(t), row.want)
	}
}

func TestAnIssuerThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		change func(*token.Config)
		want   string
	}{
		{"no algorithms", func(c *token.Config) { c.Algorithms = nil }, `algorithms: expected a list, such as { "RS256" }`},
		{"none", func(c *token.Config) { c.Algorithms = []string{"none"} }, `algorithms: found "none"; allowed are ES256, ES384, ES512, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512`},
		{"HS256 beside RS256", func(c *token.Config) { c.Algorithms, c.Secret = []string{"RS256", "HS256"}, secret }, "algorithms: HS algorithms exclude all others: who can verify such a token can also make one"},
		{"HS256 with keys", func(c *token.Config) { c.Algorithms = []string{"HS256"} }, "secret: HS256 needs one"},
		{"RS256 with a secret", func(c *token.Config) { c.Secret = secret }, "secret: only HS algorithms use one, and algorithms has RS256"},
		{"a short secret", func(c *token.Config) { c.Algorithms, c.Secret = []string{"HS256"}, secret[:31] }, "secret: found 31 bytes; allowed are 32 and more"},
		{"no keys", func(c *token.Config) { c.Keys = nil }, "expected keys: one of jwks, discover, keys and secret"},
		{"a key of another kind", func(c *token.Config) { c.Algorithms = []string{"ES256"} }, "keys: found an RSA key; ES256 needs an EC key of curve P-256"},
		{"a key for another algorithm", func(c *token.Config) {
			c.Keys = token.Fixed{Set: token.NewSet(token.Key{Public: rsaKey.Public, Algorithm: "PS256"})}
		}, "keys: found a key for PS256; algorithms has RS256"},
	} {
		if _, err := token.New(config(row.change)); err == nil || err.Error() != row.want {
			t.Errorf("%s: got %v\nwant %s", row.name, err, row.want)
		}
	}
}

func TestATokenOfSeveralIssuersIsVerifiedByTheOneItNamesAlone(t *testing.T) {
	t.Parallel()
	one := issuer(t, config())
	other := issuer(t, config(func(c *token.Config) {
		c.Issuer, c.Keys = "https://other.example", token.Fixed{Set: token.NewSet(token.Key{Public: rsaKey2.Public})}
	}))
	both, err := token.NewAny(one, other)
	if err != nil {
		t.Fatal(err)
	}
	rs2 := token.Maker{Algorithm: "RS256", Key: rsaKey2}
	says(t, "the first", both, made(t, rs256, claims(nil)), caller(t), "good")
	says(t, "the second", both, made(t, rs2, claims(map[string]any{"iss": "https://other.example"})), caller(t), "good")
	says(t, "the name of one, the key of the other", both, made(t, rs2, claims(nil)), caller(t), "signature")
	says(t, "neither", both, made(t, rs256, claims(map[string]any{"iss": "https://third.example"})), caller(t), "issuer")
	says(t, "none", both, made(t, rs256, claims(map[string]any{"iss": nil})), caller(t), "issuer")
	says(t, "no token", both, "", caller(t), "missing")
	if _, err := token.NewAny(one, one); err == nil {
		t.Error("two issuers of one name are taken")
	}
	if _, err := token.NewAny(issuer(t, config(func(c *token.Config) { c.Issuer = "" }))); err == nil {
		t.Error("an issuer without a name is taken")
	}
}

func TestARememberedTokenStillEnds(t *testing.T) {
	t.Parallel()
	source := &counting{Source: token.Fixed{Set: token.NewSet(token.Key{Public: rsaKey.Public})}}
	i := issuer(t, config(func(c *token.Config) { c.Cache, c.Keys = 2, source }))
	text := made(t, rs256, claims(map[string]any{"exp": now.Unix() + 40, "nbf": now.Unix() - 10}))
	ask := func(name string, after time.Duration, want string, keys int) {
		t.Helper()
		says(t, name, i, text, at{background(), now.Add(after)}, want)
		if source.asked != keys {
			t.Errorf("%s: the keys were asked for %d times; want %d", name, source.asked, keys)
		}
	}
	ask("at first", 0, "good", 1)
	ask("remembered", 59*time.Second, "good", 1)
	ask("after a minute", 61*time.Second, "good", 2)
	ask("expired while remembered", 71*time.Second, "expired", 2)
	ask("the clock steps back", 0, "good", 3)
	ask("before it is valid", -50*time.Second, "not yet valid", 4)
	for n := range 5 {
		says(t, "others", i, made(t, rs256, claims(map[string]any{"jti": n})), caller(t), "good")
	}
	ask("forgotten for others", 0, "good", 10)
	says(t, "an altered one is not remembered", i, text[:len(text)-6]+"AAAAAA", caller(t), "signature")
}

type counting struct {
	token.Source
	asked int
}

func (c *counting) Get(caller token.Caller) (*token.Set, error) {
	c.asked++
	return c.Source.Get(caller)
}

func TestTheClaimsAreThoseThatWereSigned(t *testing.T) {
	t.Parallel()
	const payload = `{"exp":1800000060,"iss":"https://idp.example/","aud":"api","sub":"ann","n":12345678901234567890,"f":1.50,
		"realm":{"roles":["a","b"],"deep":{"x":true}},"a.b":"dotted","scope":"read write","list":["x",1,false],"odd":["x",{}],"ctl":"a\nb","null":null}`
	c, err := issuer(t, config()).Verify(withHeader(t, `{"alg":"RS256"}`, payload), caller(t))
	if err != nil {
		t.Fatal(err)
	}
	if c.JSON() != payload || c.ID() != "ann" {
		t.Errorf("got %s of %s", c.JSON(), c.ID())
	}
	for path, want := range map[string]string{
		"n": "12345678901234567890", "f": "1.50", "realm.roles": "a,b", "realm.deep.x": "true", "a.b": "dotted", "list": "x,1,false",
		"realm": "", "odd": "", "ctl": "", "null": "", "none": "", "sub.x": "", "": "", ".": "",
	} {
		if got, ok := c.Text(path); got != want || ok != (want != "") {
			t.Errorf("%s is %q, %v; want %q", path, got, ok, want)
		}
	}
	if !c.Any("realm.roles", []string{"z", "b"}) || c.Any("realm.roles", []string{"ab"}) || !c.Any("realm.deep.x", []string{"true"}) || c.Any("none", []string{""}) {
		t.Error("a claim is compared wrongly")
	}
	if !c.HasScopes([]string{"write", "read"}) || c.HasScopes([]string{"rea"}) || c.HasScopes([]string{"read", "admin"}) {
		t.Error("scopes are compared wrongly")
	}
}

// What go-jose does not verify with a key and an algorithm, is not verified here either.
func TestWhatIsVerifiedIsVerifiedByGoJOSEToo(t *testing.T) {
	t.Parallel()
	for name, shared := range token.All() {
		m := token.Maker{Algorithm: name, Secret: secret}
		var verifies any = secret
		if !shared {
			m = token.Maker{Algorithm: name, Key: keyFor(name)}
			verifies = m.Key.Public
		}
		ours := made(t, m, claims(nil))
		parsed, err := jwt.ParseSigned(ours, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(name)})
		if err == nil {
			err = parsed.Claims(verifies, &map[string]any{})
		}
		if err != nil {
			t.Errorf("%s that we made: %v", name, err)
		}
		signs := any(secret)
		if !shared {
			signs = m.Key.Private
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(name), Key: signs}, nil)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := jwt.Signed(signer).Claims(claims(nil)).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		c := config(func(c *token.Config) { c.Algorithms, c.Keys, c.Secret = []string{name}, nil, secret })
		if !shared {
			c.Keys, c.Secret = token.Fixed{Set: token.NewSet(token.Key{Public: m.Key.Public})}, nil
		}
		says(t, name+" that go-jose made", issuer(t, c), theirs, caller(t), "good")
	}
}
