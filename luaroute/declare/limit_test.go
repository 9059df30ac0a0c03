package declare

import (
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
)

// Declaring a million routes takes seconds, so the test begins just before the limit.
func TestALoadDeclaresAtMostAMillionRoutesAndScopes(t *testing.T) {
	t.Parallel()
	L := lua.NewState()
	defer L.Close()
	r := newRouter(&load{items: maxItems - 1}, &chiproxy.Scope{}, true)
	add := L.NewFunction(func(L *lua.LState) int {
		r.add(L, chiproxy.Item{Route: &chiproxy.Route{}}, origin.Origin{})
		return 0
	})
	call := func() error { return L.CallByParam(lua.P{Fn: add, Protect: true}) }
	if err := call(); err != nil {
		t.Errorf("the last one: %v", err)
	}
	if err := call(); err == nil || !strings.Contains(err.Error(), "more than 1000000 routes and scopes") {
		t.Errorf("one more: got %v", err)
	}
}
