package token

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/luaroute/caddy-luaroute/luaroute/sign"
)

const (
	// MaxSet is the size of the largest set of keys, in bytes.
	MaxSet = 1 << 20
	// maxKeys is how many keys a set may have.
	maxKeys = 100
	// maxTried is how many keys are tried for one token.
	maxTried = 5
)

// Key is a public key, and what it is for.
type Key struct {
	ID string
	// Algorithm is empty for all that fit.
	Algorithm string
	// Public verifies.
	Public crypto.PublicKey
	// Private is nil for keys that only verify.
	Private crypto.Signer
}

// Set are the keys of an issuer.
type Set struct{ keys []Key }

// NewSet returns a set of keys.
func NewSet(keys ...Key) *Set { return &Set{keys: keys} }

// candidates returns the keys that may have signed a token: those of its kid, or those without one; without a kid, all.
func (s *Set) candidates(a *sign.Algorithm, id string) []Key {
	var named, unnamed []Key
	for _, k := range s.keys {
		if k.Algorithm != "" && k.Algorithm != a.Name || a.Fits(k.Public) != nil {
			continue
		}
		switch {
		case id == "" || k.ID == "":
			unnamed = append(unnamed, k)
		case k.ID == id:
			named = append(named, k)
		}
	}
	if len(named) == 0 {
		named = unnamed
	}
	return named[:min(len(named), maxTried)]
}

// ParseKey returns the key in a PEM text or a JWK. A private key also verifies.
func ParseKey(text string) (Key, error) {
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		if private, err := sign.ParsePrivate(text); err == nil {
			return Key{Public: private.Public(), Private: private}, nil
		}
		public, err := sign.ParsePublic(text)
		return Key{Public: public}, err
	}
	if len(text) > sign.MaxPEM {
		return Key{}, fmt.Errorf("found a JWK of %d bytes; allowed are %d", len(text), sign.MaxPEM)
	}
	return parseJWK([]byte(text))
}

// fitsSome returns an error unless an algorithm uses the key.
func fitsSome(key crypto.PublicKey) (err error) {
	for _, name := range []string{"RS256", "ES256", "ES384", "ES512", "EdDSA"} {
		if err = sign.Algorithms[name].Fits(key); err == nil || strings.HasPrefix(err.Error(), "an RSA key of") {
			return err
		}
	}
	return err
}

func parseJWK(text []byte) (Key, error) {
	var kind struct {
		Type string `json:"kty"`
	}
	if err := json.Unmarshal(text, &kind); err != nil {
		return Key{}, errors.New("expected a JWK, which is an object of JSON")
	}
	if kind.Type == "oct" {
		return Key{}, errors.New("found a shared secret, kty oct; it belongs in the option secret")
	}
	var k jose.JSONWebKey
	if err := k.UnmarshalJSON(text); err != nil {
		return Key{}, errors.New(strings.TrimPrefix(err.Error(), "go-jose/go-jose: "))
	}
	if k.Use != "" && k.Use != "sig" {
		return Key{}, fmt.Errorf("found a key for the use %q; expected sig", k.Use)
	}
	key := Key{ID: k.KeyID, Algorithm: k.Algorithm, Public: k.Key}
	if private, ok := k.Key.(crypto.Signer); ok {
		key.Private, key.Public = private, private.Public()
	}
	return key, fitsSome(key.Public)
}

// errNoKeys is that of a set in which no key can be used.
var errNoKeys = errors.New("the set has no key that can be used")

// ParseSet returns the keys of a JWKS text. Those that cannot be used are left out, and private ones.
func ParseSet(text []byte) (*Set, error) {
	if len(text) > MaxSet {
		return nil, fmt.Errorf("the set has %d bytes; allowed are %d", len(text), MaxSet)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil || set.Keys == nil {
		return nil, errors.New("expected a set of keys, such as {\"keys\":[…]}")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("the set has %d keys; allowed are %d", len(set.Keys), maxKeys)
	}
	s := new(Set)
	for _, text := range set.Keys {
		if key, err := parseJWK(bytes.TrimSpace(text)); err == nil && key.Private == nil {
			s.keys = append(s.keys, key)
		}
	}
	if len(s.keys) == 0 {
		return nil, errNoKeys
	}
	return s, nil
}

// ParseKeys returns the keys of an issuer that are written down: a JWKS, a JWK, or PEM texts.
func ParseKeys(texts ...string) (*Set, error) {
	all := new(Set)
	for _, text := range texts {
		if strings.HasPrefix(strings.TrimSpace(text), "{") && strings.Contains(text, `"keys"`) {
			set, err := ParseSet([]byte(text))
			if err != nil {
				return nil, err
			}
			all.keys = append(all.keys, set.keys...)
			continue
		}
		key, err := ParseKey(text)
		if err != nil {
			return nil, err
		}
		all.keys = append(all.keys, key)
	}
	if len(all.keys) > maxKeys {
		return nil, fmt.Errorf("found %d keys; allowed are %d", len(all.keys), maxKeys)
	}
	return all, nil
}
