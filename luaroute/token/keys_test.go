package token_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/luaroute/caddy-luaroute/luaroute/token"
)

func jwk(t testing.TB, k any, change func(*jose.JSONWebKey)) string {
	t.Helper()
	j := jose.JSONWebKey{Key: k, KeyID: "a"}
	if change != nil {
		change(&j)
	}
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestOfASetOnlyKeysThatVerifyAreUsed(t *testing.T) {
	t.Parallel()
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	rs := token.Maker{Algorithm: "RS256", Key: rsaKey, KeyID: "a"}
	good := jwk(t, rsaKey.Public, nil)
	other := jwk(t, p521.Public, func(k *jose.JSONWebKey) { k.KeyID = "other" })
	for _, row := range []struct {
		name, key, want string
		maker           token.Maker
	}{
		{"the key", good, "good", rs},
		{"no kid in the token", good, "good", rs256},
		{"another kid", good, "unknown key", token.Maker{Algorithm: "RS256", Key: rsaKey, KeyID: "b"}},
		{"a kid in other case", good, "unknown key", token.Maker{Algorithm: "RS256", Key: rsaKey, KeyID: "A"}},
		{"no kid in the set", jwk(t, rsaKey.Public, func(k *jose.JSONWebKey) { k.KeyID = "" }), "good", rs},
		{"use sig", jwk(t, rsaKey.Public, func(k *jose.JSONWebKey) { k.Use = "sig" }), "good", rs},
		{"use enc", jwk(t, rsaKey.Public, func(k *jose.JSONWebKey) { k.Use = "enc" }), "unknown key", rs},
		{"alg", jwk(t, rsaKey.Public, func(k *jose.JSONWebKey) { k.Algorithm = "RS256" }), "good", rs},
		{"another alg", jwk(t, rsaKey.Public, func(k *jose.JSONWebKey) { k.Algorithm = "PS256" }), "unknown key", rs},
		{"a private key", jwk(t, rsaKey.Private, nil), "unknown key", rs},
		{"a shared secret", `{"kty":"oct","kid":"a","k":"c3NzcwMzc3NzcwMzc3NzcwMzc3NzcwMzc3NzcwMzc3NzcwMz"}`, "unknown key", rs},
		{"a short key", jwk(t, short.Public(), nil), "unknown key", rs},
		{"another curve", jwk(t, p384.Public, nil), "unknown key", token.Maker{Algorithm: "ES256", Key: p256, KeyID: "a"}},
		{"a kind that nobody knows", `{"kty":"XYZ","kid":"a"}`, "unknown key", rs},
		{"no key", `"a"`, "unknown key", rs},
		{"a key twice in a member", `{"kty":"RSA","kty":"RSA","kid":"a"}`, "unknown key", rs},
		{"several of one kid", jwk(t, rsaKey2.Public, nil) + "," + good, "good", rs},
		{"the sixth of one kid", strings.Repeat(jwk(t, rsaKey2.Public, nil)+",", 5) + good, "signature", rs},
	} {
		set, err := token.ParseSet([]byte(`{"keys":[` + other + "," + row.key + `]}`))
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		c := config(func(c *token.Config) { c.Algorithms, c.Keys = []string{"RS256", "ES256"}, token.Fixed{Set: set} })
		if row.name == "another curve" {
			c.Algorithms = []string{"ES256", "ES384"}
		}
		c.Keys = &counting{Source: c.Keys} // without the check of what is written down
		says(t, row.name, issuer(t, c), made(t, row.maker, claims(nil)), caller(t), row.want)
	}
}

func TestWhatIsNoSetOfKeysIsRefused(t *testing.T) {
	t.Parallel()
	good := jwk(t, rsaKey.Public, nil)
	const expected = `expected a set of keys, such as {"keys":[…]}`
	for _, row := range []struct{ name, text, want string }{
		{"nothing", "", expected},
		{"HTML", "<!doctype html><title>Login</title>", expected},
		{"a list", "[]", expected},
		{"no keys in it", `{}`, expected},
		{"null", `{"keys":null}`, expected},
		{"an empty set", `{"keys":[]}`, "the set has no key that can be used"},
		{"a set of secrets", `{"keys":[{"kty":"oct","k":"AAAA"}]}`, "the set has no key that can be used"},
		{"more than 100 keys", `{"keys":[` + strings.Repeat(good+",", 100) + good + `]}`, "the set has 101 keys; allowed are 100"},
		{"more than 1 MiB", strings.Repeat(" ", 1<<20) + `{"keys":[]}`, fmt.Sprintf("the set has %d bytes; allowed are 1048576", 1<<20+11)},
		{"keys twice", `{"keys":[],"keys":[` + good + `]}`, expected},
	} {
		if _, err := token.ParseSet([]byte(row.text)); err == nil || err.Error() != row.want {
			t.Errorf("%s: got %v; want %s", row.name, err, row.want)
		}
	}
}

func TestWhatCannotSignIsRefused(t *testing.T) {
	t.Parallel()
	public := token.Key{Public: rsaKey.Public}
	for _, row := range []struct {
		name, want string
		maker      token.Maker
	}{
		{"no algorithm", `algorithm: found ""; allowed are ES256, ES384, ES512, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512`, token.Maker{Key: rsaKey}},
		{"a public key", "key: found a public key; a private one signs", token.Maker{Algorithm: "RS256", Key: public}},
		{"a key of another kind", "key: found an EC key; RS256 needs an RSA key", token.Maker{Algorithm: "RS256", Key: p256}},
		{"another curve", "key: found a key of curve P-384; ES256 needs P-256", token.Maker{Algorithm: "ES256", Key: p384}},
		{"a short secret", "secret: found 3 bytes; allowed are 32 and more", token.Maker{Algorithm: "HS256", Secret: []byte("abc")}},
		{"a key as secret", "HS256 needs a secret, and no key", token.Maker{Algorithm: "HS256", Key: rsaKey, Secret: secret}},
		{"a secret as key", "RS256 needs a key, and no secret", token.Maker{Algorithm: "RS256", Secret: secret}},
	} {
		if err := row.maker.Check(); err == nil || err.Error() != row.want {
			t.Errorf("%s: got %v; want %s", row.name, err, row.want)
		}
	}
	if _, err := rs256.Sign([]byte(`{"x":"` + strings.Repeat("x", 16<<10) + `"}`)); err == nil {
		t.Error("a token is made that nobody takes")
	}
}
