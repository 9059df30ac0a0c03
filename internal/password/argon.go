package password

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The costs of argon2id, as OWASP advises, and those that are accepted from elsewhere.
const (
	saltSize, sumSize       = 16, 32
	maxMemory               = 64 << 10 // KiB
	maxPasses, maxLanes     = 10, 4
	minSaltSize, minSumSize = 8, 16
)

var ownCosts = costs{memory: 19 << 10, passes: 2, lanes: 1}

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
	if err != nil || sumErr != nil || len(h.salt) < minSaltSize || len(h.sum) < minSumSize {
		return nil, errArgon
	}
	return &h, nil
}
