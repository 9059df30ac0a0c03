package crypto_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/sign"
)

// Keys of the tests, as PEM texts.
var (
	rsaPrivate, rsaPublic = pair(must(rsa.GenerateKey(rand.Reader, 2048)))
	p256Private, p256     = pair(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)))
	p384Private, p384     = pair(must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)))
	p521Private, p521     = pair(must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)))
	edPrivate, edPublic   = pair(ed25519.NewKeyFromSeed(make([]byte, 32)))
	shortPrivate, short   = pair(must(rsa.GenerateKey(rand.Reader, 1024)))
	certificate           = selfSigned()
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func pair(key crypto.Signer) (private, public string) {
	return text("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key))), text("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(key.Public())))
}

func text(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func selfSigned() string {
	key := must(sign.ParsePrivate(p256Private))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "ann", Organization: []string{"Acme"}},
		NotBefore: time.Unix(1_700_000_000, 0), NotAfter: time.Unix(1_800_000_000, 0),
		DNSNames: []string{"a.example", "b.example"}, EmailAddresses: []string{"ann@acme.example"},
		URIs: []*url.URL{{Scheme: "spiffe", Host: "acme", Path: "/ann"}}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)},
	}
	return text("CERTIFICATE", must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)))
}

func TestACertificateSaysWhoseItIs(t *testing.T) {
	t.Parallel()
	got, err := world.Call(t, `local c = assert(crypto.certificate([[`+certificate+`]]))
		return table.concat({ c.subject, c.issuer, c.serial, c.not_before, c.not_after, table.concat(c.dns_names, "+"), c.uris[1], c.emails[1],
			c.ips[1], #c.fingerprint, c.key.type, c.key.bits }, " ")`)
	want := "CN=ann,O=Acme CN=ann,O=Acme 7 1700000000 1800000000 a.example+b.example spiffe://acme/ann ann@acme.example 10.0.0.1 64 ec 256"
	if err != nil || got != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

func TestWhatIsNoCertificateIsAnErrorThatIsReturned(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ text, want string }{
		{"", "expected PEM, which begins with -----BEGIN"},
		{rsaPublic, `found PEM of type "PUBLIC KEY"; expected CERTIFICATE`},
		{strings.Repeat("x", 65537), "found 65537 bytes of PEM; allowed are 65536"},
		{text("CERTIFICATE", []byte("x")), "x509: malformed certificate"},
	} {
		if got, err := world.Eval(t, fmt.Sprintf(`crypto.certificate(%s)`, "[["+row.text+"]]")); err != nil || got != "nil "+row.want {
			t.Errorf("%.40q: got %s, %v; want %s", row.text, got, err, row.want)
		}
	}
}

func TestASignatureIsGoodForItsKeyAndStringOnly(t *testing.T) {
	t.Parallel()
	keys := map[string][2]string{
		"RS256": {rsaPrivate, rsaPublic}, "RS384": {rsaPrivate, rsaPublic}, "RS512": {rsaPrivate, rsaPublic},
		"PS256": {rsaPrivate, rsaPublic}, "PS384": {rsaPrivate, rsaPublic}, "PS512": {rsaPrivate, rsaPublic},
		"ES256": {p256Private, p256}, "ES384": {p384Private, p384}, "ES512": {p521Private, p521}, "EdDSA": {edPrivate, edPublic},
	}
	for name := range sign.Algorithms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := keys[name]
			got, err := world.Call(t, fmt.Sprintf(`local a, private, public, s = %q, [[%s]], [[%s]], ("x"):rep(100000)
				local signature = crypto.sign(a, private, s)
				local raw = crypto.sign(a, private, s, "raw")
				return table.concat({
					tostring(crypto.verify(a, public, s, signature)), tostring(crypto.verify(a, private, s, signature)),
					tostring(crypto.verify(a, public, s, raw, "raw")),
					tostring(crypto.verify(a, public, s, crypto.sign(a, private, s, "base64"), "base64")),
					tostring(crypto.verify(a, public, s .. "y", signature)), tostring(crypto.verify(a, public, s, signature .. "00")),
					tostring(crypto.verify(a, public, s, "")), tostring(crypto.verify(a, public, s, "zz")),
					tostring(crypto.verify(a, public, s, ("00"):rep(#raw))), tostring(crypto.verify(a, public, s, ("00"):rep(5000))),
				}, " ")`, name, key[0], key[1]))
			if want := "true true true true false false false false false false"; err != nil || got != want {
				t.Errorf("got  %s, %v\nwant %s", got, err, want)
			}
		})
	}
}

