package declare

import (
	"errors"
	"strconv"
	"strings"
	"unique"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// loadOf returns the load that a state runs, nil if it runs none.
func loadOf(L *lua.LState) *load {
	if s := vm.Of(L); s != nil && s.Loading() {
		return s.Slot.(*load)
	}
	return nil
}

// loading returns the load that a state runs, or raises an error if it runs none.
func loading(L *lua.LState, what string) *load {
	if l := loadOf(L); l != nil {
		return l
	}
	L.RaiseError("%s while a request runs: declare routes and everything else while the script loads, outside functions that serve requests", what)
	return nil
}

// here returns the place of the Lua code that calls.
func here(L *lua.LState, kind, text string) origin.Origin {
	o := origin.Origin{Script: vm.Where(L), Kind: kind, Text: text}
	if i := strings.LastIndexByte(o.Script, ':'); i >= 0 {
		if line, err := strconv.Atoi(o.Script[i+1:]); err == nil {
			o.Script, o.Line = unique.Make(o.Script[:i]).Value(), line // one string for all that a script declares
		}
	}
	return o
}

// Here is the place of the Lua code that called the running Go function.
func Here(L *lua.LState) origin.Origin { return here(L, "", "") }

// check raises an error of the script that calls.
func check(L *lua.LState, err error) {
	if err == nil {
		return
	}
	var own *script.Error
	if errors.As(err, &own) {
		vm.Throw(L, err)
	}
	L.RaiseError("%s", err)
}
