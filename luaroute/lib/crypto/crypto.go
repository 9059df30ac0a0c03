// Package crypto is the library `crypto` for scripts: digests, HMACs, signatures, sealed texts, passwords, certificates and random bytes. Its
// bindings describe its functions.
//
// Algorithms are md5, sha1, sha256, sha384 and sha512; md5 and sha1 are for old protocols, not for new ones. The encoding
// may be left out: hex (the default, lower case), base64, base64url (URL-safe and without padding) or raw (the bytes). Any
// other name raises.
package crypto

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/cespare/xxhash/v2"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/sign"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	// bytesPerStep is the work of one step of a budget.
	bytesPerStep = 16
	// callSteps is the fixed cost of a call.
	callSteps = 10
	// chunk is how much is hashed between two looks at the budget.
	chunk = 64 << 10
	// maxBytes is how many random or derived bytes one call returns.
	maxBytes = 1024
)

func init() {
	caddy.RegisterModule(Library{})
}

// Library is `require("crypto")` of scripts: digests, HMACs, signatures, sealed texts, passwords, certificates and random bytes. It has no configuration.
type Library struct{}

// CaddyModule returns the Caddy module information.
func (Library) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "luaroute.libs.crypto", New: func() caddy.Module { return new(Library) }}
}

// Open returns the library's table.
func (Library) Open(*lua.LState) lua.LValue { return bindings.Table() }

// Docs describes what is in it.
func (Library) Docs() []vm.Doc { return bindings.Docs() }

// Classes describes the types that Docs names.
func (Library) Classes() []vm.Class {
	return []vm.Class{
		certificateClass, certificateKeyClass,
		{Name: "crypto.Signature", Alias: vm.OneOf(sign.Algorithms), Text: "an algorithm for signatures, as RFC 7518 and 8037 name them"},
		{Name: "crypto.Algorithm", Alias: vm.OneOf(algorithms), Text: "an algorithm; md5 and sha1 are for old protocols only"},
		{Name: "crypto.Encoding", Alias: vm.OneOf(encodings), Text: "the form of bytes; base64url has no padding, and raw are the bytes themselves"},
	}
}

var bindings = vm.Bindings{
	{Fn: digest, Doc: vm.Doc{
		Name: "hash", Args: "algorithm: crypto.Algorithm|\"xxh64\", s: string, encoding?: crypto.Encoding", Returns: "string",
		Text: "the digest of a string. `xxh64` is fast and for buckets and cache keys; anybody can make two strings with the same",
	}},
	{Fn: authenticate, Doc: vm.Doc{
		Name: "hmac", Args: "algorithm: crypto.Algorithm, key: string, s: string, encoding?: crypto.Encoding", Returns: "string",
		Text: "the HMAC of a string",
	}},
	{Fn: checksum, Doc: vm.Doc{
		Name: "crc32", Args: "s: string", Returns: "number",
		Text: "the CRC-32 of a string, as of zip files: a number from 0 to 2^32-1. It protects from accidents, not from anybody",
	}},
	{Fn: equal, Doc: vm.Doc{
		Name: "equal", Args: "a: string, b: string", Returns: "boolean",
		Text: "whether two strings are equal, in constant time",
	}},
	{Fn: random, Doc: vm.Doc{
		Name: "random", Args: "n: number, encoding?: crypto.Encoding", Returns: "string",
		Text: "`n` random bytes, 1 to 1024",
	}},
	{Fn: seal, Doc: vm.Doc{
		Name: "seal", Args: "key: string|string[], text: string, aad?: string", Returns: "string",
		Text: "encrypts a string of at most 1 MiB, such as a cookie, so that nobody can read or change it without the key: AES-256-GCM, as " +
			"base64url behind `v1.`. A key has 32 bytes; of a list of at most 8 the first one seals. `aad` is not in the result: `open` needs the same",
	}},
	{Fn: open, Doc: vm.Doc{
		Name: "open", Args: "key: string|string[], sealed: string, aad?: string", Returns: "string? text, string? err",
		Text: "the string that `seal` was given, or `nil, \"wrong key or altered\"`. Each key of a list is tried, so keys can be replaced",
	}},
	{Fn: derive, Doc: vm.Doc{
		Name: "derive", Args: "secret: string, info: string, n: number", Returns: "string",
		Text: "`n` bytes, 1 to 1024, made of a secret of at least 16 bytes, for a purpose: another `info` gives other bytes (HKDF-SHA256)",
	}},
	{Fn: signText, Doc: vm.Doc{
		Name: "sign", Args: "algorithm: crypto.Signature, key: string, s: string, encoding?: crypto.Encoding", Returns: "string",
		Text: "the signature of a string with a private key, which is PEM text. That of ES algorithms is R and S, as in tokens",
	}},
	{Fn: verifyText, Doc: vm.Doc{
		Name: "verify", Args: "algorithm: crypto.Signature, key: string, s: string, signature: string, encoding?: crypto.Encoding", Returns: "boolean",
		Text: "whether a signature of a string is that of a key: PEM text of a public key or a certificate. ES signatures are R and S, or ASN.1",
	}},
	{Fn: password, Doc: vm.Doc{
		Name: "password", Args: "text: string", Returns: "string",
		Text: "what to keep of a password of 1 to 1024 bytes: its argon2id hash with 19 MiB, two passes and a random salt. The request waits: all " +
			"scripts together make two at once. It counts against the limit `wall`",
	}},
	{Fn: passwordMatches, Doc: vm.Doc{
		Name: "password_matches", Args: "text: string, hash: string", Returns: "boolean? matches, string? err",
		Text: "whether a hash is that of a password, which waits as `password` does. It knows argon2id (at most 64 MiB, 10 passes, 4 lanes) and " +
			"bcrypt (a cost of at most 14, passwords of at most 72 bytes). `nil, error` if the hash cannot be read or the password is too long",
	}},
	{Fn: readCertificate, Doc: vm.Doc{
		Name: "certificate", Args: "pem: string", Returns: "crypto.Certificate? certificate, string? err",
		Text: "what the first certificate of a PEM text says, as `req.tls.client` does. It is not verified",
	}},
}

