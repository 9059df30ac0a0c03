package simulate_test

import (
	"net/http/httptest"
	"slices"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/explain"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// sender is a library that would send something.
var sender = vm.LibraryFunc(func(L *lua.LState) lua.LValue {
	t := L.NewTable()
	t.RawSetString("send", vm.GoFunc(func(L *lua.LState) int {
		if refuse := vm.Of(L).Refuse; refuse != nil {
			refuse("sending " + L.CheckString(1))
			L.RaiseError("this request is only explained")
		}
		L.Push(lua.LTrue)
		return 1
	}))
	return t
})

func TestLibrariesLearnThatARequestIsOnlyExplained(t *testing.T) {
	t.Parallel()
	table, err := luatest.Setup{Libraries: map[string]vm.Library{"sender": sender}}.Load(t, `
		local route, sender = require("luaroute"), require("sender")
		route:get("/", function() return 200, pcall(sender.send, "mail") and "sent" or "refused" end)`)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the virtual machine is the same again
		d := explain.Decide(table, httptest.NewRequest("GET", "/", nil), true)
		if d.Body != "refused" || !slices.Equal(d.Refused, []string{"sending mail"}) {
			t.Errorf("explained: %q, and %q is refused", d.Body, d.Refused)
		}
		if got := served(table, httptest.NewRequest("GET", "/", nil)); got != "200 sent" {
			t.Errorf("served: %s", got)
		}
	}
}
