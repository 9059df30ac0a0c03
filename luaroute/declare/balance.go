package declare

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/balance"
	"github.com/luaroute/caddy-luaroute/luaroute/basepath"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// functionDocs describes the options of a pool that are for its functions.
var functionDocs = []vm.Doc{
	{Name: "retries", Type: "number?", Text: "how many other upstreams are tried. Default: none, or as many as the time `try_duration` has room for"},
	{
		Name: "select", Type: "(fun(req: luaroute.Request, up: luaroute.Upstreams): luaroute.Upstream|string|false|nil)|nil",
		Text: "[chooses the upstream](balance.md#functions-that-choose) of each try. Default: `lb_policy` does",
	},
	{
		Name: "retry", Type: "(fun(req: luaroute.Request, try: luaroute.Try): boolean?)|nil",
		Text: "says whether [another try](balance.md#retries) follows a response, or a connection that breaks. Default: after a GET whose connection breaks",
	},
	{
		Name: "upstreams", Type: "(fun(req: luaroute.Request): (string|luaroute.PoolUpstream)[])|table|nil",
		Text: "[names the upstreams](balance.md#upstreams-by-request) of a request, instead of those of the pool; a list is that of `reverse_proxy`. Default: none",
	},
	{
		Name: "on_error", Type: `"open"|"closed"|nil`,
		Text: "where one of the functions fails: goes on as if there were none, or as the `on_error` of the route says. Default: `open`",
	},
}

var poolUpstream = vm.Class{
	Name: "luaroute.PoolUpstream", Link: "balance.md#functions-that-choose", Keys: "[number]: string, [string]: any",
	Text: "an upstream as a table: its address first, and fields of its own, which are strings, numbers and booleans",
	Fields: []vm.Doc{
		{Name: "weight", Type: "number?", Text: "its share, for `select` and for `lb_policy` `weighted_round_robin` and `luaroute_latency`; 0 drains it. Default: 1"},
		{Name: "max_requests", Type: "number?", Text: "how many requests it may work on at once. Default: any number"},
	},
}

func isFunctionOption(name string) bool {
	switch name {
	case "retries", "select", "retry", "upstreams", "on_error":
		return true
	}
	return false
}

// poolFunctions are the options of functionDocs, and what upstreams have of their own.
type poolFunctions struct {
	hook.BalancerOptions
	retries int
	// limits are the numbers of requests at upstreams, by address.
	limits map[string]int
	// weighted says that an upstream has a weight, and own that it has a field that nobody but a function reads.
	weighted bool
	own      string
}

func (f *poolFunctions) any() bool { return f.Select != nil || f.Retry != nil || f.Upstreams != nil }

// poolFunctions reads them from the table of a pool.
func (l *load) poolFunctions(L *lua.LState, v lua.LValue) (*poolFunctions, error) {
	f := &poolFunctions{}
	t, ok := v.(*lua.LTable)
	if !ok {
		return f, nil
	}
	for name, to := range map[string]**hook.PoolFunction{"select": &f.Select, "retry": &f.Retry, "upstreams": &f.Upstreams} {
		switch fn := t.RawGetString(name).(type) {
		case *lua.LNilType:
		case *lua.LFunction:
			ref, at := l.keep(L, fn)
			*to = l.result.VMs.PoolFunction(name, ref, at)
		case *lua.LTable:
			if name != "upstreams" { // a list of the JSON is one of reverse_proxy's fields
				return f, fmt.Errorf("%s is a table; expected a function", name)
			}
		default:
			return f, fmt.Errorf("%s is %s; expected a function", name, option.Found(fn))
		}
	}
	switch how := t.RawGetString("on_error"); how {
	case lua.LNil, lua.LString("open"):
	case lua.LString("closed"):
		f.Closed = true
	default:
		return f, fmt.Errorf("on_error is %s; expected open or closed", option.Found(how))
	}
	if t.RawGetString("on_error") != lua.LNil && !f.any() {
		return f, fmt.Errorf("on_error is for functions of the pool, and there is none; for upstreams that fail, see route.proxy")
	}
	switch n := t.RawGetString("retries").(type) {
	case *lua.LNilType:
	case lua.LNumber:
		f.retries = int(n)
		if n < 1 || n > 1000 || lua.LNumber(f.retries) != n {
			return f, fmt.Errorf("retries is %s; expected a whole number from 1 to 1000", n)
		}
	default:
		return f, fmt.Errorf("retries is %s; expected a number", option.Found(n))
	}
	return f, nil
}

// upstream reads an upstream that is a table, and returns its address without its path.
func (f *poolFunctions) upstream(t *lua.LTable, base *basepath.Path) (string, error) {
	a, err := hook.AddressOf(t)
	if err != nil {
		return "", err
	}
	plain, err := base.Take(a.Dial)
	if err != nil {
		return "", err
	}
	f.weighted = f.weighted || a.Own.Weight != 1
	for name := range a.Own.Fields {
		f.own = name
	}
	dials, err := dialsOf(plain)
	if err != nil {
		return "", err
	}
	for _, dial := range dials {
		if f.Own == nil {
			f.Own, f.limits = map[string]balance.Own{}, map[string]int{}
		}
		f.Own[dial] = a.Own
		f.limits[dial] = a.MaxRequests
	}
	return plain, nil
}

// dialsOf returns the addresses that Caddy dials for one of a script, which may be a range of ports.
func dialsOf(address string) (all []string, err error) {
	config, err := parseProxy([]string{"reverse_proxy", address}, nil)
	if err != nil {
		return nil, err
	}
	list, _ := config["upstreams"].([]any)
	for _, u := range list {
		if u, ok := u.(map[string]any); ok {
			dial, _ := u["dial"].(string)
			all = append(all, dial)
		}
	}
	return all, nil
}

// weightedPolicies are the policies of which the arguments are weights.
var weightedPolicies = []string{"weighted_round_robin", "luaroute_latency"}

// addTo adds to the JSON of a pool what of it is data.
func (f *poolFunctions) addTo(config map[string]any) error {
	list, _ := config["upstreams"].([]any)
	var weights []any
	for _, u := range list {
		u, ok := u.(map[string]any)
		if !ok {
			continue
		}
		dial, _ := u["dial"].(string)
		if n := f.limits[dial]; n > 0 {
			u["max_requests"] = n
		}
		weight := 1.0
		if own, known := f.Own[dial]; known {
			weight = own.Weight
		}
		weights = append(weights, weight)
	}
	lb, _ := config["load_balancing"].(map[string]any)
	if f.retries > 0 {
		if lb == nil {
			lb = map[string]any{}
			config["load_balancing"] = lb
		}
		lb["retries"] = f.retries
	}
	if f.own != "" && f.Select == nil {
		return fmt.Errorf("the field %q of an upstream is for the function select, and there is none; weight and max_requests need none", f.own)
	}
	if !f.weighted || f.Select != nil {
		return nil
	}
	policy, _ := lb["selection_policy"].(map[string]any)
	for _, name := range weightedPolicies {
		if policy["policy"] != name {
			continue
		}
		for _, w := range weights {
			if w, is := w.(float64); !is || w != float64(int(w)) {
				return fmt.Errorf("the weight %v is for lb_policy %s; expected whole numbers", w, name)
			}
		}
		policy["weights"] = weights
		return nil
	}
	return fmt.Errorf("upstreams have weights, which lb_policy %s and the function select use; give one of them", strings.Join(weightedPolicies, ", "))
}
