package request

import (
	"encoding/base64"
	"strings"

	"github.com/caddyserver/caddy/v2"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	// placeholderSteps is the cost of one placeholder, which Caddy looks up in several maps and functions.
	placeholderSteps = 20
	// maxExpanded is the largest size, in bytes, of a string with placeholders and of the result.
	maxExpanded = 1 << 20
)

// reqExpand is req:expand("{placeholder}").
func reqExpand(L *lua.LState) int {
	r, s := of(L, "req"), L.CheckString(2)
	if len(s) > maxExpanded {
		L.RaiseError("expand: the string has %d bytes; allowed are %d", len(s), maxExpanded)
	}
	vm.Spend(L, len(s)/16)
	own := r.replacer()
	if own == nil {
		L.Push(text(s))
		return 1
	}
	left := maxExpanded
	safe := caddy.NewEmptyReplacer()
	safe.Map(func(name string) (any, bool) {
		v, ok := r.placeholder(L, own, name)
		value := caddy.ToString(v)
		vm.Spend(L, placeholderSteps+len(value)/64)
		vm.Charge(L, len(value))
		if left -= len(value); left < 0 {
			L.RaiseError("expand: the result is too large; allowed are %d bytes", maxExpanded)
		}
		return value, ok
	})
	L.Push(text(safe.ReplaceAll(s, "")))
	return 1
}

// placeholder returns the value of one of Caddy's placeholders. Those that read files and the
// environment are unknown here: the string may come from the client, and a script sees only what
// route.read and route.env allow. The body is read as req:body() does, within its limit.
func (r *Request) placeholder(L *lua.LState, own *caddy.Replacer, name string) (any, bool) {
	switch name {
	case "http.request.body":
		return string(r.mustRead(L, r.body)), true
	case "http.request.body_base64":
		return base64.StdEncoding.EncodeToString(r.mustRead(L, r.body)), true
	}
	if strings.HasPrefix(name, "file.") || strings.HasPrefix(name, "env.") {
		return nil, false
	}
	if err := r.runs.Placeholder(name); err != nil {
		L.RaiseError("expand: %s", err)
	}
	return own.Get(name)
}

// replacer returns Caddy's placeholders for the request, nil where there are none.
func (r *Request) replacer() *caddy.Replacer {
	replacer, _ := r.http().Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	return replacer
}

// id returns the UUID that Caddy gives the request.
func (r *Request) id() string {
	if own := r.replacer(); own != nil {
		id, _ := own.GetString("http.request.uuid")
		return id
	}
	return ""
}
