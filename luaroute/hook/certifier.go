package hook

import (
	"context"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Certifier returns the say of a function in the names that certificates are issued for. It is called with a name, outside of
// any request, and has the budget of one. It returns true to add the name, false to veto it, and nothing to leave it to the
// table.
func (v *VMs) Certifier(ref vm.Ref, origin origin.Origin) chiproxy.Certifier {
	return &certifier{function{v, ref, origin}}
}

type certifier struct{ function }

// Rule calls the function. Its errors are logged.
func (c *certifier) Rule(ctx context.Context, name string) (chiproxy.Ruling, error) {
	state, err := c.vms.pool.Get(ctx)
	if err != nil {
		return chiproxy.Vetoed, c.vms.report(err, c.origin)
	}
	defer c.vms.pool.Put(state)
	ruling := chiproxy.Vetoed
	err = c.vms.alone(c.origin, func() (err error) { // nobody recovers in a handshake of QUIC: a panic would take the process down
		if ruling, err = c.rule(ctx, state, name); err != nil {
			return c.vms.report(err, c.origin)
		}
		return nil
	})
	return ruling, err
}

// rule calls the function.
func (c *certifier) rule(ctx context.Context, state *vm.State, name string) (chiproxy.Ruling, error) {
	state.Arm(c.vms.budget, ctx)
	if err := state.Call(state.Func(c.ref), 1, lua.LString(name)); err != nil {
		return chiproxy.Vetoed, err
	}
	result := state.L.Get(-1)
	state.L.Pop(1)
	switch result {
	case lua.LNil:
		return chiproxy.Unruled, nil
	case lua.LTrue:
		return chiproxy.Added, nil
	case lua.LFalse:
		return chiproxy.Vetoed, nil
	}
	return chiproxy.Vetoed, fmt.Errorf("%s: the function of route.certificate returned a %s; expected true to add %s, false to veto it, or nothing",
		c.origin, result.Type(), name)
}
