package declare

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/luaroute/caddy-luaroute/internal/spelling"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/script"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/selection"
	"github.com/luaroute/caddy-luaroute/luaroute/basepath"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// shortForms are the options of a pool that are not JSON fields, and Caddy's names for them.
var shortForms = []struct {
	name, directive string
	duration        bool // a number stands for seconds
	text            string
}{
	{
		"lb_policy", "lb_policy", false,
		"a policy and its arguments, such as `\"least_conn\"` or `\"header X-User\"`. An unknown one is an error that lists those there are",
	},
	{"health_uri", "health_uri", false, "the path and query of active health checks"},
	{"health_interval", "health_interval", true, "the time between health checks: seconds, or a string such as `\"10s\"`"},
	{"try_duration", "lb_try_duration", true, "how long other upstreams are tried: seconds, or a string"},
	{"try_interval", "lb_try_interval", true, "how long to wait before each: seconds, or a string. Default: 250 ms with `try_duration`"},
}

// shortDocs describes them.
func shortDocs() (docs []vm.Doc) {
	for _, short := range shortForms {
		doc := vm.Doc{Name: short.name, Type: "string?", Text: short.text}
		if short.duration {
			doc.Type = "luaroute.Duration?"
		}
		docs = append(docs, doc)
	}
	return append(append(docs, vm.Doc{
		Name: "breaker", Type: "luaroute.Breaker?", Text: "a [circuit breaker](balance.md#circuit-breakers). Default: none",
	}), functionDocs...)
}

var breaker = vm.Class{Name: "luaroute.Breaker", Link: "balance.md#circuit-breakers", Text: "a circuit breaker of a pool", Fields: []vm.Doc{
	{Name: "errors", Type: "number?", Text: "how many of the last round trips must have failed. Default: 5"},
	{Name: "of", Type: "number?", Text: "how many round trips are remembered. Default: 20, or `errors` if that is more"},
	{Name: "open", Type: "luaroute.Duration?", Text: "how long the upstreams get nothing. Default: 10 seconds"},
	{Name: "slow", Type: "luaroute.Duration?", Text: "the time to the header of a response from which on it is a failure. Default: none is too slow"},
}}

// poolSteps is the cost of a pool, which Caddy's parser reads.
const poolSteps = 500

// declarePool is r:pool(name, { address, …, <short forms and fields of reverse_proxy> }).
func declarePool(r *router, L *lua.LState) int {
	name := L.CheckString(1)
	if name == "" {
		L.RaiseError("the pool's name is missing")
	}
	spec := pool.Spec{Name: name, Origin: here(L, "pool", name)}
	vm.Spend(L, poolSteps)
	functions, err := r.load.poolFunctions(L, L.Get(2))
	if err == nil {
		spec.Config, err = r.load.poolConfig(L, L.Get(2), functions)
	}
	if functions != nil && functions.any() {
		spec.Functions = r.load.result.VMs.Balancer(functions.BalancerOptions)
	}
	if err != nil { // noted, for a script that goes on
		err = fmt.Errorf("pool %q: %w", name, err)
		spec.Failed = spec.Origin.Errorf("%w", err)
	}
	pools := &r.load.result.Pools
	if r.tenant != nil {
		pools = &r.tenant.Pools
	}
	*pools = append(*pools, spec)
	check(L, err)
	return 0
}

// poolConfig returns the JSON of the reverse_proxy that a table describes. Addresses and short forms are read by Caddy's
// own parser, so that they mean the same as in a Caddyfile.
func (l *load) poolConfig(L *lua.LState, v lua.LValue, f *poolFunctions) (json.RawMessage, error) {
	if address, ok := v.(lua.LString); ok {
		list := new(lua.LState).CreateTable(1, 0)
		list.Append(address)
		v = list
	}
	t, ok := v.(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("it is %s; expected an address, or a table of addresses and options", option.Found(v))
	}
	line := []string{"reverse_proxy"}
	var base basepath.Path
	for i := 1; i <= t.Len(); i++ {
		v := t.RawGetInt(i)
		if own, ok := v.(*lua.LTable); ok {
			plain, err := f.upstream(own, &base)
			if err != nil {
				return nil, fmt.Errorf("upstream %d: %w", i, err)
			}
			line = append(line, plain)
			continue
		}
		address, ok := v.(lua.LString)
		if !ok || address == "" {
			return nil, fmt.Errorf("upstream %d is %s; expected an address such as 10.0.0.1:8080", i, option.Found(v))
		}
		plain, err := base.Take(string(address))
		if err != nil {
			return nil, err
		}
		line = append(line, plain)
	}
	config := map[string]any{}
	block, err := shortBlock(t, f.weighted)
	if err != nil {
		return nil, err
	}
	if len(line) > 1 || len(block) > 0 {
		if config, err = parseProxy(line, block); err != nil {
			return nil, err
		}
	}
	if err := addFields(L, config, t); err != nil {
		return nil, err
	}
	if err := f.addTo(config); err != nil {
		return nil, err
	}
	base.AddTo(config)
	raw, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	return l.admitPool(config, raw)
}

