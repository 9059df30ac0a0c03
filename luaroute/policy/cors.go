package policy

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/cors"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var corsBinding = Binding{
	Doc: vm.Doc{
		Name: "cors", Args: "options: luaroute.CORS", Returns: "luaroute.Policy",
		Text: "tells browsers [which sites](policies.md#cors) may use the responses, and answers preflights",
	},
	Make: makeCORS,
}

var corsClass = vm.Class{Name: "luaroute.CORS", Link: "policies.md#cors", Text: "the options of `route.cors`", Fields: []vm.Doc{
	{Name: "origins", Type: "string|string[]", Text: "sites: `\"https://app.example\"`, `\"https://*.example.com\"` (one label or more), `\"null\"` (a sandbox, which excludes `credentials`), or `\"*\"` for all, which excludes `credentials`"},
	{Name: "methods", Type: "string|string[]|nil", Text: "methods that preflights allow; GET, HEAD and POST need none. `\"*\"`: the one that is asked for"},
	{Name: "headers", Type: "string|string[]|nil", Text: "fields of requests that preflights allow. `\"*\"`: those that are asked for"},
	{Name: "expose", Type: "string|string[]|nil", Text: "fields of responses that scripts may read"},
	{Name: "credentials", Type: "boolean?", Text: "whether browsers may send cookies"},
	{Name: "max_age", Type: "luaroute.Duration?", Text: "how long a browser remembers a preflight. Default: as the browser likes"},
	{Name: "private_network", Type: "boolean?", Text: "whether public sites may ask a server in a private network"},
}}

// makeCORS is route.cors{…}.
func makeCORS(l *Load, L *lua.LState) int {
	o := option.Of(L, "route.cors", L.CheckTable(1), &corsClass)
	p, err := cors.New(cors.Options{
		Origins: o.Texts("origins"), Methods: o.Texts("methods"), Headers: o.Texts("headers"), Expose: o.Texts("expose"),
		Credentials: o.Flag("credentials"), MaxAge: o.Duration("max_age"), PrivateNetwork: o.Flag("private_network"),
		Origin: l.Here(L, "cors", ""),
	})
	o.Check(err)
	return push(L, p)
}
