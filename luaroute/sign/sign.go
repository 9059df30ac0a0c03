// Package sign signs bytes and verifies signatures with the algorithms of RFC 7518 and 8037, whose names say all that there is to choose:
//
//	key, err := sign.ParsePublic(pem)
//	algorithm, ok := sign.Algorithms["RS256"]
//	err = algorithm.Fits(key)
//	h := algorithm.New()
//	h.Write(text)
//	good := algorithm.Verify(key, h, signature)
//
// It knows neither tokens nor Lua.
package sign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // the hash functions that the algorithms name
	_ "crypto/sha512"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
	"math/big"
)

const (
	// MinRSA and MaxRSA are the sizes of RSA keys that are used, in bits. Larger ones take too long, and a client may choose them.
	MinRSA, MaxRSA = 2048, 8192
	// MaxEdDSA is the size of the largest text for EdDSA, which reads it twice and in one piece.
	MaxEdDSA = 1 << 20
)

// Algorithm is a way to sign.
type Algorithm struct {
	// Name is that of RFC 7518, such as ES256.
	Name string
	// hash is 0 for EdDSA.
	hash crypto.Hash
	// pss is the padding of RSA; curve is nil for others than ECDSA.
	pss   bool
	curve elliptic.Curve
}

// Algorithms are all by name.
var Algorithms = func() map[string]*Algorithm {
	all := map[string]*Algorithm{"EdDSA": {Name: "EdDSA"}}
	for _, a := range []*Algorithm{
		{Name: "RS256", hash: crypto.SHA256},
		{Name: "RS384", hash: crypto.SHA384},
		{Name: "RS512", hash: crypto.SHA512},
		{Name: "PS256", hash: crypto.SHA256, pss: true},
		{Name: "PS384", hash: crypto.SHA384, pss: true},
		{Name: "PS512", hash: crypto.SHA512, pss: true},
		{Name: "ES256", hash: crypto.SHA256, curve: elliptic.P256()},
		{Name: "ES384", hash: crypto.SHA384, curve: elliptic.P384()},
		{Name: "ES512", hash: crypto.SHA512, curve: elliptic.P521()},
	} {
		all[a.Name] = a
	}
	return all
}()

// Fits returns an error unless a public key is one that the algorithm uses.
func (a *Algorithm) Fits(key crypto.PublicKey) error {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if a.hash == 0 || a.curve != nil {
			break
		}
		if bits := key.N.BitLen(); bits < MinRSA || bits > MaxRSA {
			return fmt.Errorf("an RSA key of %d bits; allowed are %d to %d", bits, MinRSA, MaxRSA)
		}
		return nil
	case *ecdsa.PublicKey:
		if a.curve == nil {
			break
		}
		if key.Curve != a.curve {
			return fmt.Errorf("a key of curve %s; %s needs %s", key.Params().Name, a.Name, a.curve.Params().Name)
		}
		return nil
	case ed25519.PublicKey:
		if a.hash == 0 && len(key) == ed25519.PublicKeySize {
			return nil
		}
	}
	return fmt.Errorf("%s; %s needs %s", describe(key), a.Name, a.needs())
}

func (a *Algorithm) needs() string {
	switch {
	case a.hash == 0:
		return "an Ed25519 key"
	case a.curve != nil:
		return "an EC key of curve " + a.curve.Params().Name
	}
	return "an RSA key"
}

func describe(key crypto.PublicKey) string {
	switch key.(type) {
	case *rsa.PublicKey:
		return "an RSA key"
	case *ecdsa.PublicKey:
		return "an EC key"
	case ed25519.PublicKey:
		return "an Ed25519 key"
	}
	return fmt.Sprintf("a key of type %T", key)
}

// New returns what the text to sign is written to.
func (a *Algorithm) New() hash.Hash {
	if a.hash == 0 {
		return new(whole)
	}
	return a.hash.New()
}

// Whole reports whether the text must be at most MaxEdDSA bytes.
func (a *Algorithm) Whole() bool { return a.hash == 0 }

// VerifySteps and SignSteps are how long the operations take at most, in steps of 50 ns.
func (a *Algorithm) VerifySteps(key crypto.PublicKey) int {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return 600 * square(key.N.BitLen()) / square(MinRSA)
	case *ecdsa.PublicKey:
		return curveSteps(key)
	}
	return 1200
}

// SignSteps is VerifySteps for Sign.
func (a *Algorithm) SignSteps(key crypto.PublicKey) int {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return 20_000 * square(key.N.BitLen()) / square(MinRSA) * key.N.BitLen() / MinRSA
	case *ecdsa.PublicKey:
		return curveSteps(key)
	}
	return 600
}

func square(n int) int { return n * n }

func curveSteps(key *ecdsa.PublicKey) int {
	switch key.Params().BitSize {
	case 256:
		return 1200
	case 384:
		return 8000
	}
	return 20_000
}

// Verify reports whether a signature of what was written to h is that of a key, which Fits. That of ECDSA is R and S one after the
// other, as in tokens.
func (a *Algorithm) Verify(key crypto.PublicKey, h hash.Hash, signature []byte) bool {
	digest := h.Sum(nil)
	switch key := key.(type) {
	case *rsa.PublicKey:
		if a.pss {
			return rsa.VerifyPSS(key, a.hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto}) == nil
		}
		return rsa.VerifyPKCS1v15(key, a.hash, digest, signature) == nil
	case *ecdsa.PublicKey:
		size := (key.Params().BitSize + 7) / 8
		if len(signature) != 2*size {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
		return ecdsa.Verify(key, digest, r, s)
	case ed25519.PublicKey:
		return ed25519.Verify(key, digest, signature)
	}
	return false
}

// VerifyASN1 is Verify for signatures of ECDSA in the form that most programs write.
func (a *Algorithm) VerifyASN1(key crypto.PublicKey, h hash.Hash, signature []byte) bool {
	ec, ok := key.(*ecdsa.PublicKey)
	return ok && ecdsa.VerifyASN1(ec, h.Sum(nil), signature)
}

// Sign returns the signature of what was written to h with a key whose public key Fits. That of ECDSA is R and S one after the other.
func (a *Algorithm) Sign(key crypto.Signer, h hash.Hash) ([]byte, error) {
	var options crypto.SignerOpts = a.hash
	if a.pss {
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: a.hash}
	}
	signature, err := key.Sign(rand.Reader, h.Sum(nil), options)
	if err != nil || a.curve == nil {
		return signature, err
	}
	var pair struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(signature, &pair); err != nil || len(rest) > 0 {
		return nil, errors.New("the key made a signature that cannot be read")
	}
	size := (a.curve.Params().BitSize + 7) / 8
	both := make([]byte, 2*size)
	pair.R.FillBytes(both[:size])
	pair.S.FillBytes(both[size:])
	return both, nil
}

// whole is a hash.Hash that keeps the text, since EdDSA hashes it itself.
type whole struct{ text []byte }

func (w *whole) Write(p []byte) (int, error) {
	w.text = append(w.text, p...)
	return len(p), nil
}

func (w *whole) Sum([]byte) []byte { return w.text }
func (w *whole) Reset()            { w.text = nil }
func (w *whole) Size() int         { return ed25519.SignatureSize }
func (w *whole) BlockSize() int    { return 1 }
