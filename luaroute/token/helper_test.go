package token_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/luaroute/sign"
	"github.com/luaroute/caddy-luaroute/luaroute/token"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// Keys of the tests.
var (
	rsaKey  = key(rsa.GenerateKey(rand.Reader, 2048))
	rsaKey2 = key(rsa.GenerateKey(rand.Reader, 2048))
	p256    = key(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	p384    = key(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	p521    = key(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))
	edKey   = token.Key{Private: edPrivate, Public: edPrivate.Public()}
	secret  = []byte(strings.Repeat("s", 64))

	edPrivate = ed25519.NewKeyFromSeed(make([]byte, 32))
)

func key[K crypto.Signer](k K, err error) token.Key {
	if err != nil {
		panic(err)
	}
	return token.Key{Private: k, Public: k.Public()}
}

// keyFor returns a key that an algorithm uses.
func keyFor(algorithm string) token.Key {
	for _, k := range []token.Key{rsaKey, p256, p384, p521, edKey} {
		if sign.Algorithms[algorithm].Fits(k.Public) == nil {
			return k
		}
	}
	panic("no key for " + algorithm)
}

// now is the time of the tests.
var now = time.Unix(1_800_000_000, 0)

// at is a Caller at a time.
type at struct {
	token.Caller
	time time.Time
}

func (a at) Now() time.Time { return a.time }

func caller(t testing.TB) token.Caller { return at{token.Background(t.Context()), now} }

// claims are those of a good token, with changes; nil removes one.
func claims(changes map[string]any) map[string]any {
	c := map[string]any{"iss": "https://idp.example/", "aud": "api", "sub": "ann", "exp": now.Unix() + 60}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// made returns a token with claims.
func made(t testing.TB, m token.Maker, claims map[string]any) string {
	t.Helper()
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return signed(t, m, string(text))
}

// signed returns a token with a payload.
func signed(t testing.TB, m token.Maker, payload string) string {
	t.Helper()
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	text, err := m.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// withHeader returns a token of an RSA key with any header.
func withHeader(t testing.TB, header, payload string) string {
	t.Helper()
	e := base64.RawURLEncoding
	text := e.EncodeToString([]byte(header)) + "." + e.EncodeToString([]byte(payload))
	a := sign.Algorithms["RS256"]
	h := a.New()
	h.Write([]byte(text))
	s, err := a.Sign(rsaKey.Private, h)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + e.EncodeToString(s)
}

// config is that of an issuer of RSA tokens, with the defaults of scripts.
func config(changes ...func(*token.Config)) token.Config {
	c := token.Config{
		Issuer: "https://idp.example/", Audience: []string{"api"}, Algorithms: []string{"RS256"}, Leeway: 30 * time.Second, Required: []string{"exp"},
		Keys: token.Fixed{Set: token.NewSet(token.Key{Public: rsaKey.Public})},
	}
	for _, change := range changes {
		change(&c)
	}
	return c
}

func issuer(t testing.TB, c token.Config) *token.Issuer {
	t.Helper()
	i, err := token.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

var rs256 = token.Maker{Algorithm: "RS256", Key: rsaKey}

// jwks returns a set of keys with their names.
func jwks(t testing.TB, keys map[string]token.Key) string {
	t.Helper()
	var set jose.JSONWebKeySet
	for id, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Public, KeyID: id, Use: "sig"})
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// says compares why a token is refused.
func says(t *testing.T, name string, v token.Verifier, text string, c token.Caller, want string) {
	t.Helper()
	got := "good"
	claims, err := v.Verify(text, c)
	if err != nil {
		got = err.Error()
	}
	if got != want || (claims == nil) != (err != nil) {
		t.Errorf("%s: got %s and claims %v; want %s", name, got, claims != nil, want)
	}
}

func background() token.Caller { return token.Background(context.Background()) }

// serve returns the address of a server.
func serve(t testing.TB, handler http.HandlerFunc) string {
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}
