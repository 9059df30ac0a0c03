package http

import (
	"maps"
	"net/http"
	"net/textproto"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/call"
	luajson "github.com/luaroute/caddy-luaroute/luaroute/lib/json"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// response is an answer as the value of a userdata. It never changes, so copies of a state may have the same.
type response struct {
	status, elapsed lua.LNumber
	body, url       lua.LValue
	header          http.Header
	headers         *lua.LUserData
}

// headers are its header fields, as the value of a userdata.
type headers struct{ of *response }

// object returns an answer as scripts have it.
func object(res *call.Response) *lua.LUserData {
	r := &response{
		status: lua.LNumber(res.Status), elapsed: lua.LNumber(res.Elapsed.Seconds()),
		body: lua.LString(res.Body), url: lua.LString(res.URL), header: res.Header,
	}
	r.headers = &lua.LUserData{Value: &headers{r}, Metatable: headersType}
	return &lua.LUserData{Value: r, Metatable: responseType}
}

// Keeps visits what takes memory.
func (r *response) Keeps(visit func(lua.LValue)) {
	visit(r.body)
	visit(r.url)
	for name, values := range r.header {
		visit(lua.LString(name))
		for _, value := range values {
			visit(lua.LString(value))
		}
	}
}

// Keeps visits what takes memory, since the fields may be all that is left of an answer.
func (h *headers) Keeps(visit func(lua.LValue)) { h.of.Keeps(visit) }

// Field returns a field of an answer, nil for an unknown name.
func (r *response) Field(_ *lua.LUserData, name string) lua.LValue {
	switch name {
	case "status":
		return r.status
	case "headers":
		return r.headers
	case "body":
		return r.body
	case "url":
		return r.url
	case "elapsed":
		return r.elapsed
	}
	if fn, ok := responseMethods[name]; ok {
		return fn
	}
	return nil
}

// Field returns the first value of a header field.
func (h *headers) Field(_ *lua.LUserData, name string) lua.LValue {
	if values := h.of.header[textproto.CanonicalMIMEHeaderKey(name)]; len(values) > 0 {
		return lua.LString(values[0])
	}
	return lua.LNil
}

// The metatables hold Go functions only and are shared by all states.
var (
	responseType, headersType *lua.LTable
	responseMethods           map[string]*lua.LFunction
)

func init() {
	responseMethods = map[string]*lua.LFunction{"values": vm.GoFunc(values), "json": vm.GoFunc(decode)}
	responseType = metatable("http.Response", func(L *lua.LState) int {
		r, name := check[*response](L), L.CheckString(2)
		v := r.Field(nil, name)
		if v == nil {
			L.RaiseError("an answer has no field %q; it has body, elapsed, headers, status, url, and the methods json, values", script.Clip(name))
		}
		L.Push(v)
		return 1
	})
	headersType = metatable("http.Headers", func(L *lua.LState) int {
		L.Push(check[*headers](L).Field(nil, L.CheckString(2)))
		return 1
	})
	headersType.RawSetString("__pairs", vm.GoFunc(func(L *lua.LState) int {
		header := check[*headers](L).of.header
		vm.Spend(L, 4*len(header))
		t := gopher.NewTable(0, len(header))
		for _, name := range slices.Sorted(maps.Keys(header)) {
			if len(header[name]) > 0 {
				t.RawSetString(name, lua.LString(header[name][0]))
			}
		}
		L.Push(nextFunction)
		L.Push(t)
		L.Push(lua.LNil)
		return 3
	}))
}

// nextFunction walks the table that __pairs has made.
var nextFunction = vm.GoFunc(func(L *lua.LState) int {
	k, v := L.CheckTable(1).Next(L.Get(2))
	L.Push(k)
	L.Push(v)
	return 2
})

// metatable returns the metatable of objects that cannot be changed.
func metatable(name string, index lua.LGFunction) *lua.LTable {
	t := gopher.NewTable(0, 5)
	t.RawSetString("__metatable", lua.LString(name))
	t.RawSetString("__index", vm.GoFunc(index))
	t.RawSetString("__newindex", vm.GoFunc(func(L *lua.LState) int {
		L.RaiseError("%s is read-only", name)
		return 0
	}))
	t.RawSetString("__tostring", vm.GoFunc(func(L *lua.LState) int {
		L.Push(lua.LString(name))
		return 1
	}))
	return t
}

// check returns the value of the userdata that is the first argument.
func check[T any](L *lua.LState) (v T) {
	if data, ok := L.Get(1).(*lua.LUserData); ok {
		if v, ok = data.Value.(T); ok {
			return v
		}
	}
	L.ArgError(1, "object of http expected, got "+L.Get(1).Type().String()+"; methods are called with a colon")
	return v
}

// values is res:values(name).
func values(L *lua.LState) int {
	all := check[*response](L).header[textproto.CanonicalMIMEHeaderKey(L.CheckString(2))]
	vm.Spend(L, len(all))
	vm.Charge(L, headerValueSize*len(all))
	t := gopher.NewTable(len(all), 0)
	for _, v := range all {
		t.Append(lua.LString(v))
	}
	L.Push(t)
	return 1
}

// decode is res:json(options).
func decode(L *lua.LState) int {
	r := check[*response](L)
	v, err := luajson.DecodeAs(L, r.body.String(), luajson.OptionsOf(L, 2))
	if err != nil {
		return vm.Fail(L, err.Error())
	}
	L.Push(v)
	return 1
}

// newResponse is http.response(fields).
func newResponse(L *lua.LState) int {
	const what = "http.response"
	t := option.Of(L, what, L.CheckTable(1), &responseClass)
	var s settings
	s.headers(t, "headers")
	s.body(t)
	res := &call.Response{Status: http.StatusOK, Header: s.Header, Body: s.Body, URL: t.Text("url")}
	if t.Has("status") {
		if res.Status = t.Integer("status"); res.Status < 100 || res.Status > 599 {
			t.Fail("status", "a status from 100 to 599")
		}
	}
	L.Push(charged(L, res))
	return 1
}

// Interface guards
var (
	_ vm.Keeper = (*response)(nil)
	_ vm.Fields = (*response)(nil)
	_ vm.Keeper = (*headers)(nil)
	_ vm.Fields = (*headers)(nil)
)
