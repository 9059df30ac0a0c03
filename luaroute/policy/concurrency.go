package policy

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var concurrencyBinding = Binding{Make: makeConcurrency, Doc: vm.Doc{
	Name: "concurrency", Args: "options: luaroute.ConcurrencyOptions", Returns: "luaroute.Concurrency",
	Text: "how many requests there may be at once, as [middleware](limits.md#requests-at-once) and as an object",
}}

var concurrencyOptions = vm.Class{
	Name: "luaroute.ConcurrencyOptions", Link: "limits.md#requests-at-once", Text: "the options of `route.concurrency`",
	Fields: []vm.Doc{
		{Name: "name", Type: "string", Text: "as that of a limit"},
		{Name: "max", Type: "number", Text: "how many requests of one key there may be at once; a WebSocket counts until it closes"},
		{Name: "key", Type: keyType + "|nil", Text: "what requests are told apart by, see [keys](limits.md#keys). Default: `all`"},
		{Name: "ipv6", Type: "number?", Text: "how many bits of an IPv6 address tell clients apart. Default: 64"},
		{Name: "missing", Type: `"skip"?`, Text: "does not count requests that lack something of the key. Default: they count together"},
		{Name: "wait", Type: "number|string?", Text: "how long a request may stand in line, in seconds. Default: not at all"},
		{Name: "queue", Type: "number?", Text: "how many requests of one key may stand in line; goes with `wait`. Default: none"},
		{Name: "status", Type: "number?", Text: "the status of a refusal. Default: 503"},
		{Name: "body", Type: "luaroute.Body?", Text: "the body of a refusal, which then is no error for `on_error` and `handle_errors`. Default: none"},
		{Name: "log_key", Type: "boolean?", Text: "has the access log name the key of a request that is refused. Default: false"},
		{Name: "when", Type: "luaroute.Guard?", Text: "counts only requests that the guard allows"},
	},
}

var concurrencyMethods = vm.Bindings{
	{Fn: enterConcurrency, Doc: vm.Doc{
		Name: "enter", Args: "key?: string|number", Returns: "boolean",
		Text: "takes a place until the request ends, and reports whether there was one; it does not stand in line",
	}},
}

var concurrencyClasses = []vm.Class{
	concurrencyOptions,
	{
		Name: "luaroute.Concurrency", Link: "limits.md#requests-at-once", Text: "a bound for requests at once: middleware, and an object for functions that serve requests",
		Methods: concurrencyMethods.Docs(),
	},
}

// concurrency is one as scripts hold it.
type concurrency struct {
	*limit.Concurrency
	skip bool
}

// Immutable marks it as shared by all states.
func (*concurrency) Immutable() {}

// AsMiddleware is for r:use.
func (c *concurrency) AsMiddleware() chiproxy.Middleware { return c.Concurrency }

var concurrencyType *lua.LTable

func init() { concurrencyType = objectType("concurrency", concurrencyMethods) }

// idleKeys is what a concurrency counts among the keys of an isolated tenant: it keeps a few that nobody uses.
const idleKeys = 256

// makeConcurrency is route.concurrency(options).
func makeConcurrency(l *Load, L *lua.LState) int {
	o := option.Of(L, "route.concurrency", L.CheckTable(1), &concurrencyOptions)
	key, keyFn := l.keyOf(o)
	options := limit.ConcurrencyOptions{
		Name: o.Text("name"), Max: o.Count("max"), Key: key, IPv6: o.Count("ipv6"), Missing: o.Text("missing"),
		Queue: o.Count("queue"), Status: o.Count("status"), LogKey: o.Flag("log_key"),
	}
	if o.Value("wait") != lua.LNumber(0) {
		options.Wait = o.Duration("wait")
	}
	made, err := limit.NewConcurrency(options, l.Book, l.Tenant, l.Here(L, "concurrency", options.Name))
	o.Check(err)
	l.counted(o, idleKeys)
	l.mayRead(o, made.Variables())
	made.KeyOf, made.When = keyBy(keyFn), l.guards(o)
	body(o, made.Options().Status, made.SetAnswer)
	L.Push(&lua.LUserData{Value: &concurrency{made, options.Missing == limit.MissingSkip}, Metatable: concurrencyType})
	return 1
}

// enterConcurrency is c:enter(key).
func enterConcurrency(L *lua.LState) int {
	c, ok := L.CheckUserData(1).Value.(*concurrency)
	if !ok {
		L.ArgError(1, "concurrency expected; call it with a colon: concurrency:enter(key)")
	}
	ex := hook.Exchange(L)
	if ex == nil {
		L.RaiseError("concurrency:enter is called where no request runs: a place is given back when the request ends")
	}
	key, has := keyArgument(L)
	vm.Spend(L, takeSteps)
	L.Push(lua.LBool(!has && c.skip || c.Enter(ex, key)))
	return 1
}

var _ hook.Middleware = (*concurrency)(nil)
