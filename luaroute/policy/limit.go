package policy

import (
	"context"
	"math"

	"github.com/luaroute/caddy-luaroute/luaroute/kv/budget"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var limitBinding = Binding{Make: makeLimit, Doc: vm.Doc{
	Name: "limit", Args: "options: luaroute.LimitOptions", Returns: "luaroute.Limit",
	Text: "how many requests there may be in a time, as [middleware](limits.md#requests-in-a-time) and as an object",
}}

var limitOptions = vm.Class{
	Name: "luaroute.LimitOptions", Link: "limits.md#requests-in-a-time", Text: "the options of `route.limit`",
	Fields: []vm.Doc{
		{Name: "name", Type: "string", Text: "in header fields, metrics and logs: letters, digits, `_`, `-` and `.`; each limit and concurrency of a tenant has another one"},
		{Name: "rate", Type: "number", Text: "how many requests there may be in the time `per`, in the long run"},
		{Name: "per", Type: "number|string?", Text: "whole seconds. Default: 1"},
		{Name: "burst", Type: "number?", Text: "how many there may be at once. Default: `rate` where `per` is one second, else a tenth of it, at least 1"},
		{Name: "key", Type: keyType + "|nil", Text: "what requests are told apart by, see [keys](limits.md#keys). Default: `all`"},
		{Name: "ipv6", Type: "number?", Text: "how many bits of an IPv6 address tell clients apart. Default: 64"},
		{Name: "missing", Type: `"skip"?`, Text: "does not count requests that lack something of the key. Default: they share a budget"},
		{Name: "cost", Type: "number|(fun(req: luaroute.Request): number)|nil", Text: "how much a request takes, at most the burst. Default: 1"},
		{Name: "max_keys", Type: "number?", Text: "how many keys are known at most, some 100 bytes each. Default: 100,000, and less for isolated tenants with little memory"},
		{Name: "store", Type: `"local"|"kv"|nil`, Text: "where to count: in this process, or in the store of the tenant. Default: `local`"},
		{Name: "on_error", Type: `"local"|"open"|"closed"|nil`, Text: "when the store fails: counts in this process, lets requests pass, or answers 503. Default: `local`"},
		{Name: "status", Type: "number?", Text: "the status of a refusal. Default: 429"},
		{Name: "body", Type: "luaroute.Body?", Text: "the body of a refusal, which then is no error for `on_error` and `handle_errors`. Default: none"},
		{Name: "headers", Type: `"draft"|"x"|"both"|false|nil`, Text: "the fields that all answers get, see [fields](limits.md#header-fields). Default: `draft`"},
		{Name: "dry_run", Type: "boolean?", Text: "refuses nothing; counts and logs what would be"},
		{Name: "log_key", Type: "boolean?", Text: "has the access log name the key of a request that is refused. Default: false, since a key may be a secret"},
		{Name: "when", Type: "luaroute.Guard?", Text: "counts only requests that the guard allows"},
	},
}

var limitMethods = vm.Bindings{
	{Fn: takeLimit, Doc: vm.Doc{
		Name: "take", Args: "key?: string|number, cost?: number", Returns: "boolean? ok, luaroute.LimitInfo|string info",
		Text: "takes from the budget of a key: `true, info`, `false, info` where not enough is left, or `nil, err` where the store has failed and `on_error` is not `local`",
	}},
	{Fn: peekLimit, Doc: vm.Doc{
		Name: "peek", Args: "key?: string|number", Returns: "luaroute.LimitInfo? info, string? err", Fails: true, Text: "what is left, and takes nothing",
	}},
	{Fn: resetLimit, Doc: vm.Doc{
		Name: "reset", Args: "key?: string|number", Returns: "true? ok, string? err", Fails: true, Effect: true, Text: "makes the budget of a key whole",
	}},
}

var limitClasses = []vm.Class{
	limitOptions,
	{
		Name: "luaroute.Limit", Link: "limits.md#limits-in-functions", Text: "a limit: middleware, and an object for functions that serve requests",
		Methods: limitMethods.Docs(),
	},
	{
		Name: "luaroute.LimitInfo", Link: "limits.md#limits-in-functions", Text: "what is left of a budget; times are whole seconds, rounded up",
		Fields: []vm.Doc{
			{Name: "limit", Type: "number", Text: "the size of the budget"},
			{Name: "remaining", Type: "number", Text: "what is left of it"},
			{Name: "reset", Type: "number", Text: "when it is whole again"},
			{Name: "retry_after", Type: "number", Text: "when enough is left for what was asked, 0 if it is"},
			{Name: "policy", Type: "string", Text: "as the field `RateLimit-Policy` says it"},
		},
	},
}

// rate is a limit as scripts hold it.
type rate struct {
	*limit.Rate
	skip bool
}

// Immutable marks it as shared by all states.
func (*rate) Immutable() {}

// AsMiddleware is for r:use.
func (r *rate) AsMiddleware() chiproxy.Middleware { return r.Rate }

var rateType *lua.LTable

func init() { rateType = objectType("limit", limitMethods) }

// makeLimit is route.limit(options).
func makeLimit(l *Load, L *lua.LState) int {
	o := option.Of(L, "route.limit", L.CheckTable(1), &limitOptions)
	key, keyFn := l.keyOf(o)
	options := limit.Options{
		Name: o.Text("name"), Rate: o.Count("rate"), Per: o.Duration("per"), Key: key, IPv6: o.Count("ipv6"), Missing: o.Text("missing"),
		MaxKeys: o.Count("max_keys"), Store: o.Text("store"), OnError: o.Text("on_error"), Status: o.Count("status"),
		DryRun: o.Flag("dry_run"), LogKey: o.Flag("log_key"),
	}
	if o.Has("burst") {
		burst := o.Count("burst")
		options.Burst = &burst
	}
	if options.MaxKeys == 0 {
		options.MaxKeys = l.usualKeys()
	}
	if o.Value("headers") == lua.LFalse {
		options.Headers = limit.HeadersOff
	} else {
		options.Headers = o.Text("headers")
	}
	cost, isFunction := o.Value("cost").(*lua.LFunction)
	if !isFunction {
		options.Cost = o.Count("cost")
	}
	made, err := limit.NewRate(options, l.Book, l.Tenant, l.Here(L, "limit", options.Name))
	o.Check(err)
	o.Check(made.CountIn(budget.Of(l.Space)))
	l.counted(o, options.MaxKeys)
	l.mayRead(o, made.Variables())
	made.KeyOf, made.When = keyBy(keyFn), l.guards(o)
	if isFunction {
		made.Cost = costBy(made, l.VMs.Value(l.Keep(L, cost)))
	}
	body(o, made.Options().Status, made.SetAnswer)
	L.Push(&lua.LUserData{Value: &rate{made, options.Missing == limit.MissingSkip}, Metatable: rateType})
	return 1
}

// costBy returns a function for the cost of requests.
func costBy(l *limit.Rate, fn *hook.Value) func(*chiproxy.Exchange) (int64, error) {
	return func(ex *chiproxy.Exchange) (cost int64, err error) {
		err = fn.Of(ex, func(v lua.LValue) error {
			n, ok := v.(lua.LNumber)
			if !ok {
				n = lua.LNumber(math.NaN())
			}
			cost = int64(n)
			return l.CheckCost(float64(n))
		})
		return cost, err
	}
}

// takeSteps is the cost of a take in the budget of the script.
const takeSteps = 20

func checkRate(L *lua.LState) *rate {
	if r, ok := L.CheckUserData(1).Value.(*rate); ok {
		return r
	}
	L.ArgError(1, "limit expected; call it with a colon: limit:take(key)")
	return nil
}

// takeLimit is l:take(key, cost).
func takeLimit(L *lua.LState) int {
	r := checkRate(L)
	key, has := keyArgument(L)
	cost := float64(L.OptNumber(3, lua.LNumber(r.Options().Cost)))
	if err := r.CheckCost(cost); err != nil {
		L.RaiseError("%s", err)
	}
	taken, err := r.Whole(), error(nil)
	if has || !r.skip {
		taken, err = r.ask(L, func(ctx context.Context, explained bool) (limit.Taken, error) {
			if explained {
				return r.Peek(ctx, key, int64(cost))
			}
			return r.Take(ctx, key, int64(cost))
		})
	}
	if err != nil {
		return vm.Fail(L, err.Error())
	}
	L.Push(lua.LBool(taken.OK))
	L.Push(info(L, taken))
	return 2
}

// peekLimit is l:peek(key).
func peekLimit(L *lua.LState) int {
	r := checkRate(L)
	key, _ := keyArgument(L)
	taken, err := r.ask(L, func(ctx context.Context, _ bool) (limit.Taken, error) { return r.Peek(ctx, key, 1) })
	if err != nil {
		return vm.Fail(L, err.Error())
	}
	L.Push(info(L, taken))
	return 1
}

// resetLimit is l:reset(key).
func resetLimit(L *lua.LState) int {
	r := checkRate(L)
	key, _ := keyArgument(L)
	_, err := r.ask(L, func(ctx context.Context, explained bool) (limit.Taken, error) {
		if explained {
			return limit.Taken{}, nil
		}
		return limit.Taken{}, r.Reset(ctx, key)
	})
	if err != nil {
		return vm.Fail(L, err.Error())
	}
	L.Push(lua.LTrue)
	return 1
}

// ask calls the limit, as something that waits if its store does. Explained says that nothing may be changed.
func (r *rate) ask(L *lua.LState, call func(ctx context.Context, explained bool) (limit.Taken, error)) (taken limit.Taken, err error) {
	vm.Spend(L, takeSteps)
	s := vm.Of(L)
	explained := s.Refuse != nil
	if !r.Waits() {
		return call(s.Context(), explained)
	}
	_ = s.Wait(func(ctx context.Context) error { // the end of the budget is raised where it is noticed
		taken, err = call(ctx, explained)
		return err
	})
	return taken, err
}

func info(L *lua.LState, t limit.Taken) *lua.LTable {
	table := L.CreateTable(0, 5)
	for name, n := range map[string]int64{
		"limit": t.Limit, "remaining": t.Remaining, "reset": limit.Seconds(t.Reset), "retry_after": limit.Seconds(t.RetryAfter),
	} {
		table.RawSetString(name, lua.LNumber(n))
	}
	table.RawSetString("policy", lua.LString(t.Policy))
	return table
}

var _ hook.Middleware = (*rate)(nil)
