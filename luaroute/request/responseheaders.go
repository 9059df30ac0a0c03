package request

import (
	"net/textproto"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// outValues returns the values of a response header as they will be sent so far.
func (r *Request) outValues(L *lua.LState, name string) []string {
	r.seeChanges(L)
	if r.live {
		return r.out.Values(name)
	}
	return r.ex.ResponseValues(name)
}

// seeChanges charges for looking through all changes of the response header.
func (r *Request) seeChanges(L *lua.LState) { vm.Spend(L, r.ex.Changes()/4) }

func outHeadersGet(r *Request, L *lua.LState, name string) lua.LValue {
	return r.first(r.outValues(L, name))
}

// outHeadersSet notes a header for the response: a value, a list of them, or nil for none.
func outHeadersSet(r *Request, L *lua.LState, name string, value lua.LValue) {
	r.unsent(L, "res.headers")
	r.seeChanges(L)
	raise(L, r.hooks().Set(name, outChecked(L, name, value)))
}

func outHeadersAll(r *Request, L *lua.LState, yield func(name, value string)) {
	r.seeChanges(L)
	names := r.ex.ResponseNames
	if r.live {
		names = r.out.Names
	}
	for _, name := range names() {
		if values := r.outValues(L, name); len(values) > 0 {
			yield(name, values[0])
		}
	}
}

// outChecked returns the values of a response header as they are sent, or raises an error if they must not be.
func outChecked(L *lua.LState, name string, value lua.LValue) []string {
	values := checked(L, name, value, field.CheckResponse)
	if textproto.CanonicalMIMEHeaderKey(name) == "Location" {
		for i, v := range values {
			values[i] = field.EncodeLocation(v)
		}
	}
	return values
}

// resAddHeader is res:add_header(name, value or list).
func resAddHeader(L *lua.LState) int {
	r, name := of(L, "res"), L.CheckString(2)
	r.unsent(L, "res:add_header")
	values := outChecked(L, name, L.CheckAny(3))
	vm.Spend(L, len(r.outValues(L, name))/8) // they are copied
	raise(L, r.hooks().Add(name, values...))
	return 0
}

// resRemoveHeader is res:remove_header(name).
func resRemoveHeader(L *lua.LState) int {
	r, name := of(L, "res"), L.CheckString(2)
	r.unsent(L, "res:remove_header")
	r.seeChanges(L)
	raise(L, r.hooks().Set(name, outChecked(L, name, lua.LNil)))
	return 0
}

// resVary is res:vary(name): the response depends on this request header, which caches must know.
func resVary(L *lua.LState) int {
	r, token := of(L, "res"), L.CheckString(2)
	r.unsent(L, "res:vary")
	if err := field.CheckName(token); err != nil {
		L.RaiseError("%s", err)
	}
	vm.Spend(L, r.ex.Changes()) // each is compared, in any case of its letters
	raise(L, r.hooks().Vary(token))
	return 0
}
