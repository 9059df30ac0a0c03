package uuid_test

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/lib/internal/libtest"
	"github.com/luaroute/caddy-luaroute/luaroute/lib/uuid"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/stdlib"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// run runs a script that has the library.
func run(t *testing.T, code string) error {
	t.Helper()
	b := vm.NewBuilder(stdlib.Open, vm.Options{Libraries: map[string]vm.Library{"uuid": uuid.Library{}}})
	p, err := script.Compile("main.lua", []byte("local uuid = require('uuid')\n"+code))
	if err != nil {
		t.Fatal(err)
	}
	return b.Run(p)
}

func TestUUID(t *testing.T) {
	t.Parallel()
	const id = `"0190a8c4-7e1d-7abc-8def-0123456789ab"`
	for name, code := range map[string]string{
		"v4 has its version and variant":  `local u = uuid.v4() assert(#u == 36 and u:sub(15, 15) == "4" and u:sub(20, 20):find("[89ab]"))`,
		"v7 has its version and variant":  `local u = uuid.v7() assert(#u == 36 and u:sub(15, 15) == "7" and u:sub(20, 20):find("[89ab]"))`,
		"no two are the same":             `assert(uuid.v4() ~= uuid.v4() and uuid.v7() ~= uuid.v7())`,
		"later v7 sort behind":            `local a = uuid.v7() for _ = 1, 100 do local b = uuid.v7() assert(a < b) a = b end`,
		"upper case becomes lower case":   `assert(uuid.parse((` + id + `):upper()) == ` + id + `)`,
		"braces and urn are taken off":    `assert(uuid.parse("{" .. ` + id + ` .. "}") == ` + id + ` and uuid.parse("urn:uuid:" .. ` + id + `) == ` + id + `)`,
		"other text around it is refused": `local v, e = uuid.parse("x" .. ` + id + ` .. "y") assert(v == nil and e)`,
		"bare digits get their dashes":    `assert(uuid.parse((` + id + `):gsub("-", "")) == ` + id + `)`,
		"a wrong length is nil, error":    `local v, e = uuid.parse("x") assert(v == nil and e:find("length"))`,
		"a wrong digit is nil, error":     `local v, e = uuid.parse((` + id + `):gsub("a", "g")) assert(v == nil and e:find("invalid"))`,
		"a table as argument raises":      `assert(not pcall(uuid.parse, {}))`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := run(t, code); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAScriptCanNotWorkBeyondItsBudgetWithUUIDs(t *testing.T) {
	t.Parallel()
	libtest.World{Name: "uuid", Library: uuid.Library{}}.EndWithTheBudget(t, map[string]string{
		"random ones":             `while true do uuid.v4() end`,
		"those with the time":     `while true do pcall(uuid.v7) end`,
		"reading":                 `while true do uuid.parse("0190a8c4-7e1d-7abc-8def-0123456789ab") end`,
		"reading what is not one": `local s = ("x"):rep(2 ^ 22) while true do uuid.parse(s) end`,
	})
}
