package request

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// hookSize is what Go keeps for a function that is called later, in bytes.
const hookSize = 512

// resOnHeaders is res:on_headers(function(res) … end): it is called just before the header leaves, and may change the
// status and the headers.
func resOnHeaders(L *lua.LState) int {
	r, fn := of(L, "res"), L.CheckFunction(2)
	r.unsent(L, "res:on_headers")
	vm.Charge(L, hookSize)
	r.answering(L, "res:on_headers")
	call, hooks := r.runs.Later(fn, fn), r.hooks()
	hooks.OnHeader(func(status int) (int, error) {
		was, out, live := r.status, r.out, r.live
		r.status, r.live, r.out = int16(status), true, hooks // an on_body of the function belongs to this response
		_, err := call(r.Res())
		status = int(r.status)
		r.status, r.live, r.out = was, live, out
		return status, err
	})
	return 0
}

// resOnBody is res:on_body(function(chunk, last) return chunk end): it is called with each piece of the body, and
// cannot write: what it returns is the body.
func resOnBody(L *lua.LState) int {
	r, fn := of(L, "res"), L.CheckFunction(2)
	r.unsent(L, "res:on_body")
	vm.Charge(L, hookSize)
	call, state := r.runs.Later(fn, fn), vm.Of(L)
	r.hooks().OnBody(func(piece []byte, last bool) ([]byte, error) {
		if !r.writes { // else the piece is the script's own, and refills the budget when it is out
			state.Refill()
		}
		r.filters = true
		v, err := call(lua.LString(piece), lua.LBool(last))
		if r.filters = false; err != nil {
			return nil, err
		}
		switch v := v.(type) {
		case lua.LString:
			return []byte(v), nil
		case lua.LNumber:
			return []byte(v.String()), nil
		case *lua.LNilType:
			return nil, nil
		}
		return nil, fmt.Errorf("the function of res:on_body returned a %s; expected a string, or nil to send nothing", v.Type())
	})
	return 0
}

// resOnDone is res:on_done(function(info) … end): it is called after the response. Of req and res it may use only req.ctx.
func resOnDone(L *lua.LState) int {
	r, fn := of(L, "res"), L.CheckFunction(2)
	vm.Charge(L, hookSize)
	r.runs.Done(fn)
	return 0
}
