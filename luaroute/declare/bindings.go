package declare

import (
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/luaroute/policy"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// binding is a method of routers with what describes it.
type binding struct {
	do  method
	doc vm.Doc
}

const (
	routeArgs = "pattern: string, options?: luaroute.RouteOptions, handler: luaroute.Handler"
	scopeArg  = "fn: fun(r: luaroute.Router)"
)

// verb is a method that declares routes for a method of HTTP.
func verb(name, text string) binding {
	verbs := []string{strings.ToUpper(name)}
	do := func(r *router, L *lua.LState) int { return declareRoute(r, L, verbs, 1) }
	return binding{do, vm.Doc{Name: name, Args: routeArgs, Text: text}}
}

// policyBindings are the functions of package policy.
func policyBindings() []binding {
	var all []binding
	for _, b := range policy.Bindings() {
		all = append(all, binding{func(r *router, L *lua.LState) int { return b.Make(r.load.policies, L) }, b.Doc})
	}
	return all
}

// routerBindings are what routers have, for scripts that load.
func routerBindings() []binding {
	const other = "a route for the method of this name"
	return slices.Concat([]binding{
		verb("get", "a route for GET, and for HEAD where no HEAD route has the same shape"),
		verb("post", other), verb("put", other), verb("patch", other), verb("delete", other),
		verb("head", other), verb("options", other), verb("trace", other), verb("connect", other),
		{declareAny, vm.Doc{Name: "any", Args: routeArgs, Text: "a route for every method but plain CONNECT"}},
		{declareMethod, vm.Doc{
			Name: "method", Args: "name: string|string[], " + routeArgs,
			Text: "a route for the methods named; any token will do, such as `\"PURGE\"`",
		}},
		{use, vm.Doc{
			Name: "use", Args: "middleware: luaroute.Middleware, ...: luaroute.Middleware",
			Text: "middleware of this scope; stands before its routes",
		}},
		{with, vm.Doc{
			Name: "with", Args: "middleware: luaroute.Middleware, ...: luaroute.Middleware", Returns: "luaroute.Router",
			Text: "returns a router whose routes carry more middleware",
		}},
		{group, vm.Doc{Name: "group", Args: scopeArg, Text: "a scope with middleware of its own"}},
		{scoped, vm.Doc{Name: "route", Args: "pattern: string, " + scopeArg, Text: "a scope that owns a path prefix and all below it"}},
		{mounted, vm.Doc{
			Name: "mount", Args: "pattern: string, router: luaroute.Router",
			Text: "a router made by `route.new()` under a prefix; it may be mounted more than once",
		}},
		{newDetached, vm.Doc{Name: "new", Returns: "luaroute.Router", Text: "a router that stands nowhere until it is mounted"}},
		{hosted, vm.Doc{
			Name: "host", Args: "host: string|string[], " + scopeArg,
			Text: "a layer for hosts: `\"a.example\"`, `\"*.a.example\"` (one label) or an address",
		}},
		{guarded, vm.Doc{
			Name: "when", Args: "guard: luaroute.Guard, options?: luaroute.LayerOptions, " + scopeArg,
			Text: "a layer for requests that a guard allows",
		}},
		{notFound, vm.Doc{
			Name: "not_found", Args: "handler: luaroute.Handler",
			Text: "answers in this scope when no route has the path; of a `group` or `with`, see [scopes](matching.md#scopes)",
		}},
		{methodNotAllowed, vm.Doc{
			Name: "method_not_allowed", Args: "handler: luaroute.Handler",
			Text: "answers when routes have the path for other methods only; `Allow` is set",
		}},
		{onError, vm.Doc{
			Name: "on_error", Args: "handler: luaroute.ErrorHandler",
			Text: "answers when a route of this scope ends in an error before it wrote anything; a function gets the error as its third argument, " +
				"see [errors](#errors)",
		}},
		{declarePool, vm.Doc{Name: "pool", Args: "name: string, spec: string|luaroute.PoolSpec", Text: "an upstream pool of this tenant"}},
		{declareTenant, vm.Doc{
			Name: "tenant", Args: "name: string, spec: luaroute.TenantSpec, fn?: fun(r: luaroute.Router)",
			Text: "a tenant; at the root of the default tenant's script only",
		}},
		{expect, vm.Doc{
			Name: "expect", Args: "request: luaroute.ExpectRequest, outcome: luaroute.ExpectOutcome",
			Text: "an assertion that is checked before the table is published",
		}},
		{onLoad, vm.Doc{Name: "on_load", Args: "fn: fun()", Text: "runs when all scripts have run; its error fails the load"}},
		{env, vm.Doc{
			Name: "env", Args: "name: luaroute.EnvName", Returns: "string?",
			Text: "an environment variable that the configuration lists, or nil if it is not set; while the script loads, so keep it in a local",
		}},
		{readFile, vm.Doc{
			Name: "read", Args: "file: string", Returns: "string",
			Text: "the bytes of a file beside the script, while the script loads; no `..`, and at most 16 MiB. It is watched as scripts are",
		}},
		{certificate, vm.Doc{
			Name: "certificate", Args: "fn: fun(name: string): boolean?",
			Text: "decides which names may get certificates, see [deployment](deployment.md#certificates-by-script); at the root of the default " +
				"tenant's script only, and once",
		}},
		{every, vm.Doc{
			Name: "every", Args: "seconds: number, fn: fun(): (any value, string? err)", Returns: "fun(): any", Effect: true,
			Text: "a [timer](#timers)",
		}},
		{export, vm.Doc{
			Name: "export", Args: "name: string, fn: luaroute.Exported",
			Text: "a function for `lb_policy luaroute` or `dynamic luaroute` of any [`reverse_proxy`](balance.md#any-reverse_proxy) in the Caddyfile; at the root of " +
				"the default tenant's script only",
		}},
	}, policyBindings())
}

// helper is what routers have besides their methods: it works while requests run, too, except for what loads modules of Caddy. It is a
// function, a value, or a function that knows the load.
type helper struct {
	fn    lua.LGFunction
	value lua.LValue
	of    func(*load) *lua.LFunction
	doc   vm.Doc
}

var helperBindings = []helper{
	{fn: proxy, doc: vm.Doc{
		Name: "proxy", Args: "pool: luaroute.PoolName, options?: luaroute.ProxyOptions", Returns: "luaroute.Action",
		Text: "forwards to a pool",
	}},
	{fn: respond, doc: vm.Doc{
		Name: "respond", Args: "status: number, body?: luaroute.Body, headers?: luaroute.HeaderTable", Returns: "luaroute.Action",
		Text: "answers",
	}},
	{fn: redirect, doc: vm.Doc{
		Name: "redirect", Args: "location: string, status?: number", Returns: "luaroute.Action",
		Text: "answers with a Location; status 300 to 399 but not 304. Default: 302",
	}},
	{of: func(l *load) *lua.LFunction { return l.handler }, doc: vm.Doc{
		Name: "handler", Args: "name: luaroute.HandlerName, config?: any", Returns: "luaroute.Action",
		Text: "a `handler` block of the configuration; or any `http.handlers.*` module of Caddy, with `config`, its JSON as a table",
	}},
	{value: newAction(chiproxy.Next{}), doc: vm.Doc{
		Name: "next", Type: "luaroute.Action",
		Text: "Caddy's next handler, inside the middleware of this route; 404 if a route before this one has the path in " +
			"[another spelling](matching.md#paths)",
	}},
	{fn: raise, doc: vm.Doc{
		Name: "error", Args: "status: number, message?: string", Returns: "luaroute.Action",
		Text: "ends the request with an error that `handle_errors` sees; status 400 to 999; 4 KiB of the message are kept",
	}},
	{value: newAction(chiproxy.Decline{}), doc: vm.Doc{
		Name: "decline", Type: "luaroute.Action",
		Text: "goes on with the next candidate, as if a guard had said no",
	}},
	{fn: matcher, doc: vm.Doc{
		Name: "matcher", Args: "module: luaroute.MatcherName, config?: any", Returns: "luaroute.Matcher",
		Text: "a [guard](#guards): any `http.matchers.*` module of Caddy, with its JSON as a table",
	}},
	{of: func(l *load) *lua.LFunction { return l.again }, doc: vm.Doc{
		Name: "reload",
		Text: "asks for a [reload](configuration.md#reloading), which comes soon, and not more often than needed; for functions that serve requests, " +
			"and for timers",
	}},
}
