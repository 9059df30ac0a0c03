package hook

import (
	"fmt"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/balance"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// BalancerOptions are the functions of a pool, and what goes with them.
type BalancerOptions struct {
	// Select, Retry and Upstreams are nil where there is none.
	Select, Retry, Upstreams *PoolFunction
	// Closed says that a function that fails ends the request.
	Closed bool
	// Own is what is said of upstreams, by address.
	Own map[string]balance.Own
}

// PoolFunction is a function of a pool.
type PoolFunction struct {
	function
	name string // that of the option, for errors
}

// PoolFunction returns a function of a pool; name is the option that it is.
func (v *VMs) PoolFunction(name string, ref vm.Ref, origin origin.Origin) *PoolFunction {
	return &PoolFunction{function{v, ref, origin}, name}
}

// Balancer returns the functions of a pool. They are of the same scripts.
func (v *VMs) Balancer(o BalancerOptions) chiproxy.Balancer { return &balancer{v, o} }

// Export returns a function for any reverse_proxy, as a select or as an upstreams.
func (v *VMs) Export(ref vm.Ref, at origin.Origin) chiproxy.Export {
	return chiproxy.Export{
		Select:    v.Balancer(BalancerOptions{Select: v.PoolFunction("select", ref, at)}),
		Upstreams: v.Balancer(BalancerOptions{Upstreams: v.PoolFunction("upstreams", ref, at)}),
		Origin:    at,
	}
}

type balancer struct {
	vms *VMs
	BalancerOptions
}

// Kinds says which functions there are.
func (b *balancer) Kinds() pool.Kinds {
	return pool.Kinds{Select: b.BalancerOptions.Select != nil, Retry: b.BalancerOptions.Retry != nil, Upstreams: b.BalancerOptions.Upstreams != nil}
}

// Closed reports whether a function that fails ends the request.
func (b *balancer) Closed() bool { return b.BalancerOptions.Closed }

// Own returns what is said of an upstream.
func (b *balancer) Own(address string) (own balance.Own, known bool) {
	own, known = b.BalancerOptions.Own[address]
	return own, known
}

// For makes what answers for one request.
func (b *balancer) For(ex *chiproxy.Exchange) pool.Asker {
	q := &asking{functions: b, ex: ex}
	q.up.Value, q.up.Metatable = &q.list, upstreamsType
	q.list = upstreams{q, q.pool.Offer.All()}
	return q
}

// asking is one request that a pool asks the functions about. One allocation makes it, with all that a simple answer needs.
type asking struct {
	functions *balancer
	ex        *chiproxy.Exchange
	pool      pool.Asking
	up        lua.LUserData
	list      upstreams
	first     upstream // the first that is made
	firstData lua.LUserData
}

// Asking returns what the pool keeps of the request.
func (q *asking) Asking() *pool.Asking { return &q.pool }

// Body gives a request the body again.
func (q *asking) Body(to *http.Request) bool { return q.ex.BodyAgain(to) }

// Log warns, once for each function.
func (q *asking) Log(what string) {
	f := q.functions.BalancerOptions.Retry
	if _, said := q.functions.vms.passed.LoadOrStore(passage{f.origin, what}, true); !said {
		q.functions.vms.logger.Warn(what, zap.Stringer("function", f.origin))
	}
}

// Select returns the place of the upstream that the function chooses.
func (q *asking) Select() (at int, err error) {
	at = pool.ByPolicy
	f := q.functions.BalancerOptions.Select
	s, back, err := q.enter(f)
	if err != nil {
		return at, err
	}
	v, err := f.decide(s, &q.up)
	if err == nil {
		if at, err = q.chosen(v); err != nil {
			err = f.origin.Errorf("%w", err)
		}
	}
	if err != nil {
		err = s.failed(err, f.origin)
	}
	q.leave(s, back)
	return at, err
}

// chosen returns the place that a result of select stands for.
func (q *asking) chosen(v lua.LValue) (int, error) {
	switch v := v.(type) {
	case *lua.LNilType:
		return pool.ByPolicy, nil
	case lua.LBool:
		if !v {
			return pool.None, nil
		}
	case lua.LString:
		if at := q.pool.Offer.Find(string(v)); at >= 0 {
			return at, nil
		}
		return pool.ByPolicy, fmt.Errorf("select returned %q, which is no address of the pool; it has %s", script.Clip(string(v)), q.addresses())
	case *lua.LUserData:
		if u, ok := v.Value.(*upstream); ok && u.of == q {
			if at := u.place(); at >= 0 {
				return at, nil
			}
			return pool.ByPolicy, nil // it was there for another try
		}
	}
	return pool.ByPolicy, fmt.Errorf("select returned a %s; allowed are an element of up, an address of the pool, nil for its policy, and false for none", v.Type())
}

// maxNamed is how many addresses an error lists.
const maxNamed = 5

func (q *asking) addresses() string {
	all := q.pool.Offer.Upstreams
	if len(all) == 0 {
		return "none"
	}
	var names []string
	for _, u := range all[:min(len(all), maxNamed)] {
		names = append(names, u.Dial)
	}
	if more := len(all) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

// Retry asks whether there is to be another try.
func (q *asking) Retry(t *pool.Try) (again, says bool, err error) {
	f := q.functions.BalancerOptions.Retry
	s, back, err := q.enter(f)
	if err != nil {
		return false, false, err
	}
	v, err := f.decide(s, tryTable(s.state.L, t))
	if err == nil {
		switch v := v.(type) {
		case *lua.LNilType:
		case lua.LBool:
			again, says = bool(v), true
		default:
			err = f.origin.Errorf("retry returned a %s; allowed are true, false, and nil for what Caddy does", v.Type())
		}
	}
	if err != nil {
		err = s.failed(err, f.origin)
	}
	q.leave(s, back)
	return again, says, err
}

// Upstreams asks for the upstreams of the request.
func (q *asking) Upstreams() error {
	f := q.functions.BalancerOptions.Upstreams
	s, back, err := q.enter(f)
	if err != nil {
		return err
	}
	v, err := f.decide(s, lua.LNil)
	if err == nil {
		var all []pool.Address
		if all, err = AddressesOf(v); err == nil {
			err = q.pool.List(all)
		}
		if err != nil {
			err = f.origin.Errorf("upstreams: %w", err)
		}
	}
	if err != nil {
		err = s.failed(err, f.origin)
	}
	if q.functions.BalancerOptions.Select == nil || back.foreign {
		q.leave(s, back)
	}
	return err
}

// decide calls the function with req and one more argument, and returns its first result.
func (f *PoolFunction) decide(s *session, arg lua.LValue) (lua.LValue, error) {
	outer := s.request.Enter(true)
	defer s.request.Leave(outer)
	end := s.begin(f.origin)
	err := s.state.Call(s.state.Func(f.ref), 1, s.request.Req(), arg)
	if end(err); err != nil {
		return nil, err
	}
	v := s.state.L.Get(-1)
	s.state.L.Pop(1)
	return v, nil
}

// held is what the request has of another tenant while a function of the pool runs: the pool may belong to the one around it.
type held struct {
	hold    chiproxy.Holder
	foreign bool
}

// enter returns the session of a function. Where the request has one of other scripts, that waits aside.
func (q *asking) enter(f *PoolFunction) (*session, held, error) {
	var aside held
	var of *VMs
	switch h := q.ex.Hold.(type) {
	case *session:
		of = h.vms
	case *parked:
		of = h.vms
	}
	if of != nil && of != f.vms {
		q.ex.Yield()
		aside = held{q.ex.Hold, true}
		q.ex.Hold = nil
	}
	s, err := f.enter(q.ex)
	if err != nil && aside.foreign {
		q.ex.Hold = aside.hold
	}
	return s, aside, err
}

// leave gives the virtual machine back, as the request waits for an upstream now.
func (q *asking) leave(s *session, aside held) {
	if !aside.foreign {
		q.ex.Yield()
		return
	}
	q.ex.Hold = aside.hold
	s.Release()
}

// AddressesOf returns the upstreams that a list of a script names: addresses, and tables { address, weight =, max_requests =, … }.
func AddressesOf(v lua.LValue) ([]pool.Address, error) {
	t, ok := v.(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("it is a %s; expected a list of addresses, or of tables such as { \"10.0.0.1:80\", weight = 3 }", v.Type())
	}
	all := make([]pool.Address, 0, t.Len())
	for i := 1; i <= t.Len(); i++ {
		a, err := AddressOf(t.RawGetInt(i))
		if err != nil {
			return nil, fmt.Errorf("upstream %d: %w", i, err)
		}
		all = append(all, a)
	}
	return all, nil
}

// AddressOf returns the upstream that an address, or a table that begins with one, stands for.
func AddressOf(v lua.LValue) (a pool.Address, err error) {
	a.Own.Weight = 1
	t, isTable := v.(*lua.LTable)
	if isTable {
		v = t.RawGetInt(1)
	}
	address, ok := v.(lua.LString)
	if !ok || address == "" {
		return a, fmt.Errorf("it is a %s; expected an address such as 10.0.0.1:8080, or a table that begins with one", v.Type())
	}
	if a.Dial = string(address); !isTable {
		return a, nil
	}
	t.ForEach(func(k, v lua.LValue) {
		if n, ok := k.(lua.LNumber); ok && n == 1 || err != nil {
			return
		}
		err = setOwn(&a, k, v)
	})
	return a, err
}

func setOwn(a *pool.Address, k, v lua.LValue) error {
	name, ok := k.(lua.LString)
	if !ok {
		return fmt.Errorf("the key %s is not a name", k)
	}
	n, isNumber := v.(lua.LNumber)
	switch {
	case name == "weight":
		if !isNumber || !(n >= 0) || n > 1e9 {
			return fmt.Errorf("weight is %s; expected a number, 0 or more", v)
		}
		a.Own.Weight = float64(n)
		return nil
	case name == "max_requests":
		a.MaxRequests = int(n)
		if !isNumber || n < 1 || n > 1e9 || lua.LNumber(a.MaxRequests) != n {
			return fmt.Errorf("max_requests is %s; expected a whole number above 0", v)
		}
		return nil
	case isBuiltin(string(name)):
		return fmt.Errorf("the field %q is one that every upstream has; give yours another name", name)
	}
	if a.Own.Fields == nil {
		a.Own.Fields = map[string]any{}
	}
	switch v := v.(type) {
	case lua.LString:
		a.Own.Fields[string(name)] = string(v)
	case lua.LNumber:
		a.Own.Fields[string(name)] = float64(v)
	case lua.LBool:
		a.Own.Fields[string(name)] = bool(v)
	default:
		return fmt.Errorf("the field %q is a %s; expected a string, a number or a boolean", script.Clip(string(name)), v.Type())
	}
	return nil
}

// Interface guards
var (
	_ chiproxy.Balancer = (*balancer)(nil)
	_ pool.Asker        = (*asking)(nil)
)
