package token

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/sign"
)

// MinSecret is the size of the shortest secret of HS algorithms, in bytes.
const MinSecret = 32

// secretSteps is what an HMAC takes.
const secretSteps = 50

// hmacs are the algorithms that need a shared secret.
var hmacs = map[string]crypto.Hash{"HS256": crypto.SHA256, "HS384": crypto.SHA384, "HS512": crypto.SHA512}

// AlgorithmNames returns the names of all algorithms.
func AlgorithmNames() []string {
	return slices.Sorted(maps.Keys(All()))
}

// All returns the names of all algorithms, and whether they need a shared secret.
func All() map[string]bool {
	all := map[string]bool{}
	for name := range sign.Algorithms {
		all[name] = false
	}
	for name := range hmacs {
		all[name] = true
	}
	return all
}

// Config is what an issuer's tokens must be like.
type Config struct {
	// Issuer is what "iss" must be; empty if it is not looked at.
	Issuer string
	// Audience are names of which "aud" must have one; none if it is not looked at.
	Audience []string
	// Algorithms are the names of those that are allowed.
	Algorithms []string
	// Keys are those that sign. It is nil if there is a Secret.
	Keys Source
	// Secret is that of HS algorithms.
	Secret []byte
	// Leeway is for clocks that differ.
	Leeway time.Duration
	// Required are claims that must be there.
	Required []string
	// Type is what the header "typ" must be; empty if it is not looked at.
	Type string
	// MaxAge is the longest time since "iat"; 0 for no limit.
	MaxAge time.Duration
	// Cache is how many verified tokens are remembered.
	Cache int
}

// Source is where the keys of an issuer come from.
type Source interface {
	// Get returns the keys. It may wait for them.
	Get(c Caller) (*Set, error)
	// Renew returns newer keys than those which did not verify a token, or nil if there are none yet.
	Renew(c Caller, than *Set) *Set
}

// Caller is who verifies a token.
type Caller interface {
	// Spend counts work that comes, in steps of 50 ns. It may panic.
	Spend(steps int)
	// Wait runs a function that waits.
	Wait(wait func(ctx context.Context) error) error
	// Now returns the time.
	Now() time.Time
	// Fetch reports whether keys may be fetched now, from an address. It must not block, and may panic.
	Fetch(from string) bool
}

// Background returns a Caller that only waits as long as a context allows.
func Background(ctx context.Context) Caller { return background{ctx} }

type background struct{ ctx context.Context }

func (background) Spend(int)                                  {}
func (background) Fetch(string) bool                          { return true }
func (background) Now() time.Time                             { return time.Now() }
func (b background) Wait(f func(context.Context) error) error { return f(b.ctx) }

// Verifier verifies tokens.
type Verifier interface {
	Verify(text string, c Caller) (*Claims, error)
}

// Issuer verifies the tokens of one issuer.
type Issuer struct {
	config   Config
	remember *memory
}

// New returns an issuer, or an error that says what is wrong with its configuration.
func New(c Config) (*Issuer, error) {
	if len(c.Algorithms) == 0 {
		return nil, errors.New("algorithms: expected a list, such as { \"RS256\" }")
	}
	all := All()
	secrets := 0
	for _, name := range c.Algorithms {
		secret, ok := all[name]
		if !ok {
			return nil, fmt.Errorf("algorithms: found %q; allowed are %s", name, strings.Join(AlgorithmNames(), ", "))
		}
		if secret {
			secrets++
		}
	}
	switch {
	case secrets > 0 && secrets < len(c.Algorithms):
		return nil, errors.New("algorithms: HS algorithms exclude all others: who can verify such a token can also make one")
	case secrets > 0 && c.Secret == nil:
		return nil, fmt.Errorf("secret: %s needs one", c.Algorithms[0])
	case secrets == 0 && c.Secret != nil:
		return nil, fmt.Errorf("secret: only HS algorithms use one, and algorithms has %s", c.Algorithms[0])
	case secrets > 0 && len(c.Secret) < MinSecret:
		return nil, fmt.Errorf("secret: found %d bytes; allowed are %d and more", len(c.Secret), MinSecret)
	case secrets == 0 && c.Keys == nil:
		return nil, errors.New("expected keys: one of jwks, discover, keys and secret")
	}
	if fixed, ok := c.Keys.(Fixed); ok {
		if err := c.usesOneOf(fixed.keys); err != nil {
			return nil, err
		}
	}
	return &Issuer{config: c, remember: newMemory(c.Cache)}, nil
}

// usesOneOf returns an error unless one of the algorithms uses one of the keys.
func (c *Config) usesOneOf(keys []Key) error {
	err := errNoKeys
	for _, k := range keys {
		for _, name := range c.Algorithms {
			switch misfit := sign.Algorithms[name].Fits(k.Public); {
			case misfit != nil:
				err = fmt.Errorf("keys: found %w", misfit)
			case k.Algorithm != "" && k.Algorithm != name:
				err = fmt.Errorf("keys: found a key for %s; algorithms has %s", k.Algorithm, strings.Join(c.Algorithms, ", "))
			default:
				return nil
			}
		}
	}
	return err
}

