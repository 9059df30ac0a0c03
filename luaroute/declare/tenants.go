package declare

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/option"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
)

// tenant is a tenant that a script declares.
type tenant struct {
	Tenant
	router *router
}

// declareTenant is r:tenant(name, spec, [fn]).
func declareTenant(r *router, L *lua.LState) int {
	name := L.CheckString(1)
	if !r.root {
		L.RaiseError("tenant %q is declared inside a scope or tenant; tenants belong at the root of the default tenant's script", name)
	}
	if name == "" {
		L.RaiseError("the tenant's name is missing; what is declared outside all tenants is the default tenant")
	}
	o := option.Of(L, "tenant "+name, L.CheckTable(2), &tenantSpec)
	t := &tenant{Tenant: Tenant{
		Tenant: chiproxy.Tenant{
			Name:        name,
			Hosts:       o.Texts("hosts"),
			PathPrefix:  o.Text("path_prefix"),
			StripPrefix: o.Flag("strip_prefix"),
			Fallthrough: o.Flag("fallthrough"),
			Priority:    o.Integer("priority"),
			UsePool:     o.Text("pool"),
			Inside:      true,
			Origin:      here(L, "tenant", name),
		},
		Scripts: o.Texts("script"),
		Limits:  limitsOf(o, "limits"),
		Allow:   allowOf(o, "allow"),
	}}
	if v := o.Value("on_error"); v != lua.LNil {
		t.OnError = errorPolicy(L, v)
	}
	fn := L.OptFunction(3, nil)
	switch {
	case fn != nil && len(t.Scripts) > 0:
		L.RaiseError("tenant %q has both a script and a function; a script of its own isolates it, a function shares this script's state", name)
	case len(t.Scripts) == 0 && t.Limits != (config.Limits{}):
		L.RaiseError("tenant %q has limits but no script; limits are for a script of its own; a function here has the limits of this script", name)
	case len(t.Scripts) == 0 && t.Allow != nil:
		L.RaiseError("tenant %q has allow but no script; allow is for a script of its own; a function here may use what this script may", name)
	case fn == nil && len(t.Scripts) == 0 && t.UsePool == "":
		L.RaiseError("tenant %q has no routes; expected a function, a script, or a pool for everything", name)
	}
	t.router = newRouter(r.load, &chiproxy.Scope{Kind: chiproxy.Group}, false)
	t.router.tenant = t
	r.load.tenants = append(r.load.tenants, t)
	if fn != nil {
		t.router.declared(L, fn)
	}
	return 0
}
