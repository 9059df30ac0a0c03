package crypto_test

import (
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/lib/crypto"
	"github.com/luaroute/caddy-luaroute/luaroute/lib/internal/libtest"
)

var world = libtest.World{Name: "crypto", Library: crypto.Library{}}

// The digests of "abc" are those of RFC 1321 and FIPS 180, the HMACs those of RFC 2202 and RFC 4231, test case 2.
func TestADigestIsThatOfItsStandard(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, call, want string }{
		{"md5", `crypto.hash("md5", "abc")`, "900150983cd24fb0d6963f7d28e17f72"},
		{"sha1", `crypto.hash("sha1", "abc")`, "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{"sha256", `crypto.hash("sha256", "abc")`, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"sha384", `crypto.hash("sha384", "abc")`, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
		{"sha512", `crypto.hash("sha512", "abc"):sub(1, 32)`, "ddaf35a193617abacc417349ae204131"},
		{"nothing", `crypto.hash("md5", "")`, "d41d8cd98f00b204e9800998ecf8427e"},
		{"a text of several pieces", `crypto.hash("sha1", ("a"):rep(1000000))`, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"},
		{"a number is its text", `crypto.hash("md5", 1) == crypto.hash("md5", "1")`, "true"},
		{"hmac with md5", `crypto.hmac("md5", "Jefe", "what do ya want for nothing?")`, "750c783e6ab0b503eaa86e310a5db738"},
		{"hmac with sha1", `crypto.hmac("sha1", "Jefe", "what do ya want for nothing?")`, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
		{"hmac with sha256", `crypto.hmac("sha256", "Jefe", "what do ya want for nothing?")`, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{"xxh64 of nothing", `crypto.hash("xxh64", "")`, "ef46db3751d8e999"},
		{"xxh64", `crypto.hash("xxh64", "abc")`, "44bc2cf5ad770999"},
		{"crc32 of the check value", `crypto.crc32("123456789") == 0xcbf43926`, "true"},
		{"crc32 of nothing", `crypto.crc32("")`, "0"},
		{"hex is the default", `crypto.hash("md5", "abc", "hex") == crypto.hash("md5", "abc")`, "true"},
		{"base64 is padded", `crypto.hash("md5", "abc", "base64")`, "kAFQmDzST7DWlj99KOF/cg=="},
		{"base64url is not", `crypto.hash("md5", "abc", "base64url")`, "kAFQmDzST7DWlj99KOF_cg"},
		{"raw are the bytes", `crypto.hash("md5", "abc", "raw"):byte(1, 3)`, "144 1 80"},
		{"hmac has encodings too", `#crypto.hmac("sha256", "k", "t", "raw")`, "32"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got, err := world.Eval(t, row.call); err != nil || got != row.want {
				t.Errorf("got %q, %v; want %q", got, err, row.want)
			}
		})
	}
}

func TestTextsAreComparedAndBytesMade(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, call, want string }{
		{"the same texts are equal", `crypto.equal("secret", "sec" .. "ret")`, "true"},
		{"another last byte is not equal", `crypto.equal("secret", "secreT")`, "false"},
		{"another length is not equal", `crypto.equal("secret", "secret ")`, "false"},
		{"nothing equals nothing", `crypto.equal("", "")`, "true"},
		{"random bytes as hex", `#crypto.random(16), crypto.random(16):find("^%x+$")`, "32 1 32"},
		{"random bytes as they are", `#crypto.random(1, "raw"), #crypto.random(1024, "raw")`, "1 1024"},
		{"no two are the same", `crypto.random(16) ~= crypto.random(16)`, "true"},
		{"random text for a URL", `#crypto.random(32, "base64url")`, "43"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got, err := world.Eval(t, row.call); err != nil || got != row.want {
				t.Errorf("got %q, %v; want %q", got, err, row.want)
			}
		})
	}
}

