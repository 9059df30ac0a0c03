package sign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// MaxPEM is the size of the largest PEM text that is read, in bytes.
const MaxPEM = 64 << 10

// ParsePublic returns the public key in a PEM text: a public key, a certificate, or a private key.
func ParsePublic(text string) (crypto.PublicKey, error) {
	block, err := first(text)
	if err != nil {
		return nil, err
	}
	switch block.Type {
	case "PUBLIC KEY":
		return checked(x509.ParsePKIXPublicKey(block.Bytes))
	case "RSA PUBLIC KEY":
		return checked(anyOf(x509.ParsePKCS1PublicKey(block.Bytes)))
	case "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return checked(cert.PublicKey, nil)
	}
	key, err := private(block)
	if err != nil {
		return nil, err
	}
	return key.Public(), nil
}

// ParsePrivate returns the private key in a PEM text.
func ParsePrivate(text string) (crypto.Signer, error) {
	block, err := first(text)
	if err != nil {
		return nil, err
	}
	return private(block)
}

// ParseCertificate returns the first certificate in a PEM text.
func ParseCertificate(text string) (*x509.Certificate, error) {
	block, err := first(text)
	if err != nil {
		return nil, err
	}
	if block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("found PEM of type %q; expected CERTIFICATE", block.Type)
	}
	return x509.ParseCertificate(block.Bytes)
}

// first returns the first block that is not what openssl writes before EC keys.
func first(text string) (*pem.Block, error) {
	if len(text) > MaxPEM {
		return nil, fmt.Errorf("found %d bytes of PEM; allowed are %d", len(text), MaxPEM)
	}
	rest := []byte(text)
	for {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			return nil, errors.New("expected PEM, which begins with -----BEGIN")
		}
		if block.Type != "EC PARAMETERS" {
			return block, nil
		}
	}
}

func private(block *pem.Block) (crypto.Signer, error) {
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("found PEM of type %q; allowed are PUBLIC KEY, CERTIFICATE and PRIVATE KEY without a password", block.Type)
	}
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("found a key of type %T; allowed are RSA, EC and Ed25519", key)
	}
	if _, err := checked(signer.Public(), nil); err != nil {
		return nil, err
	}
	return signer, nil
}

func anyOf[T any](v T, err error) (any, error) { return v, err }

// checked returns a public key of a kind and size that the algorithms use.
func checked(key any, err error) (crypto.PublicKey, error) {
	if err != nil {
		return nil, err
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < MinRSA || bits > MaxRSA {
			return nil, fmt.Errorf("found an RSA key of %d bits; allowed are %d to %d", bits, MinRSA, MaxRSA)
		}
	case *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		return nil, fmt.Errorf("found a key of type %T; allowed are RSA, EC and Ed25519", key)
	}
	return key, nil
}
