package declare_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// A protected call hides who has called it, and a coroutine who has resumed it. Lua 5.1 has no place then; a script that logs what went
// wrong needs one.
func TestAFunctionOfGoThatAProtectedCallCallsSaysWhereItWasGivenWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]string{
		"pcall":          `pcall(fn, wrong, wrong, wrong, wrong)`,
		"xpcall":         `xpcall(fn, function(e) return e end)`,
		"pcall of pcall": `(function(_, ...) return ... end)(pcall(pcall, fn, wrong, wrong, wrong, wrong))`,
		"a coroutine":    `coroutine.wrap(function(...) return pcall(fn, ...) end)(wrong, wrong, wrong, wrong)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := luatest.Setup{}.Run(t, `local route, json, log, wrong = require("luaroute"), require("json"), require("log"), coroutine.create(function() end)
				local _, all = pcall(function() return route.nothing end)
				local said = {}
				local function try(name, fn)
					local ok, e = `+call+`
					if not ok and not tostring(e):find("^main%.lua:5: ") then said[#said + 1] = name .. ": " .. tostring(e) end
					return ok
				end
				local failed = 0
				for name in all:match("it has (.*)"):gmatch("[%w_]+") do
					if type(route[name]) == "function" and not try(name, route[name]) then failed = failed + 1 end
				end
				if not try("json.decode", json.decode) then failed = failed + 1 end
				error(failed .. " failed; without a place: " .. table.concat(said, "\n"), 0)`)
			var failed int
			_, said, _ := strings.Cut(err.Error(), "without a place: ")
			if _, err := fmt.Sscanf(err.Error(), "main.lua:14: %d failed", &failed); err != nil || failed < 30 || said != "" {
				t.Errorf("%d failed, %v; without a place:\n%s", failed, err, said)
			}
		})
	}
}

func TestWhatIsDeclaredByAProtectedCallHasItsPlace(t *testing.T) {
	t.Parallel()
	result, err := luatest.Setup{}.Run(t, `local route = require("luaroute")
		pcall(route.get, "/a", { status = 204 })
		coroutine.wrap(function() pcall(pcall, route.get, "/b", { status = 204 }) end)()`)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"main.lua:2", "main.lua:3"} {
		if got := result.Root.Items[i].Route.Origin.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