func TestWrongArgumentsRaise(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ call, want string }{
		{`crypto.hash("sha3", "x")`, `bad argument #1 to 'hash' (algorithm: no algorithm "sha3"; allowed are md5, sha1, sha256, sha384, sha512, xxh64)`},
		{`crypto.hmac("", "k", "x")`, `bad argument #1 to 'hmac' (algorithm: no algorithm ""; allowed are md5, sha1, sha256, sha384, sha512)`},
		{`crypto.hmac("xxh64", "k", "x")`, `bad argument #1 to 'hmac' (algorithm: no algorithm "xxh64"; allowed are md5, sha1, sha256, sha384, sha512)`},
		{`crypto.hash("md5", "x", "octal")`, `bad argument #3 to 'hash' (encoding: no encoding "octal"; allowed are base64, base64url, hex, raw)`},
		{`crypto.hash("md5")`, `bad argument #2 to 'hash' (s: string expected, got no value)`},
		{`crypto.hmac("md5", nil, "x")`, `bad argument #2 to 'hmac' (key: string expected, got nil)`},
		{`crypto.equal("x")`, `bad argument #2 to 'equal' (b: string expected, got no value)`},
		{`crypto.equal({}, "x")`, `bad argument #1 to 'equal' (a: string expected, got table)`},
		{`crypto.random(0)`, `bad argument #1 to 'random' (n: found 0; allowed are whole numbers from 1 to 1024)`},
		{`crypto.random(1025)`, `bad argument #1 to 'random' (n: found 1025; allowed are whole numbers from 1 to 1024)`},
		{`crypto.random(1.5)`, `bad argument #1 to 'random' (n: found 1.5; allowed are whole numbers from 1 to 1024)`},
		{`crypto.random(0/0)`, `bad argument #1 to 'random' (n: found NaN; allowed are whole numbers from 1 to 1024)`},
		{`crypto.random(16, "x")`, `bad argument #2 to 'random' (encoding: no encoding "x"; allowed are base64, base64url, hex, raw)`},
	} {
		if _, err := world.Eval(t, row.call); err == nil || !strings.HasSuffix(err.Error(), row.want) || !strings.HasPrefix(err.Error(), "main.lua:1: ") {
			t.Errorf("%s: got %v, want %s", row.call, err, row.want)
		}
	}
}

func TestAScriptCanNotWorkBeyondItsBudgetWithCrypto(t *testing.T) {
	t.Parallel()
	world.EndWithTheBudget(t, map[string]string{
		"hashing little":          `while true do crypto.hash("md5", "") end`,
		"hashing much":            `local s = ("x"):rep(2 ^ 23) while true do crypto.hash("sha512", s) end`,
		"hashing much in a pcall": `local s = ("x"):rep(2 ^ 23) while true do pcall(crypto.hash, "md5", s) end`,
		"signing":                 `local s = ("x"):rep(2 ^ 20) while true do crypto.hmac("sha256", "k", s) end`,
		"signing with a long key": `local s = ("x"):rep(2 ^ 20) while true do crypto.hmac("sha256", s, "") end`,
		"comparing":               `local s = ("x"):rep(2 ^ 20) while true do crypto.equal(s, s) end`,
		"making random bytes":     `while true do crypto.random(1024) end`,
		"making checksums":        `local s = ("x"):rep(2 ^ 23) while true do crypto.crc32(s) end`,
		"sealing":                 `local k, s = ("k"):rep(32), ("x"):rep(2 ^ 20) while true do crypto.seal(k, s) end`,
		"opening":                 `local k, s = ("k"):rep(32), "v1." .. ("x"):rep(2 ^ 20) while true do crypto.open({ k, k, k, k, k, k, k, k }, s) end`,
		"deriving":                `local s = ("x"):rep(2 ^ 20) while true do crypto.derive(s, s, 1024) end`,
		"reading certificates":    `while true do crypto.certificate([[` + certificate + `]]) end`,
		"verifying":               `while true do crypto.verify("RS256", [[` + rsaPublic + `]], "x", ("00"):rep(256)) end`,
		"making signatures":       `while true do crypto.sign("RS256", [[` + rsaPrivate + `]], "x") end`,
	})
}