// shortBlock returns the short forms as lines of a Caddyfile.
func shortBlock(t *lua.LTable, weighted bool) ([][]string, error) {
	var block [][]string
	for _, short := range shortForms {
		var words []string
		v := t.RawGetString(short.name)
		text, isText := v.(lua.LString)
		seconds, isNumber := v.(lua.LNumber)
		switch {
		case v == lua.LNil:
			continue
		case isText:
			words = strings.Fields(string(text))
			if short.name == "lb_policy" && len(words) > 0 {
				if err := selection.Check(words[0]); err != nil {
					return nil, err
				}
				if weighted && len(words) == 1 && words[0] == weightedPolicies[0] {
					words = append(words, "1") // Caddy's parser expects one; those of the upstreams replace it
				}
			}
		case isNumber && short.duration:
			words = []string{strconv.FormatFloat(float64(seconds), 'f', -1, 64) + "s"}
		case short.duration:
			return nil, fmt.Errorf("%s is %s; expected a number of seconds, or a string such as 10s", short.name, option.Found(v))
		default:
			return nil, fmt.Errorf("%s is %s; expected a string", short.name, option.Found(v))
		}
		block = append(block, append([]string{short.directive}, words...))
	}
	return block, nil
}

// parseProxy returns the JSON that Caddy's parser makes of a reverse_proxy directive.
func parseProxy(line []string, block [][]string) (map[string]any, error) {
	var tokens []caddyfile.Token
	add := func(n int, words ...string) {
		for _, word := range words {
			tokens = append(tokens, caddyfile.Token{File: "pool", Line: n, Text: word})
		}
	}
	add(1, line...)
	if len(block) > 0 {
		add(1, "{")
		for i, words := range block {
			add(i+2, words...)
		}
		add(len(block)+2, "}")
	}
	h := new(reverseproxy.Handler)
	if err := h.UnmarshalCaddyfile(caddyfile.NewDispenser(tokens)); err != nil {
		text, _, _ := strings.Cut(err.Error(), ", at pool:")
		return nil, fmt.Errorf("%s", text)
	}
	raw, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	config := map[string]any{}
	err = json.Unmarshal(raw, &config)
	return config, err
}

// addFields adds the fields that the table has as in JSON.
func addFields(L *lua.LState, config map[string]any, t *lua.LTable) error {
	var failed error
	t.ForEach(func(k, v lua.LValue) {
		name, ok := k.(lua.LString)
		if _, isPlace := k.(lua.LNumber); isPlace || failed != nil || isShort(string(name)) || v == lua.LNil {
			return
		}
		if !ok {
			failed = fmt.Errorf("the key %s is not a name", k.String())
			return
		}
		if name == "breaker" {
			config["circuit_breaker"], failed = breakerOf(v)
			return
		}
		if _, list := v.(*lua.LTable); isFunctionOption(string(name)) && !(list && name == "upstreams") {
			return
		}
		if v.Type() == lua.LTFunction {
			failed = fmt.Errorf("%s is a function; the functions of a pool are select, retry and upstreams", name)
			return
		}
		field, err := option.Plain(L, v)
		if err != nil {
			failed = fmt.Errorf("%s: %w", name, err)
			return
		}
		config[string(name)] = merge(config[string(name)], field)
	})
	return failed
}

// breakerOf returns the circuit breaker that { errors, of, open, slow } is.
func breakerOf(v lua.LValue) (map[string]any, error) {
	t, ok := v.(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("breaker is %s; expected a table", option.Found(v))
	}
	out := map[string]any{"type": "luaroute"}
	var failed error
	t.ForEach(func(k, v lua.LValue) {
		name, number := k.String(), v.Type() == lua.LTNumber
		switch {
		case (name == "errors" || name == "of") && number:
			out[name] = float64(v.(lua.LNumber))
		case (name == "open" || name == "slow") && v.Type() == lua.LTString:
			out[name] = v.String()
		case (name == "open" || name == "slow") && number:
			out[name] = int64(float64(v.(lua.LNumber)) * 1e9)
		case breaker.Has(name):
			failed = fmt.Errorf("breaker: %s is %s; expected a number", name, option.Found(v))
		default:
			failed = fmt.Errorf("breaker: unknown key %q; allowed are %s%s", script.Clip(name), breaker.Names(), spelling.Hint(name, breaker.FieldNames()))
		}
	})
	return out, failed
}

func isShort(name string) bool {
	for _, short := range shortForms {
		if short.name == name {
			return true
		}
	}
	return false
}

// merge adds the fields of an object to an existing one.
func merge(to, from any) any {
	a, ok := to.(map[string]any)
	b, ok2 := from.(map[string]any)
	if !ok || !ok2 {
		return from
	}
	for name, v := range b {
		a[name] = merge(a[name], v)
	}
	return a
}
