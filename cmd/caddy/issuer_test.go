package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// issuer signs tokens.
type issuer struct {
	t         *testing.T
	algorithm jose.SignatureAlgorithm
	key       crypto.Signer
}

func newIssuer(t *testing.T, algorithm jose.SignatureAlgorithm) *issuer {
	t.Helper()
	i := &issuer{t: t, algorithm: algorithm}
	var err error
	switch algorithm {
	case jose.RS256:
		i.key, err = rsa.GenerateKey(rand.Reader, 2048)
	case jose.ES256:
		i.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		t.Fatalf("nobody makes a key for %s", algorithm)
	}
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// serve starts the issuer's server, whose address is $name. It describes the issuer, and has its keys at any other path.
func (i *issuer) serve(c *e2e.Caddy, name string) *e2e.Origin {
	return c.Serve(name, func(w http.ResponseWriter, r *http.Request) {
		self := "http://" + r.Host
		if path, ok := strings.CutSuffix(r.URL.Path, "/.well-known/openid-configuration"); ok {
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": self + path, "jwks_uri": self + path + "/keys"})
			return
		}
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: i.key.Public(), KeyID: "a", Algorithm: string(i.algorithm), Use: "sig"}}})
	})
}

// public returns the public key as PEM.
func (i *issuer) public() string {
	i.t.Helper()
	der, err := x509.MarshalPKIXPublicKey(i.key.Public())
	if err != nil {
		i.t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// token returns a header field with a token of ann's for the audience api. Claims are added, or take the place of these.
func (i *issuer) token(from string, more map[string]any) string {
	i.t.Helper()
	claims := map[string]any{"iss": from, "sub": "ann", "aud": "api", "exp": time.Now().Unix() + 600}
	maps.Copy(claims, more)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: i.algorithm, Key: jose.JSONWebKey{Key: i.key, KeyID: "a"}}, nil)
	if err != nil {
		i.t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		i.t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		i.t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		i.t.Fatal(err)
	}
	return "Authorization: Bearer " + text
}
