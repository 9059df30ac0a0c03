package hook

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Value is a function that says something of a request, such as the key that a limit counts it by.
type Value struct{ function }

// Value returns a function that says something of requests. As a guard, it cannot change them.
func (v *VMs) Value(ref vm.Ref, origin origin.Origin) *Value { return &Value{function{v, ref, origin}} }

// Of calls the function with req and hands what it returned to read. An error of read is one of the function.
func (f *Value) Of(ex *chiproxy.Exchange, read func(lua.LValue) error) error {
	s, err := f.enter(ex)
	if err != nil {
		return err
	}
	outer := s.request.Enter(true)
	r, err := f.call(s)
	s.request.Leave(outer)
	if err == nil {
		if err = read(r[0]); err != nil {
			err = f.origin.Errorf("%w", err)
		}
	}
	if err != nil {
		return s.failed(err, f.origin)
	}
	return nil
}

// Exchange returns the request that a script runs for, nil if it runs for none.
func Exchange(L *lua.LState) *chiproxy.Exchange {
	if state := vm.Of(L); state != nil {
		if s, ok := state.Slot.(*session); ok {
			return s.ex
		}
	}
	return nil
}
