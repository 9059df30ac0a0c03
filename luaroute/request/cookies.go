package request

import (
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// reqSetCookie is req:set_cookie(name, value): the other cookies stay as the client has written them.
func reqSetCookie(L *lua.LState) int {
	r, name := of(L, "req"), L.CheckString(2)
	value, err := scalar(L.CheckAny(3))
	if err != nil {
		L.RaiseError("cookie %s: %s", name, err)
	}
	cookie := &http.Cookie{Name: name, Value: value}
	vm.Spend(L, len(value)/16)
	checkCookie(L, cookie)
	r.changeCookies(L, name, cookie.String())
	return 0
}

// reqRemoveCookie is req:remove_cookie(name).
func reqRemoveCookie(L *lua.LState) int {
	r, name := of(L, "req"), L.CheckString(2)
	checkCookie(L, &http.Cookie{Name: name})
	r.changeCookies(L, name, "")
	return 0
}

func checkCookie(L *lua.LState, cookie *http.Cookie) {
	if err := cookie.Valid(); err != nil {
		L.RaiseError("cookie: %s", strings.TrimPrefix(err.Error(), "http: "))
	}
}

// changeCookies puts another pair where the first cookie of a name stands, or at the end, and removes the others of that name. An
// empty pair removes all.
func (r *Request) changeCookies(L *lua.LState, name, pair string) {
	var lines []string
	for _, line := range r.http().Header["Cookie"] {
		vm.Spend(L, len(line)/4)
		if line = field.WithCookie(line, name, &pair); line != "" {
			lines = append(lines, line)
		}
	}
	switch {
	case pair != "" && len(lines) > 0:
		lines[len(lines)-1] += "; " + pair
	case pair != "":
		lines = []string{pair}
	}
	setHeader(r, L, "Cookie", lines)
}
