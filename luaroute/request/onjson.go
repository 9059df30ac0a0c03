package request

import (
	"net/http"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/response"
	luajson "github.com/luaroute/caddy-luaroute/luaroute/lib/json"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// resOnJSON is res:on_json(function(value, info) return value end, [options]): it gets the whole JSON body of a 2xx response, and what
// it returns is the body. Others pass as they are.
func resOnJSON(L *lua.LState) int {
	r, fn, options := of(L, "res"), L.CheckFunction(2), luajson.OptionsOf(L, 3)
	r.unsent(L, "res:on_json")
	vm.Charge(L, hookSize)
	j := &jsonHook{runs: r.runs, fn: fn, options: options}
	j.call = r.runs.Later(vm.Function(L, j.run), fn)
	r.hooks().OnWhole(response.WholeBody{Takes: j.takes, Limit: r.body, Change: j.change, Passed: func() {
		j.pass("size", "it is larger than "+strconv.FormatInt(r.body, 10)+" bytes")
	}})
	return 0
}

// jsonHook is a function for the JSON body of a response.
type jsonHook struct {
	runs    Runner
	fn      *lua.LFunction
	call    func(args ...lua.LValue) (lua.LValue, error) // of run
	options luajson.Options
	problem error // of a body that is no JSON
}

func (j *jsonHook) pass(kind, why string) {
	j.runs.Passed(j.fn, kind, "res:on_json leaves a body as it is: "+why)
}

// takes reports whether the body is JSON as it is.
func (j *jsonHook) takes(header http.Header) bool {
	contentType, encoding := header.Get("Content-Type"), header.Get("Content-Encoding")
	switch {
	case !isJSON(contentType):
		j.pass("type", "its type is "+field.Quote(contentType))
	case encoding != "" && encoding != "identity":
		j.pass("encoding", "it is encoded as "+field.Quote(encoding))
	default:
		return true
	}
	return false
}

// change calls the function.
func (j *jsonHook) change(status int, header http.Header, body []byte) ([]byte, error) {
	j.problem = nil
	changed, err := j.call(lua.LString(body), lua.LNumber(status), lua.LString(header.Get("Content-Type")))
	switch changed := changed.(type) {
	case lua.LString:
		if err == nil {
			return []byte(changed), nil
		}
	case *lua.LNilType:
		if j.problem != nil {
			j.pass("text", j.problem.Error())
		}
	}
	return body, err
}

// run is called in Lua, so that reading and writing JSON ends with the budget: of a body, its status and its type it returns the body
// as the function wants it, or nil to leave it.
func (j *jsonHook) run(L *lua.LState) int {
	body, status, contentType := L.CheckString(1), L.Get(2), L.Get(3)
	vm.Charge(L, len(body))
	value, err := luajson.DecodeAs(L, body, j.options)
	if err != nil {
		j.problem = err
		L.Push(lua.LNil)
		return 1
	}
	info := L.CreateTable(0, 3)
	info.RawSetString("status", status)
	info.RawSetString("type", contentType)
	info.RawSetString("bytes", lua.LNumber(len(body)))
	L.Push(j.fn)
	L.Push(value)
	L.Push(info)
	L.Call(2, 1)
	changed := L.Get(-1)
	L.Pop(1)
	_, isTable := changed.(*lua.LTable)
	switch {
	case changed == lua.LNil:
		L.RaiseError("the function of res:on_json returned nothing; expected the value to send, which may be json.null")
	case changed == value && !isTable: // a number keeps its digits
		L.Push(lua.LNil)
		return 1
	}
	text, err := luajson.Encode(L, changed)
	if err != nil {
		vm.Throw(L, err)
	}
	L.Push(lua.LString(text))
	return 1
}
