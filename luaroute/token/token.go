// Package token verifies and makes JSON Web Tokens. It knows no Lua:
//
//	idp, err := token.New(token.Config{Issuer: "https://idp.example/", Algorithms: []string{"RS256"}, Keys: keys})
//	claims, err := idp.Verify(text, token.Background(ctx))
//
// What is signed is believed only after the header named an algorithm that the issuer lists, the key is one for that algorithm, and the
// key does not come from the token. The errors of Verify are short and say nothing of the token, so that they can be told to clients.
package token

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"
)

const (
	// MaxSize is the size of the largest token, in bytes.
	MaxSize = 16 << 10
	// maxDepth is how deep the claims may be nested.
	maxDepth = 64
)

// Why a token is refused. There are ClaimError and these.
var (
	ErrMissing     = errors.New("missing")
	ErrMalformed   = errors.New("malformed")
	ErrAlgorithm   = errors.New("algorithm")
	ErrUnknownKey  = errors.New("unknown key")
	ErrSignature   = errors.New("signature")
	ErrExpired     = errors.New("expired")
	ErrNotYet      = errors.New("not yet valid")
	ErrIssuer      = errors.New("issuer")
	ErrAudience    = errors.New("audience")
	ErrType        = errors.New("type")
	ErrUnavailable = errors.New("keys unavailable") // the only one that is not the client's fault
)

// ClaimError says that a claim of the name is missing, or of the wrong type.
type ClaimError string

// Error returns "claim NAME".
func (name ClaimError) Error() string { return "claim " + string(name) }

// Header is what is read of the header of a token.
type Header struct {
	Algorithm string          `json:"alg"`
	KeyID     string          `json:"kid"`
	Type      string          `json:"typ"`
	Critical  json.RawMessage `json:"crit"`
	Base64    json.RawMessage `json:"b64"`
	Encrypted json.RawMessage `json:"enc"`
}

// parts are a token as it came: three parts of base64url.
type parts struct {
	header    Header
	rawHeader []byte
	signed    string // header and claims with the dot between them
	claims    string
	signature string
}

// split reads the header of a token. The claims and the signature are left as they are, until it is known what they are for.
func split(text string) (p parts, err error) {
	if text == "" {
		return p, ErrMissing
	}
	if len(text) > MaxSize {
		return p, ErrMalformed
	}
	var dots [2]int
	n := 0
	for i := range len(text) {
		c := text[i]
		switch {
		case c == '.':
			if n == len(dots) {
				return p, ErrMalformed
			}
			dots[n] = i
			n++
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return p, ErrMalformed
		}
	}
	if n != len(dots) {
		return p, ErrMalformed
	}
	p.signed, p.claims, p.signature = text[:dots[1]], text[dots[0]+1:dots[1]], text[dots[1]+1:]
	if p.rawHeader, err = decode(text[:dots[0]]); err != nil {
		return p, err
	}
	if !wellFormed(p.rawHeader) || json.Unmarshal(p.rawHeader, &p.header) != nil {
		return p, ErrMalformed
	}
	if h := &p.header; h.Critical != nil || h.Base64 != nil || h.Encrypted != nil {
		return p, ErrMalformed
	}
	return p, nil
}

// decode returns the bytes of a part.
func decode(text string) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, ErrMalformed
	}
	return b, nil
}

// wellFormed reports whether a text may be an object of JSON that is not too deep. Whether it is one is up to the decoder.
func wellFormed(text []byte) bool {
	if !utf8.Valid(text) || len(text) == 0 || text[0] != '{' {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			if depth++; depth > maxDepth {
				return false
			}
		case c == '}', c == ']':
			depth--
		}
	}
	return true
}

// object returns an object of JSON whose numbers keep their digits. No object in it has a key twice.
func object(text []byte) (map[string]any, error) {
	if !wellFormed(text) {
		return nil, ErrMalformed
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.SetNumberType(json.UnmarshalJSONNumber)
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return nil, ErrMalformed
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, ErrMalformed
	}
	return m, nil
}

// Peek returns the header and the claims of a token that nobody has verified, as JSON.
func Peek(text string) (header, claims []byte, err error) {
	p, err := split(text)
	if err != nil {
		return nil, nil, err
	}
	c, err := readClaims(p.claims)
	if err != nil {
		return nil, nil, err
	}
	if _, err := object(p.rawHeader); err != nil {
		return nil, nil, err
	}
	return p.rawHeader, []byte(c.text), nil
}

// IssuerOf returns the issuer that a token says it is from, which nobody has verified.
func IssuerOf(text string) (string, error) {
	_, claims, err := Peek(text)
	if err != nil {
		return "", err
	}
	c, err := object(claims)
	if err != nil {
		return "", err
	}
	name, ok := c["iss"].(string)
	if !ok {
		return "", ErrIssuer
	}
	return strings.Clone(name), nil
}