// Others sign with ECDSA as ASN.1, and so does openssl.
func TestASignatureOfOpenSSLsFormIsVerified(t *testing.T) {
	t.Parallel()
	key := must(sign.ParsePrivate(p256Private)).(*ecdsa.PrivateKey)
	h := sign.Algorithms["ES256"].New()
	h.Write([]byte("x"))
	signature := must(ecdsa.SignASN1(rand.Reader, key, h.Sum(nil)))
	if got, err := world.Eval(t, fmt.Sprintf(`crypto.verify("ES256", [[%s]], "x", "%x")`, certificate, signature)); err != nil || got != "true" {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestAKeyThatDoesNotFitItsAlgorithmRaises(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ call, key, want string }{
		{"verify('RS256', k, 's', '')", p256, "#2 to 'verify' (key: found an EC key; RS256 needs an RSA key)"},
		{"verify('ES256', k, 's', '')", p384, "#2 to 'verify' (key: found a key of curve P-384; ES256 needs P-256)"},
		{"verify('ES256', k, 's', '')", rsaPublic, "#2 to 'verify' (key: found an RSA key; ES256 needs an EC key of curve P-256)"},
		{"verify('EdDSA', k, 's', '')", rsaPublic, "#2 to 'verify' (key: found an RSA key; EdDSA needs an Ed25519 key)"},
		{"verify('PS256', k, 's', '')", edPublic, "#2 to 'verify' (key: found an Ed25519 key; PS256 needs an RSA key)"},
		{"verify('RS256', k, 's', '')", short, "#2 to 'verify' (key: found an RSA key of 1024 bits; allowed are 2048 to 8192)"},
		{"sign('RS256', k, 's')", shortPrivate, "#2 to 'sign' (key: found an RSA key of 1024 bits; allowed are 2048 to 8192)"},
		{
			"sign('RS256', k, 's')", rsaPublic,
			`#2 to 'sign' (key: found PEM of type "PUBLIC KEY"; allowed are PUBLIC KEY, CERTIFICATE and PRIVATE KEY without a password)`,
		},
		{"sign('EdDSA', k, ('x'):rep(1048577))", edPrivate, "#3 to 'sign' (s: found 1048577 bytes; EdDSA allows 1048576)"},
		{
			"verify('HS256', k, 's', '')", rsaPublic,
			`#1 to 'verify' (algorithm: no algorithm "HS256"; allowed are ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512)`,
		},
		{"verify('RS256', '', 's', '')", "", "#2 to 'verify' (key: expected PEM, which begins with -----BEGIN)"},
	} {
		_, err := world.Call(t, "local k = [["+row.key+"]] return crypto."+row.call)
		if err == nil || !strings.HasSuffix(err.Error(), "bad argument "+row.want) {
			t.Errorf("%s: got %v\nwant %s", row.call, err, row.want)
		}
	}
}

// The keys of openssl come in forms of their own: those of PKCS 1 and SEC 1.
func TestKeysAreReadInTheFormsThatToolsWrite(t *testing.T) {
	t.Parallel()
	rsaKey := must(sign.ParsePrivate(rsaPrivate)).(*rsa.PrivateKey)
	ecKey := must(sign.ParsePrivate(p256Private)).(*ecdsa.PrivateKey)
	for name, text := range map[string]string{
		"PKCS 1":            text("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)),
		"PKCS 1, public":    text("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey)),
		"SEC 1":             text("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(ecKey))),
		"SEC 1, parameters": text("EC PARAMETERS", []byte{6, 0}) + text("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(ecKey))),
		"a certificate":     certificate,
		"text before it":    "Bag Attributes\n" + certificate,
	} {
		if _, err := sign.ParsePublic(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
