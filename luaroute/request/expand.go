package request

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	// maxExpanded is the size of the largest text that placeholders are replaced in, and of the largest result, in bytes.
	maxExpanded = 1 << 20
	// placeholderSteps is what a placeholder counts for: Caddy asks several maps and functions for it.
	placeholderSteps = 20
)

// reqExpand is req:expand("{placeholder}").
func reqExpand(L *lua.LState) int {
	r, s := of(L, "req"), L.CheckString(2)
	for _, closed := range []struct{ prefix, instead string }{
		{"{env.", "route.env"}, {"{file.", "route.read"},
	} {
		if strings.Contains(s, closed.prefix) {
			L.RaiseError("expand: placeholders %s…} are not for scripts; use %s", closed.prefix, closed.instead)
		}
	}
	if len(s) > maxExpanded {
		L.RaiseError("expand: the text has %d bytes; allowed are %d", len(s), maxExpanded)
	}
	vm.Spend(L, len(s)/16)
	L.Push(text(r.expand(L, s)))
	return 1
}

// expand replaces Caddy's placeholders.
func (r *Request) expand(L *lua.LState, s string) string {
	replacer, ok := r.http().Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return s
	}
	size := len(s)
	expanded, err := replacer.ReplaceFunc(s, func(_ string, value any) (any, error) {
		out := caddy.ToString(value)
		if size += len(out); size > maxExpanded {
			return nil, fmt.Errorf("the result is too large; allowed are %d bytes", maxExpanded)
		}
		vm.Spend(L, placeholderSteps+len(out)/64)
		return out, nil
	})
	if err != nil {
		L.RaiseError("expand: %s", err)
	}
	vm.Charge(L, len(expanded))
	return expanded
}