// algorithms are the hash functions by name.
var algorithms = map[string]func() hash.Hash{
	"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
}

// digests are those of hash, which has one that must authenticate nothing.
var digests = func() map[string]func() hash.Hash {
	all := maps.Clone(algorithms)
	all["xxh64"] = func() hash.Hash { return xxhash.New() }
	return all
}()

// encodings are the forms of bytes by name.
var encodings = map[string]func([]byte) string{
	"hex":       hex.EncodeToString,
	"base64":    base64.StdEncoding.EncodeToString,
	"base64url": base64.RawURLEncoding.EncodeToString,
	"raw":       func(b []byte) string { return string(b) },
}

// digest is crypto.hash(algorithm, s, encoding).
func digest(L *lua.LState) int {
	h := named(L, 1, "algorithm", digests)()
	return finish(L, h, L.CheckString(2), encoding(L, 3))
}

// authenticate is crypto.hmac(algorithm, key, s, encoding).
func authenticate(L *lua.LState) int {
	algorithm, key := named(L, 1, "algorithm", algorithms), L.CheckString(2)
	text, encode := L.CheckString(3), encoding(L, 4)
	if h := algorithm(); len(key) > h.BlockSize() { // whose digest then is the key, as RFC 2104 says
		write(L, h, key)
		key = string(h.Sum(nil))
	}
	return finish(L, hmac.New(algorithm, []byte(key)), text, encode)
}

// finish hashes a string and pushes the digest.
func finish(L *lua.LState, h hash.Hash, text string, encode func([]byte) string) int {
	vm.Spend(L, callSteps)
	write(L, h, text)
	L.Push(lua.LString(encode(h.Sum(nil))))
	return 1
}

// write hashes a string. A long one is hashed in pieces, each counted before, so that the budget can end in between and others get turns.
func write(L *lua.LState, h hash.Hash, text string) {
	piece := make([]byte, min(len(text), chunk))
	for len(text) > 0 {
		n := copy(piece, text)
		vm.Spend(L, n/bytesPerStep)
		h.Write(piece[:n])
		text = text[n:]
	}
}

// checksum is crypto.crc32(s).
func checksum(L *lua.LState) int {
	vm.Spend(L, callSteps)
	h := crc32.NewIEEE()
	write(L, h, L.CheckString(1))
	L.Push(lua.LNumber(h.Sum32()))
	return 1
}

// equal is crypto.equal(a, b).
func equal(L *lua.LState) int {
	a, b := L.CheckString(1), L.CheckString(2)
	vm.Spend(L, 1)
	same := 0
	if len(a) == len(b) {
		same = 1
		x, y := make([]byte, min(len(a), chunk)), make([]byte, min(len(b), chunk))
		for len(a) > 0 {
			n := copy(x, a)
			copy(y, b)
			vm.Spend(L, 2*n/bytesPerStep)
			same &= subtle.ConstantTimeCompare(x[:n], y[:n])
			a, b = a[n:], b[n:]
		}
	}
	L.Push(lua.LBool(same == 1))
	return 1
}

// random is crypto.random(n, encoding).
func random(L *lua.LState) int {
	n, encode := count(L, 1), encoding(L, 2)
	vm.Spend(L, callSteps+n/bytesPerStep)
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	L.Push(lua.LString(encode(b)))
	return 1
}

// count returns an argument that says how many bytes are wanted.
func count(L *lua.LState, arg int) int {
	n := L.CheckNumber(arg)
	if n != n || n < 1 || n > maxBytes || n != lua.LNumber(int(n)) {
		L.ArgError(arg, fmt.Sprintf("found %v; allowed are whole numbers from 1 to %d", n, maxBytes))
	}
	return int(n)
}

// encoding returns the encoding that an argument names.
func encoding(L *lua.LState, n int) func([]byte) string {
	if L.Get(n) == lua.LNil {
		return hex.EncodeToString
	}
	return named(L, n, "encoding", encodings)
}

// named returns what an argument names.
func named[T any](L *lua.LState, n int, kind string, all map[string]T) T {
	name := L.CheckString(n)
	v, ok := all[name]
	if !ok {
		L.ArgError(n, fmt.Sprintf("no %s %q; allowed are %s", kind, name, strings.Join(slices.Sorted(maps.Keys(all)), ", ")))
	}
	return v
}

// Interface guards
var (
	_ vm.Documented = Library{}
	_ vm.Classified = Library{}
)
