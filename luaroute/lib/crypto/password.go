package crypto

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Hashing a password takes 20 to 50 ms of CPU and 19 MiB, by design. What asks for it often is a way to take the machine from others, so
// all scripts of the process share two slots.
const (
	passwordSlots = 2
	passwordSteps = 1000
	maxPassword   = 1024
	// maxBcrypt is how much bcrypt reads of a password.
	maxBcrypt = 72
	// maxCost is a second or so of bcrypt.
	maxCost = 14
	// maxHash is the size of the longest hash that is read.
	maxHash = 512
)

// The costs of argon2id, as OWASP advises, and those that are accepted from elsewhere.
const (
	saltSize, hashSize        = 16, 32
	maxMemory                 = 64 << 10 // KiB
	maxPasses, maxLanes       = 10, 4
	minSaltSize, minArgonSize = 8, 16
)

var ownCosts = costs{memory: 19 << 10, passes: 2, lanes: 1}

var slots = make(chan struct{}, passwordSlots)

// inSlot does what is long once there is a slot for it.
func inSlot(L *lua.LState, do func()) {
	vm.Spend(L, passwordSteps)
	err := vm.Of(L).Wait(func(ctx context.Context) error {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		do()
		return nil
	})
	if err != nil {
		vm.Throw(L, err)
	}
}

// password is crypto.password(text).
func password(L *lua.LState) int {
	text := L.CheckString(1)
	if len(text) < 1 || len(text) > maxPassword {
		L.ArgError(1, fmt.Sprintf("found %d bytes; allowed are 1 to %d", len(text), maxPassword))
	}
	h := argonHash{costs: ownCosts, salt: make([]byte, saltSize)}
	_, _ = rand.Read(h.salt) // it never fails
	inSlot(L, func() { h.sum = h.of(text, hashSize) })
	L.Push(lua.LString(h.String()))
	return 1
}

// passwordMatches is crypto.password_matches(text, hash).
func passwordMatches(L *lua.LState) int {
	text, hash := L.CheckString(1), L.CheckString(2)
	matches, err := matcher(text, hash)
	if err != nil {
		return vm.Fail(L, err.Error())
	}
	good := false
	inSlot(L, func() { good = matches() })
	L.Push(lua.LBool(good))
	return 1
}

// CheckHash reports a hash that crypto.password_matches could not read, or that would take too long.
func CheckHash(hash string) error {
	_, err := matcher("", hash)
	return err
}

// matcher returns the comparison of a password with a hash, which takes long.
func matcher(text, hash string) (func() bool, error) {
	switch {
	case len(text) > maxPassword:
		return nil, fmt.Errorf("the password has %d bytes; allowed are %d", len(text), maxPassword)
	case len(hash) > maxHash:
		return nil, fmt.Errorf("the hash has %d bytes; allowed are %d", len(hash), maxHash)
	case strings.HasPrefix(hash, "$argon2id$"):
		h, err := parseArgon(hash)
		if err != nil {
			return nil, err
		}
		return func() bool { return subtle.ConstantTimeCompare(h.of(text, len(h.sum)), h.sum) == 1 }, nil
	case strings.HasPrefix(hash, "$2a$"), strings.HasPrefix(hash, "$2b$"), strings.HasPrefix(hash, "$2y$"):
		cost, err := bcrypt.Cost([]byte(hash))
		if err != nil {
			return nil, errors.New("the hash is no bcrypt hash")
		}
		if cost > maxCost {
			return nil, fmt.Errorf("the bcrypt hash has a cost of %d; allowed are %d", cost, maxCost)
		}
		if len(text) > maxBcrypt {
			return nil, fmt.Errorf("the password has %d bytes; bcrypt reads %d", len(text), maxBcrypt)
		}
		return func() bool { return bcrypt.CompareHashAndPassword([]byte(hash), []byte(text)) == nil }, nil
	}
	return nil, errors.New("the hash is of no known kind; allowed are $argon2id$, $2a$, $2b$ and $2y$")
}

// costs are how much work a hash of argon2id takes.
type costs struct {
	memory uint32 // KiB
	passes uint32
	lanes  uint8
}

// argonHash is a hash in the form of the password hashing competition: $argon2id$v=19$m=19456,t=2,p=1$salt$hash.
type argonHash struct {
	costs
	salt, sum []byte
}

func (h *argonHash) of(text string, size int) []byte {
	return argon2.IDKey([]byte(text), h.salt, h.passes, h.memory, h.lanes, uint32(size))
}

// String returns the text that is kept.
func (h *argonHash) String() string {
	e := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.passes, h.lanes, e.EncodeToString(h.salt), e.EncodeToString(h.sum))
}

var errArgon = errors.New("the hash is no argon2id hash of the form $argon2id$v=19$m=19456,t=2,p=1$salt$hash")

func parseArgon(text string) (*argonHash, error) {
	var h argonHash
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return nil, errArgon
	}
	var lanes uint32
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &lanes); err != nil ||
		fmt.Sprintf("m=%d,t=%d,p=%d", h.memory, h.passes, lanes) != parts[3] {
		return nil, errArgon
	}
	if h.memory > maxMemory || h.passes > maxPasses || lanes > maxLanes {
		return nil, fmt.Errorf("the argon2id hash has the costs %s; allowed are m=%d,t=%d,p=%d", parts[3], maxMemory, maxPasses, maxLanes)
	}
	if h.memory < 8 || h.passes < 1 || lanes < 1 {
		return nil, errArgon
	}
	h.lanes = uint8(lanes)
	var err, sumErr error
	h.salt, err = base64.RawStdEncoding.DecodeString(parts[4])
	h.sum, sumErr = base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || sumErr != nil || len(h.salt) < minSaltSize || len(h.sum) < minArgonSize {
		return nil, errArgon
	}
	return &h, nil
}
