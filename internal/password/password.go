// Package password makes and compares hashes of passwords: those of argon2id, and bcrypt's. That takes 20 to 50 ms of CPU and up to
// 64 MiB, by design, so what asks for it often is a way to take the machine from others: all of the process share two slots.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

const (
	// Max is the size of the longest password, in bytes.
	Max = 1024
	// maxBcrypt is how much bcrypt reads of a password.
	maxBcrypt = 72
	// maxCost is a second or so of bcrypt.
	maxCost = 14
	// maxHash is the size of the longest hash that is read.
	maxHash = 512
)

// Slots are those that hashes are made and compared in.
var Slots = make(chan struct{}, 2)

// InSlot does what is long once there is a slot for it. The error is the cause of the end of ctx.
func InSlot(ctx context.Context, do func()) error {
	select {
	case Slots <- struct{}{}:
		defer func() { <-Slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	do()
	return nil
}

// New returns the hash of a password, as text. It is long.
func New(text string) string {
	h := argonHash{costs: ownCosts, salt: make([]byte, saltSize)}
	_, _ = rand.Read(h.salt) // it never fails
	h.sum = h.of(text, sumSize)
	return h.String()
}

// Hash is what a password is compared with.
type Hash struct {
	argon  *argonHash // nil for one of bcrypt
	bcrypt []byte
}

// Parse reads a hash. One that would take too long is an error.
func Parse(text string) (*Hash, error) {
	switch {
	case len(text) > maxHash:
		return nil, fmt.Errorf("the hash has %d bytes; allowed are %d", len(text), maxHash)
	case strings.HasPrefix(text, "$argon2id$"):
		h, err := parseArgon(text)
		if err != nil {
			return nil, err
		}
		return &Hash{argon: h}, nil
	case strings.HasPrefix(text, "$2a$"), strings.HasPrefix(text, "$2b$"), strings.HasPrefix(text, "$2y$"):
		cost, err := bcrypt.Cost([]byte(text))
		if err != nil {
			return nil, errors.New("the hash is no bcrypt hash")
		}
		if cost > maxCost {
			return nil, fmt.Errorf("the bcrypt hash has a cost of %d; allowed are %d", cost, maxCost)
		}
		return &Hash{bcrypt: []byte(text)}, nil
	}
	return nil, errors.New("the hash is of no known kind; allowed are $argon2id$, $2a$, $2b$ and $2y$")
}

// Fits reports a password that is longer than what can be compared with the hash.
func (h *Hash) Fits(text string) error {
	if len(text) > Max {
		return fmt.Errorf("the password has %d bytes; allowed are %d", len(text), Max)
	}
	if h.argon == nil && len(text) > maxBcrypt {
		return fmt.Errorf("the password has %d bytes; bcrypt reads %d", len(text), maxBcrypt)
	}
	return nil
}

// Matches reports whether a password that fits is that of the hash. It is long.
func (h *Hash) Matches(text string) bool {
	if h.argon != nil {
		return subtle.ConstantTimeCompare(h.argon.of(text, len(h.argon.sum)), h.argon.sum) == 1
	}
	return bcrypt.CompareHashAndPassword(h.bcrypt, []byte(text)) == nil
}
