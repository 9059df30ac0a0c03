package base64_test

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/lib/base64"
	"github.com/luaroute/caddy-luaroute/luaroute/lib/internal/libtest"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/stdlib"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// run runs a script that has the library.
func run(t *testing.T, code string) error {
	t.Helper()
	b := vm.NewBuilder(stdlib.Open, vm.Options{Libraries: map[string]vm.Library{"base64": base64.Library{}}})
	p, err := script.Compile("main.lua", []byte("local base64 = require('base64')\n"+code))
	if err != nil {
		t.Fatal(err)
	}
	return b.Run(p)
}

func TestBase64(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]string{
		"nothing encodes to nothing":             `assert(base64.encode("") == "" and base64.decode("") == "")`,
		"the standard form is padded":            `assert(base64.encode("a") == "YQ==")`,
		"the standard alphabet has plus, slash":  `assert(base64.encode("\251\255\254") == "+//+")`,
		"the URL alphabet has minus, underscore": `assert(base64.encode_url("\251\255\254") == "-__-")`,
		"the URL form is not padded":             `assert(base64.encode_url("a") == "YQ")`,
		"the URL form decodes without padding":   `assert(base64.decode_url("YQ") == "a")`,
		"the URL form decodes with padding":      `assert(base64.decode_url("YQ==") == "a")`,
		"line breaks are ignored":                `assert(base64.decode("YW\r\nJj") == "abc")`,
		"bytes survive, NUL included":            `assert(base64.decode(base64.encode("\0\255x")) == "\0\255x")`,
		"missing padding is nil and an error":    `local v, e = base64.decode("YQ") assert(v == nil and e:find("illegal base64"))`,
		"half the padding is nil and an error":   `local v, e = base64.decode_url("YQ=") assert(v == nil and e:find("illegal base64"))`,
		"the alphabets do not mix":               `assert(base64.decode("-__-") == nil and base64.decode_url("+//+") == nil)`,
		"a table as argument raises":             `assert(not pcall(base64.encode, {}) and not pcall(base64.decode_url, {}))`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := run(t, code); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAScriptCanNotWorkBeyondItsBudgetWithBase64(t *testing.T) {
	t.Parallel()
	libtest.World{Name: "base64", Library: base64.Library{}}.EndWithTheBudget(t, map[string]string{
		"encoding little":         `while true do base64.encode("") end`,
		"encoding much":           `local s = ("x"):rep(2 ^ 22) while true do base64.encode(s) end`,
		"encoding much for URLs":  `local s = ("x"):rep(2 ^ 22) while true do pcall(base64.encode_url, s) end`,
		"decoding much":           `local s = ("YWJj"):rep(2 ^ 20) while true do base64.decode(s) end`,
		"decoding what is wrong":  `local s = ("YWJj"):rep(2 ^ 20) .. "!" while true do base64.decode(s) end`,
		"decoding with pcall":     `local s = ("YWJj"):rep(2 ^ 20) while true do pcall(base64.decode_url, s) end`,
		"decoding many new lines": `local s = ("\n"):rep(2 ^ 22) while true do base64.decode(s) end`,
	})
}
