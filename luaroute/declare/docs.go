package declare

import (
	"slices"

	"github.com/luaroute/caddy-luaroute/luaroute/policy"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// RouterName is the type of what they get.
const RouterName = "luaroute.Router"

// Classes describes routers, and what they take.
func Classes() []vm.Class {
	router := vm.Class{
		Name: RouterName, Link: "lua.md#the-router", Dot: true,
		Text: "what routes are declared on: that of the tenant whose script runs, or of a scope",
	}
	all := routerBindings()
	for _, b := range all {
		router.Methods = append(router.Methods, b.doc)
	}
	for _, h := range helperBindings {
		if h.doc.Type != "" {
			router.Fields = append(router.Fields, h.doc)
		} else {
			router.Methods = append(router.Methods, h.doc)
		}
	}
	return slices.Concat([]vm.Class{router}, aliases, []vm.Class{
		{Name: "luaroute.Action", Link: "lua.md#actions", Text: "what is done with a request, as plain data"},
		{Name: "luaroute.Matcher", Link: "lua.md#guards", Text: "a matcher of Caddy"},
		routeOptions, layerOptions, proxyOptions, policy.HeaderOperations, jsonFields, guardData, guardTime, errorPool, poolSpec, poolUpstream, breaker, tenantSpec, tenantLimits, tenantAllow,
		expectRequest, expectOutcome,
	}, policy.Classes())
}

// answers are what a function returns.
const answers = "(luaroute.Answer? answer, luaroute.Body? body, luaroute.HeaderTable? headers)"

// aliases are short names for types. Those of names are narrower where the configuration is known.
var aliases = []vm.Class{
	{Name: "luaroute.PoolName", Alias: "string", Link: "lua.md#pools", Text: "the name of a pool"},
	{Name: "luaroute.TenantName", Alias: "string", Link: "lua.md#tenants", Text: "the name of a tenant, `\"\"` for the default tenant"},
	{Name: "luaroute.HandlerName", Alias: "string", Link: "lua.md#actions", Text: "a `handler` block of the configuration, or a module of `http.handlers`"},
	{Name: "luaroute.MatcherName", Alias: "string", Link: "lua.md#guards", Text: "a module of `http.matchers`"},
	{Name: "luaroute.EnvName", Alias: "string", Link: "lua.md#the-router", Text: "an environment variable that the configuration lists"},
	{Name: "luaroute.LibName", Alias: "string", Link: "lua.md#modules-and-libraries", Text: "a library"},
	{
		Name: "luaroute.Handler", Link: "lua.md#handlers", Text: "a pool's name, an action, a response table or a function",
		Alias: "luaroute.PoolName|luaroute.Action|luaroute.ResponseTable|(fun(req: luaroute.Request, res: luaroute.Response): " + answers + ")",
	},
	{
		Name: "luaroute.Exported", Link: "balance.md#any-reverse_proxy", Text: "a function that chooses an upstream, or names those of a request",
		Alias: "(fun(req: luaroute.Request, up: luaroute.Upstreams): luaroute.Upstream|string|false|nil)|(fun(req: luaroute.Request): (string|luaroute.PoolUpstream)[])",
	},
	{
		Name: "luaroute.ErrorHandler", Link: "lua.md#errors", Text: "a handler whose function gets the error as its third argument",
		Alias: "luaroute.PoolName|luaroute.Action|luaroute.ResponseTable|" +
			"(fun(req: luaroute.Request, res: luaroute.Response, err: luaroute.Error): " + answers + ")",
	},
	{
		Name: "luaroute.Middleware", Link: "lua.md#middleware",
		Text:  "a function of two parameters runs before the handler; one of three wraps it; `route.handler(…)` is middleware, too",
		Alias: "luaroute.Action|luaroute.Policy|luaroute.Limit|luaroute.Concurrency|(fun(req: luaroute.Request, res: luaroute.Response, next: fun(): boolean): " + answers + ")",
	},
	{
		Name: "luaroute.Answer", Link: "lua.md#handlers", Text: "a pool's name, an action, a status or a response table",
		Alias: "luaroute.PoolName|luaroute.Action|number|luaroute.ResponseTable",
	},
	{Name: "luaroute.Body", Link: "lua.md#handlers", Text: "a string, a number, or a table, which becomes JSON", Alias: "string|number|table"},
	{
		Name: "luaroute.HeaderTable", Link: "lua.md#handlers", Text: "names and values of a header; a list gives several values",
		Alias: "table<string, luaroute.HeaderValue>",
	},
	{
		Name: "luaroute.Guard", Link: "lua.md#guards", Text: "a function, a matcher, data, or a list of these, all of which must hold",
		Alias: "(fun(req: luaroute.Request): any)|luaroute.Matcher|luaroute.GuardData",
	},
	{
		Name: "luaroute.GuardValues", Link: "lua.md#guards", Text: "names and what they must be: a string, a list of strings, or true for any value; `a*` is what begins with a",
		Alias: "table<string, string|string[]|true>",
	},
	{
		Name: "luaroute.ErrorPolicy", Link: "lua.md#errors", Text: "what is done when a script or an upstream fails",
		Alias: `"closed"|"open"|"decline"|luaroute.ErrorPool`,
	},
	{Name: "luaroute.Duration", Link: "lua.md#tenants", Text: "a number of seconds, or a string such as `\"100ms\"`", Alias: "number|string"},
	{Name: "luaroute.Size", Link: "lua.md#tenants", Text: "a number of bytes, or a string such as `\"64MiB\"`", Alias: "number|string"},
}

var routeOptions = vm.Class{Name: "luaroute.RouteOptions", Link: "lua.md#options-of-a-route", Text: "the options of a route", Fields: []vm.Doc{
	{Name: "name", Type: "string?", Text: "a string: `req.route`, and what expectations compare"},
	{Name: "when", Type: "luaroute.Guard?", Text: "a [guard](#guards), or a list of them"},
	{
		Name: "priority", Type: "number?",
		Text: "a whole number; among routes of one shape and method the highest is tried first. Default: 0",
	},
	{
		Name: "on_error", Type: "luaroute.ErrorPolicy?",
		Text: "`\"closed\"`, `\"open\"`, `\"decline\"` or `{ pool = \"name\" }`, see [errors](#errors). Default: that of the tenant",
	},
	{Name: "timeout", Type: "luaroute.Duration?", Text: "how long the handler may take until the header of its response leaves, as [`route.timeout`](policies.md#timeouts)"},
	{Name: "meta", Type: "table<string, any>?", Text: "a table of plain data about the route"},
}}

var layerOptions = vm.Class{Name: "luaroute.LayerOptions", Link: "lua.md#options-of-a-layer", Text: "the options of a layer", Fields: []vm.Doc{
	{Name: "priority", Type: "number?", Text: "a whole number; the layer with the highest is tried first. Default: 0"},
}}

var proxyOptions = vm.Class{Name: "luaroute.ProxyOptions", Link: "lua.md#options-of-routeproxy", Text: "the options of `route.proxy`", Fields: []vm.Doc{
	{
		Name: "strip_prefix", Type: "string?",
		Text: "a prefix to take off the path; it ends at a slash. What remains is clean as after `handle_path`: `/shop//x` becomes `/x`",
	},
	{Name: "path", Type: "string?", Text: "a decoded path instead of the client's, perhaps with [parameters](#parameters-in-strings)"},
	{Name: "method", Type: "string?", Text: "a method instead of the client's; GET and HEAD drop the body"},
	{Name: "query", Type: "string|table<string, any>|nil", Text: "instead of the client's: an encoded text, or a table of names and values"},
	{Name: "headers", Type: "luaroute.HeaderOperations?", Text: "changes of the request header"},
	{Name: "response_headers", Type: "luaroute.HeaderOperations?", Text: "changes of the response header"},
	{Name: "response_json", Type: "luaroute.JSONFields?", Text: "changes of the [fields of JSON bodies](#fields-of-json-bodies) of 2xx responses"},
	{Name: "upstream", Type: "string?", Text: "the address of one upstream of the pool, which is tried first; if it is down, and for retries, the policy of the pool decides"},
	{Name: "timeout", Type: "luaroute.Duration?", Text: "how long the pool may take until the header of its response leaves, retries included: 504 then, or `on_error`"},
	{
		Name: "mirror", Type: "luaroute.PoolName|luaroute.MirrorOptions|nil",
		Text: "another pool that gets [copies](balance.md#mirrors) of what is forwarded, or the options of such a mirror; while scripts load only",
	},
	{
		Name: "on_error", Type: "luaroute.ErrorPolicy?",
		Text: "as the option of a route, for a pool or upstream that fails; not after part of the client's body was sent, unless `req:body()` has " +
			"read all of it into memory",
	},
}}

var jsonFields = vm.Class{
	Name: "luaroute.JSONFields", Link: "lua.md#fields-of-json-bodies", Text: "changes of the fields of JSON bodies, in this order", Fields: []vm.Doc{
		{Name: "target", Type: "string?", Text: "the field whose value is taken instead of the whole body; `{}` where there is none"},
		{Name: "allow", Type: "string|string[]|nil", Text: "the only fields that stay"},
		{Name: "deny", Type: "string|string[]|nil", Text: "fields that do not stay; excludes `allow`"},
		{Name: "rename", Type: "table<string, string>?", Text: "fields, and what they are called then"},
		{Name: "group", Type: "string?", Text: "the name of a field of a new object that has all in it"},
	},
}

var guardData = vm.Class{
	Name: "luaroute.GuardData", Link: "lua.md#guards", Text: "a guard as data, or a list of guards", Keys: "[number]: luaroute.Guard",
	Fields: []vm.Doc{
		{Name: "header", Type: "luaroute.GuardValues?", Text: "fields of the header"},
		{Name: "query", Type: "luaroute.GuardValues?", Text: "parameters of the query"},
		{Name: "cookie", Type: "luaroute.GuardValues?", Text: "cookies"},
		{Name: "method", Type: "string|string[]|nil", Text: "a method, or one of several"},
		{Name: "host", Type: "string|string[]|nil", Text: "a host, as in `r:host`, or one of several"},
		{Name: "ip", Type: "string|string[]|nil", Text: "the client's address, as Caddy knows it behind trusted proxies: a network such as `10.0.0.0/8`, or one of several"},
		{Name: "scheme", Type: `"http"|"https"|nil`, Text: "that of the client's connection"},
		{
			Name: "percent", Type: "number?",
			Text: "a share of the traffic, 0 to 100: the same clients each time, and these and more where it grows. Each route draws others",
		},
		{
			Name: "by", Type: "string|string[]|nil",
			Text: "what `percent` tells apart: `client_ip`, `header:NAME`, `cookie:NAME`, `query:NAME`, `param:NAME`, `var:NAME`, `host`, or a list of these. " +
				"A request without it is not in the share. Default: `client_ip`",
		},
		{Name: "during", Type: "luaroute.GuardTime?", Text: "a time"},
		{Name: "not", Type: "luaroute.GuardData?", Text: "data that must not hold; in Lua it is written `[\"not\"]`"},
		{Name: "any", Type: "luaroute.GuardData[]|nil", Text: "data of which one must hold"},
		{Name: "all", Type: "luaroute.GuardData[]|nil", Text: "data all of which must hold"},
	},
}

var guardTime = vm.Class{Name: "luaroute.GuardTime", Link: "lua.md#guards", Text: "from when to when a guard holds", Fields: []vm.Doc{
	{Name: "from", Type: "string?", Text: "a moment such as `2026-12-24T00:00Z`. Default: always before `to`"},
	{Name: "to", Type: "string?", Text: "the moment at which it ends. Default: never"},
}}

var errorPool = vm.Class{Name: "luaroute.ErrorPool", Link: "lua.md#errors", Text: "an error policy that forwards", Fields: []vm.Doc{
	{Name: "pool", Type: "luaroute.PoolName", Text: "the pool to forward to"},
}}

// poolSpec has the names of shortForms.
var poolSpec = vm.Class{
	Name: "luaroute.PoolSpec", Link: "lua.md#pools", Keys: "[number]: string|luaroute.PoolUpstream, [string]: any",
	Text:   "addresses, with fields of the JSON of Caddy's `reverse_proxy` and short forms",
	Fields: shortDocs(),
}

var tenantSpec = vm.Class{Name: "luaroute.TenantSpec", Link: "lua.md#tenants", Text: "what a tenant is", Fields: []vm.Doc{
	{Name: "hosts", Type: "string|string[]|nil", Text: "a host, or a list: names, `*.example.com` for one label, addresses. Default: all"},
	{Name: "path_prefix", Type: "string?", Text: "the prefix that the tenant owns; patterns are relative to it. Default: all paths"},
	{
		Name: "strip_prefix", Type: "boolean?",
		Text: "`true` takes the prefix off what is forwarded, whoever forwards it: routes, functions, `not_found`, `on_error`. Default: `false`",
	},
	{
		Name: "fallthrough", Type: "boolean?",
		Text: "`true` lets the next tenant be asked when this one has no route. Default: `false`; the default tenant is always asked",
	},
	{Name: "priority", Type: "number?", Text: "a whole number; the highest is asked first. Default: 0"},
	{
		Name: "pool", Type: "luaroute.PoolName?",
		Text: "the pool for every request that no route of the tenant answers, nor an [`on_route_request`](migration.md)",
	},
	{
		Name: "script", Type: "string|string[]|nil",
		Text: "a file or glob, or a list of them; found beside the script, or else from the working directory. For a script of a storage they are " +
			"names in it, beside the script or below the prefix",
	},
	{Name: "limits", Type: "luaroute.TenantLimits?", Text: "what the `script` of the tenant may use, see below"},
	{
		Name: "allow", Type: "luaroute.TenantAllow?",
		Text: "what narrows that of the [configuration](tenants.md) for the `script` of the tenant: lists of strings such as " +
			"`{ libs = { \"json\" }, upstreams = \"public\" }`",
	},
	{Name: "on_error", Type: "luaroute.ErrorPolicy?", Text: "as the option of a route, for all routes of the tenant"},
}}

var tenantLimits = vm.Class{Name: "luaroute.TenantLimits", Link: "lua.md#tenants", Text: "the limits of a tenant's script", Fields: []vm.Doc{
	{
		Name: "cpu", Type: "luaroute.Duration?",
		Text: "how long Lua may run for one request: a number of seconds, or a string such as `\"100ms\"`",
	},
	{Name: "wall", Type: "luaroute.Duration?", Text: "how long the library calls of one request may wait"},
	{
		Name: "memory", Type: "luaroute.Size?",
		Text: "what one virtual machine may hold: a number of bytes, or a string such as `\"64MiB\"`",
	},
	{Name: "body", Type: "luaroute.Size?", Text: "the largest body that is read into memory"},
	{Name: "total_memory", Type: "luaroute.Size?", Text: "what all virtual machines may hold together, and the bodies of their requests"},
	{Name: "vms", Type: "number?", Text: "the largest number of virtual machines, but for those of [slow clients](configuration.md#slow-clients)"},
	{Name: "streams", Type: "number?", Text: "how many virtual machines that wait for a stream do not count"},
	{
		Name: "queue", Type: "luaroute.Duration?",
		Text: "how long a request waits for one of them, and for a processor when its Lua runs for long",
	},
}}

// listOfStrings is a string, or a list of them.
const listOfStrings = "string|string[]|nil"

var tenantAllow = vm.Class{Name: "luaroute.TenantAllow", Link: "tenants.md", Text: "what the script of a tenant may use", Fields: []vm.Doc{
	{Name: "handlers", Type: listOfStrings, Text: "modules of `http.handlers`; `safe` stands for the default, `all` for every one, `none` for none, in all lists"},
	{Name: "matchers", Type: listOfStrings, Text: "modules of `http.matchers`"},
	{Name: "upstreams", Type: listOfStrings, Text: "addresses that may be dialled"},
	{Name: "placeholders", Type: listOfStrings, Text: "prefixes of placeholders"},
	{Name: "libs", Type: "luaroute.LibName|luaroute.LibName[]|nil", Text: "libraries"},
	{Name: "pools", Type: listOfStrings, Text: "pools that are not the tenant's own"},
	{Name: "hosts", Type: listOfStrings, Text: "hosts that `r:host` can name"},
	{Name: "certificates", Type: "boolean?", Text: "whether `route.certificate` may decide about the names in `hosts`"},
	{Name: "health_checks", Type: "number?", Text: "the number of active checks that may run at once"},
}}

var expectRequest = vm.Class{Name: "luaroute.ExpectRequest", Link: "lua.md#expectations", Text: "a request", Fields: []vm.Doc{
	{Name: "method", Type: "string?", Text: "the method. Default: `GET`"},
	{Name: "scheme", Type: `"http"|"https"|nil`, Text: "`http` or `https`. Default: `http`"},
	{Name: "host", Type: "string?", Text: "the host, perhaps with a port. Default: `localhost`"},
	{Name: "path", Type: "string", Text: "begins with a slash and may carry a query"},
	{Name: "headers", Type: "luaroute.HeaderTable?", Text: "names and values; a list gives several values"},
	{Name: "remote_addr", Type: "string?", Text: "the address of the client, perhaps with a port. Default: `127.0.0.1`"},
	{Name: "body", Type: "string?", Text: "a string"},
}}

var expectOutcome = vm.Class{Name: "luaroute.ExpectOutcome", Link: "lua.md#expectations", Text: "what must come of a request", Fields: []vm.Doc{
	{Name: "pool", Type: "luaroute.PoolName?", Text: "the pool that is forwarded to"},
	{Name: "status", Type: "number?", Text: "the status that is answered without an upstream"},
	{Name: "tenant", Type: "luaroute.TenantName?", Text: "the tenant's name; `\"\"` is the default tenant"},
	{Name: "route", Type: "string?", Text: "the name of the route"},
	{Name: "pattern", Type: "string?", Text: "the pattern of the route, its scopes' included"},
	{Name: "params", Type: "table<string, string>?", Text: "names and values; those not named may be anything"},
	{Name: "next", Type: "boolean?", Text: "`true` if the request goes to Caddy's next handler"},
}}
