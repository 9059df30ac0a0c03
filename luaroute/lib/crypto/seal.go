package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	// sealedPrefix names the form of a sealed text, so that another may follow one day.
	sealedPrefix = "v1."
	// sealOverhead is how many bytes a sealed text has beyond the text: nonce and tag.
	sealOverhead = 12 + 16
	keySize      = 32
	maxKeys      = 8
	// maxSealed is the size of the largest text that is sealed, since that is not done in pieces.
	maxSealed = 1 << 20
	// cipherSteps is what it takes to set up a cipher.
	cipherSteps = 20
	// minSecret is the size of the shortest secret to derive from: it must be one, not a password.
	minSecret = 16
)

// seal is crypto.seal(key, text, aad).
func seal(L *lua.LState) int {
	keys, text, aad := sealKeys(L), bounded(L, 2), aad(L)
	vm.Spend(L, callSteps+cipherSteps+(len(text)+len(aad))/bytesPerStep)
	size := base64.RawURLEncoding.EncodedLen(len(text) + sealOverhead)
	vm.ChargeString(L, len(sealedPrefix)+size)
	sealed := sealer(keys[0]).Seal(nil, nil, []byte(text), []byte(aad))
	L.Push(lua.LString(sealedPrefix + base64.RawURLEncoding.EncodeToString(sealed)))
	return 1
}

// open is crypto.open(key, sealed, aad).
func open(L *lua.LState) int {
	keys, text, aad := sealKeys(L), L.CheckString(2), aad(L)
	vm.Spend(L, callSteps)
	text, ok := strings.CutPrefix(text, sealedPrefix)
	if ok && !strings.ContainsAny(text, "\r\n") && len(text) <= base64.RawURLEncoding.EncodedLen(maxSealed+sealOverhead) {
		vm.Spend(L, len(text)/bytesPerStep)
		vm.ChargeString(L, len(text))
		sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
		for _, key := range keys {
			if err != nil || len(sealed) < sealOverhead {
				break
			}
			vm.Spend(L, cipherSteps+(len(sealed)+len(aad))/bytesPerStep)
			if opened, err := sealer(key).Open(nil, nil, sealed, []byte(aad)); err == nil {
				L.Push(lua.LString(opened))
				return 1
			}
		}
	}
	return vm.Fail(L, "wrong key or altered")
}

// sealer returns the cipher of a key, which makes its own nonces.
func sealer(key string) cipher.AEAD {
	block, err := aes.NewCipher([]byte(key))
	if err == nil {
		var aead cipher.AEAD
		if aead, err = cipher.NewGCMWithRandomNonce(block); err == nil {
			return aead
		}
	}
	panic(err) // the size of the key is checked
}

// sealKeys returns the first argument: a key or a list of them.
func sealKeys(L *lua.LState) []string {
	t, ok := L.Get(1).(*lua.LTable)
	if !ok {
		key := L.CheckString(1)
		checkKey(L, key, "")
		return []string{key}
	}
	t = vm.Readable(L, t)
	n := vm.Length(L, t)
	if n < 1 || n > maxKeys {
		L.ArgError(1, fmt.Sprintf("found a list of %d keys; allowed are 1 to %d", n, maxKeys))
	}
	keys := make([]string, n)
	for i := range keys {
		key, ok := t.RawGetInt(i + 1).(lua.LString)
		if !ok {
			L.ArgError(1, fmt.Sprintf("key %d is a %s; allowed are strings of %d bytes", i+1, t.RawGetInt(i+1).Type(), keySize))
		}
		keys[i] = string(key)
		checkKey(L, keys[i], fmt.Sprintf(" as number %d", i+1))
	}
	return keys
}

func checkKey(L *lua.LState, key, which string) {
	if len(key) != keySize {
		L.ArgError(1, fmt.Sprintf("found a key of %d bytes%s; allowed are %d, as crypto.derive and crypto.random make them", len(key), which, keySize))
	}
}

// bounded returns a string that is worked on in one piece.
func bounded(L *lua.LState, arg int) string {
	s := L.CheckString(arg)
	if len(s) > maxSealed {
		L.ArgError(arg, fmt.Sprintf("found %d bytes; allowed are %d", len(s), maxSealed))
	}
	return s
}

// aad is the third argument.
func aad(L *lua.LState) string {
	if L.Get(3) == lua.LNil {
		return ""
	}
	return bounded(L, 3)
}

// derive is crypto.derive(secret, info, n).
func derive(L *lua.LState) int {
	secret, info, n := bounded(L, 1), bounded(L, 2), count(L, 3)
	if len(secret) < minSecret {
		L.ArgError(1, fmt.Sprintf("found a secret of %d bytes; allowed are %d and more", len(secret), minSecret))
	}
	rounds := 1 + n/sha256.Size
	vm.Spend(L, callSteps+len(secret)/bytesPerStep+rounds*(callSteps+len(info)/bytesPerStep))
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, info, n)
	if err != nil {
		vm.Throw(L, err)
	}
	L.Push(lua.LString(key))
	return 1
}