// Name returns what "iss" must be; it is empty if that is not looked at.
func (i *Issuer) Name() string { return i.config.Issuer }

// Fixed is a Source of keys that are written down.
type Fixed struct{ *Set }

// Get returns the keys.
func (f Fixed) Get(Caller) (*Set, error) { return f.Set, nil }

// Renew returns nil.
func (f Fixed) Renew(Caller, *Set) *Set { return nil }

// Verify returns the claims of a token, or why it is refused.
func (i *Issuer) Verify(text string, c Caller) (*Claims, error) {
	now := c.Now()
	var key [sha256.Size]byte
	if i.remember != nil && len(text) <= MaxSize {
		c.Spend(len(text) / 16)
		key = sha256.Sum256([]byte(text))
		if claims := i.remember.get(&key, now); claims != nil {
			if err := claims.timely(now, i.config.Leeway, i.config.MaxAge); err != nil {
				return nil, err
			}
			return claims, nil
		}
	}
	claims, err := i.verify(text, c)
	if err == nil {
		err = i.allows(claims, c.Now())
	}
	if err != nil {
		return nil, err
	}
	if i.remember != nil {
		i.remember.add(&key, claims, now)
	}
	return claims, nil
}

// verify returns the claims of a token whose signature is good.
func (i *Issuer) verify(text string, c Caller) (*Claims, error) {
	c.Spend(min(len(text), MaxSize) / 4)
	p, err := split(text)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(i.config.Algorithms, p.header.Algorithm) {
		return nil, ErrAlgorithm
	}
	if i.config.Type != "" && !sameType(p.header.Type, i.config.Type) {
		return nil, ErrType
	}
	signature, err := decode(p.signature)
	if err != nil {
		return nil, err
	}
	if i.config.Secret != nil {
		c.Spend(secretSteps)
		h := hmac.New(hmacs[p.header.Algorithm].New, i.config.Secret)
		h.Write([]byte(p.signed))
		if !hmac.Equal(h.Sum(nil), signature) {
			return nil, ErrSignature
		}
		return readClaims(p.claims)
	}
	set, err := i.config.Keys.Get(c)
	if err != nil {
		return nil, err
	}
	good, err := set.verify(&p, signature, c)
	if !good {
		if set = i.config.Keys.Renew(c, set); set == nil {
			return nil, err
		}
		if good, err = set.verify(&p, signature, c); !good {
			return nil, err
		}
	}
	return readClaims(p.claims)
}

// verify reports whether one of the keys has signed a token, and else why that is not known.
func (s *Set) verify(p *parts, signature []byte, c Caller) (bool, error) {
	a := sign.Algorithms[p.header.Algorithm]
	candidates := s.candidates(a, p.header.KeyID)
	if len(candidates) == 0 {
		return false, ErrUnknownKey
	}
	h := a.New()
	h.Write([]byte(p.signed))
	for _, k := range candidates {
		c.Spend(a.VerifySteps(k.Public))
		if a.Verify(k.Public, h, signature) {
			return true, nil
		}
	}
	return false, ErrSignature
}

// allows returns an error unless the claims are what the issuer's must be.
func (i *Issuer) allows(c *Claims, now time.Time) error {
	if i.config.Issuer != "" && c.all["iss"] != i.config.Issuer {
		return ErrIssuer
	}
	if len(i.config.Audience) > 0 && !c.aimsAt(i.config.Audience) {
		return ErrAudience
	}
	for _, name := range i.config.Required {
		if !c.has(name) {
			return ClaimError(name)
		}
	}
	return c.timely(now, i.config.Leeway, i.config.MaxAge)
}

// sameType compares media types, whose application/ may be left out.
func sameType(a, b string) bool {
	return strings.EqualFold(shortType(a), shortType(b))
}

func shortType(t string) string {
	const prefix = "application/"
	if len(t) > len(prefix) && strings.EqualFold(t[:len(prefix)], prefix) {
		return t[len(prefix):]
	}
	return t
}

// Any verifies tokens of several issuers: with the one that a token names, and no other.
type Any []*Issuer

// NewAny returns a verifier for several issuers, which all have names.
func NewAny(issuers ...*Issuer) (Any, error) {
	seen := map[string]bool{}
	for n, i := range issuers {
		switch name := i.Name(); {
		case name == "":
			return nil, fmt.Errorf("issuer %d has no name to choose it by: its option issuer is false", n+1)
		case seen[name]:
			return nil, fmt.Errorf("issuer %d has the name %q, as one before has", n+1, name)
		default:
			seen[name] = true
		}
	}
	return issuers, nil
}

// Verify returns the claims of a token, or why it is refused.
func (a Any) Verify(text string, c Caller) (*Claims, error) {
	c.Spend(min(len(text), MaxSize) / 4)
	name, err := IssuerOf(text)
	if err != nil {
		return nil, err
	}
	for _, i := range a {
		if i.Name() == name {
			return i.Verify(text, c)
		}
	}
	return nil, ErrIssuer
}
