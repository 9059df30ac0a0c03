package token

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/luaroute/caddy-luaroute/luaroute/sign"
)

// Maker makes tokens.
type Maker struct {
	// Algorithm is one of AlgorithmNames.
	Algorithm string
	// Key is the one that signs; Secret is that of HS algorithms.
	Key    Key
	Secret []byte
	// KeyID and Type are in the header. Without a KeyID it is the one of the Key. Type may be empty.
	KeyID, Type string
}

// Check reports what cannot sign.
func (m *Maker) Check() error {
	secret, ok := All()[m.Algorithm]
	switch {
	case !ok:
		return fmt.Errorf("algorithm: found %q; allowed are %s", m.Algorithm, strings.Join(AlgorithmNames(), ", "))
	case secret && m.Key.Private != nil, secret && m.Secret == nil:
		return fmt.Errorf("%s needs a secret, and no key", m.Algorithm)
	case secret && len(m.Secret) < MinSecret:
		return fmt.Errorf("secret: found %d bytes; allowed are %d and more", len(m.Secret), MinSecret)
	case secret:
		return nil
	case m.Secret != nil:
		return fmt.Errorf("%s needs a key, and no secret", m.Algorithm)
	case m.Key.Private == nil:
		return errors.New("key: found a public key; a private one signs")
	case m.Key.Algorithm != "" && m.Key.Algorithm != m.Algorithm:
		return fmt.Errorf("key: found one for %s", m.Key.Algorithm)
	}
	if err := sign.Algorithms[m.Algorithm].Fits(m.Key.Public); err != nil {
		return fmt.Errorf("key: found %w", err)
	}
	return nil
}

// Steps is how long Sign takes at most, in steps of 50 ns.
func (m *Maker) Steps() int {
	if m.Secret != nil {
		return secretSteps
	}
	return sign.Algorithms[m.Algorithm].SignSteps(m.Key.Public)
}

// Sign returns a token with claims, which are an object of JSON.
func (m *Maker) Sign(claims []byte) (string, error) {
	kid := m.KeyID
	if kid == "" {
		kid = m.Key.ID
	}
	header, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		Type      string `json:"typ,omitempty"`
		KeyID     string `json:"kid,omitempty"`
	}{m.Algorithm, m.Type, kid})
	if err != nil {
		return "", err
	}
	e := base64.RawURLEncoding
	text := e.EncodeToString(header) + "." + e.EncodeToString(claims)
	if size := len(text) + 1 + maxSignature; size > MaxSize {
		return "", fmt.Errorf("the token would have about %d bytes; allowed are %d", size, MaxSize)
	}
	signature, err := m.sign([]byte(text))
	if err != nil {
		return "", err
	}
	return text + "." + e.EncodeToString(signature), nil
}

// maxSignature is the length of the longest signature in a token, that of an RSA key of 8192 bits.
const maxSignature = (sign.MaxRSA/8*4 + 2) / 3

func (m *Maker) sign(text []byte) ([]byte, error) {
	if m.Secret != nil {
		h := hmac.New(hmacs[m.Algorithm].New, m.Secret)
		h.Write(text)
		return h.Sum(nil), nil
	}
	a := sign.Algorithms[m.Algorithm]
	h := a.New()
	h.Write(text)
	return a.Sign(m.Key.Private, h)
}
