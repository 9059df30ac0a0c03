package request

import (
	"net/http"
	"net/textproto"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// hostHeader is the one header that net/http does not keep in Header.
const hostHeader = "Host"

func paramsGet(r *Request, _ *lua.LState, name string) lua.LValue {
	if v, ok := r.ex.Param(name); ok {
		return r.text(v)
	}
	return lua.LNil
}

func paramsAll(r *Request, _ *lua.LState, yield func(name, value string)) {
	for name, value := range r.ex.Params() {
		yield(name, value)
	}
}

func headersGet(r *Request, _ *lua.LState, name string) lua.LValue {
	return r.first(headerValues(r.http(), name))
}

// headerValues returns the values of a request header.
func headerValues(r *http.Request, name string) []string {
	name = textproto.CanonicalMIMEHeaderKey(name)
	if name == hostHeader && r.Host != "" {
		return []string{r.Host}
	}
	return r.Header[name]
}

func headersSet(r *Request, L *lua.LState, name string, value lua.LValue) {
	setHeader(r, L, name, checkedValues(L, name, value))
}

// setHeader replaces the values of a request header; without values it is removed.
func setHeader(r *Request, L *lua.LState, name string, values []string) {
	if name = textproto.CanonicalMIMEHeaderKey(name); name == hostHeader {
		if err := field.CheckHost(values...); err != nil {
			L.RaiseError("%s", err)
		}
	}
	r.seeConnection(L)
	raise(L, r.ex.SetHeader(name, values))
}

// raise raises an error of Go, if there is one.
func raise(L *lua.LState, err error) {
	if err != nil {
		L.RaiseError("%s", err)
	}
}

// seeConnection charges for looking for a name in Connection, and at the size of all fields.
func (r *Request) seeConnection(L *lua.LState) {
	vm.Spend(L, len(r.http().Header)/8)
	for _, line := range r.http().Header["Connection"] {
		vm.Spend(L, len(line)/8)
	}
}

// checkedValues returns the values of a header of the request, or raises an error if it must not be sent.
func checkedValues(L *lua.LState, name string, value lua.LValue) []string {
	return checked(L, name, value, field.Check)
}

func checked(L *lua.LState, name string, value lua.LValue, check func(string, ...string) error) []string {
	values, err := scalars(L, value)
	if err != nil {
		L.RaiseError("header %s: %s", field.Quote(name), err)
	}
	if err := check(name, values...); err != nil {
		L.RaiseError("%s", err)
	}
	return values
}

func headersAll(r *Request, _ *lua.LState, yield func(name, value string)) {
	hr := r.http()
	if hr.Host != "" {
		yield(hostHeader, hr.Host)
	}
	for name, values := range hr.Header {
		if len(values) > 0 {
			yield(name, values[0])
		}
	}
}

func queryGet(r *Request, L *lua.LState, name string) lua.LValue { return r.first(r.values(L)[name]) }

func queryAll(r *Request, L *lua.LState, yield func(name, value string)) {
	for name, values := range r.values(L) {
		if len(values) > 0 {
			yield(name, values[0])
		}
	}
}

func cookiesGet(r *Request, L *lua.LState, name string) lua.LValue {
	hr := r.http()
	for _, line := range hr.Header["Cookie"] { // all of it is parsed
		vm.Spend(L, len(line)/16)
	}
	cookie, err := hr.Cookie(name)
	if err != nil {
		return lua.LNil
	}
	return r.text(cookie.Value)
}

func cookiesAll(r *Request, L *lua.LState, yield func(name, value string)) {
	seen := map[string]bool{}
	for _, line := range r.http().Header["Cookie"] {
		vm.Spend(L, len(line)/8)
	}
	for _, cookie := range r.http().Cookies() {
		if !seen[cookie.Name] {
			seen[cookie.Name] = true
			yield(cookie.Name, cookie.Value)
		}
	}
}
