package crypto

import (
	"crypto"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/sign"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	// readSteps and readPrivateSteps are what it takes to read a key: a private one is checked.
	readSteps, readPrivateSteps = 500, 20_000
	// maxSignature is the size of the longest signature in any encoding.
	maxSignature = 4096
)

// signText is crypto.sign(algorithm, key, s, encoding).
func signText(L *lua.LState) int {
	algorithm, text, encode := signing(L), L.CheckString(3), encoding(L, 4)
	vm.Spend(L, readPrivateSteps)
	key, err := sign.ParsePrivate(L.CheckString(2))
	if err != nil {
		L.ArgError(2, err.Error())
	}
	checkFit(L, algorithm, key.Public())
	h := written(L, algorithm, text)
	vm.Spend(L, algorithm.SignSteps(key.Public()))
	signature, err := algorithm.Sign(key, h)
	if err != nil {
		vm.Throw(L, err)
	}
	L.Push(lua.LString(encode(signature)))
	return 1
}

// verifyText is crypto.verify(algorithm, key, s, signature, encoding).
func verifyText(L *lua.LState) int {
	algorithm, text, decode := signing(L), L.CheckString(3), decoding(L, 5)
	vm.Spend(L, readSteps)
	key, err := sign.ParsePublic(L.CheckString(2))
	if err != nil {
		L.ArgError(2, err.Error())
	}
	checkFit(L, algorithm, key)
	good := false
	if s := L.CheckString(4); len(s) <= maxSignature {
		if signature, err := decode(s); err == nil {
			h := written(L, algorithm, text)
			vm.Spend(L, algorithm.VerifySteps(key))
			good = algorithm.Verify(key, h, signature) || algorithm.VerifyASN1(key, h, signature)
		}
	}
	L.Push(lua.LBool(good))
	return 1
}

// signing returns the algorithm that the first argument names.
func signing(L *lua.LState) *sign.Algorithm { return named(L, 1, "algorithm", sign.Algorithms) }

func checkFit(L *lua.LState, algorithm *sign.Algorithm, key crypto.PublicKey) {
	if err := algorithm.Fits(key); err != nil {
		L.ArgError(2, "found "+err.Error())
	}
}

// written returns the hash of an algorithm with a text.
func written(L *lua.LState, algorithm *sign.Algorithm, text string) hash.Hash {
	if algorithm.Whole() && len(text) > sign.MaxEdDSA {
		L.ArgError(3, fmt.Sprintf("found %d bytes; %s allows %d", len(text), algorithm.Name, sign.MaxEdDSA))
	}
	h := algorithm.New()
	write(L, h, text)
	return h
}

// decodings are the inverse of encodings.
var decodings = map[string]func(string) ([]byte, error){
	"hex":       hex.DecodeString,
	"base64":    base64.StdEncoding.DecodeString,
	"base64url": base64.RawURLEncoding.DecodeString,
	"raw":       func(s string) ([]byte, error) { return []byte(s), nil },
}

// decoding returns the inverse of the encoding that an argument names.
func decoding(L *lua.LState, n int) func(string) ([]byte, error) {
	if L.Get(n) == lua.LNil {
		return hex.DecodeString
	}
	return named(L, n, "encoding", decodings)
}
