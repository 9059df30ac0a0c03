package declare

import (
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// router is what scripts declare routes on: the root router, or that of a scope.
type router struct {
	load  *load
	scope *chiproxy.Scope
	// root says that it is the root of the default tenant, the only one that declares tenants.
	root  bool
	depth int // of the scope
	// tenant holds the pools, nil for those of the load.
	tenant *tenant
	value  *lua.LUserData
	// first is where the first route was declared, for the error about late middleware.
	first origin.Origin
}

// bound is a method of a router, as scripts have it.
type bound struct {
	*router
	name string
}

// Immutable marks it as shared by all states. While requests run its methods only raise errors.
func (r *router) Immutable() {}

func newRouter(l *load, scope *chiproxy.Scope, root bool) *router {
	r := &router{load: l, scope: scope, root: root}
	r.value = &lua.LUserData{Value: r, Metatable: routerType}
	return r
}

// maxDepth is how deep scopes may be nested.
const maxDepth = 100

// inner returns the router of a scope inside.
func (r *router) inner(L *lua.LState, scope *chiproxy.Scope) *router {
	if r.depth == maxDepth {
		L.RaiseError("scopes are nested more than %d deep", maxDepth)
	}
	in := newRouter(r.load, scope, false)
	in.tenant, in.depth = r.tenant, r.depth+1
	return in
}

// method is a method of routers. The arguments begin at 1.
type method func(r *router, L *lua.LState) int

var (
	// routerType is the metatable of routers.
	routerType *lua.LTable
	// methods are those of routers, and helpers what works while requests run, too; those that know the load apart.
	methods = map[string]binding{}
	helpers = map[string]lua.LValue{}
	knowing = map[string]func(*load) *lua.LFunction{}
)

func init() {
	for _, b := range routerBindings() {
		methods[b.doc.Name] = b
	}
	for _, h := range helperBindings {
		switch {
		case h.of != nil:
			knowing[h.doc.Name] = h.of
		case h.fn != nil:
			helpers[h.doc.Name] = vm.Described(func(L *lua.LState) int {
				dropRouter(L)
				vm.SpendArguments(L)
				return h.fn(L)
			}, h.doc)
		default:
			helpers[h.doc.Name] = h.value
		}
	}
	routerType = new(lua.LState).CreateTable(0, 4)
	routerType.RawSetString("__metatable", lua.LString("router"))
	for event, fn := range map[string]lua.LGFunction{
		"__index": routerIndex,
		"__newindex": func(L *lua.LState) int {
			L.RaiseError("a router has no field to assign; routes are declared with its methods")
			return 0
		},
		"__tostring": func(L *lua.LState) int {
			L.Push(lua.LString("router"))
			return 1
		},
	} {
		routerType.RawSetString(event, vm.GoFunc(fn))
	}
}

// routerIndex returns a method of a router, or a helper.
func routerIndex(L *lua.LState) int {
	r, name := L.CheckUserData(1).Value.(*router), L.CheckString(2)
	if v, ok := helpers[name]; ok {
		L.Push(v)
		return 1
	}
	if fn, ok := r.load.options.Helpers[name]; ok {
		L.Push(fn)
		return 1
	}
	if of, ok := knowing[name]; ok {
		L.Push(of(r.load))
		return 1
	}
	m, ok := methods[name]
	if !ok {
		names := slices.Concat(slices.Collect(maps.Keys(methods)), slices.Collect(maps.Keys(helpers)), slices.Collect(maps.Keys(knowing)))
		slices.Sort(names)
		L.RaiseError("a router has no method %q; it has %s", name, strings.Join(names, ", "))
	}
	loading(L, "route:"+name+" is called")
	fn := r.load.bound[bound{r, name}]
	if fn == nil {
		fn = vm.Described(func(L *lua.LState) int {
			loading(L, "route:"+name+" is called")
			if v, ok := L.Get(1).(*lua.LUserData); ok && v == r.value {
				L.Remove(1) // r:get and r.get are the same
			}
			vm.SpendArguments(L)
			return m.do(r, L)
		}, m.doc)
		r.load.bound[bound{r, name}] = fn
	}
	L.Push(fn)
	return 1
}

// dropRouter removes a router before the arguments: route:proxy and route.proxy are the same.
func dropRouter(L *lua.LState) {
	if v, ok := L.Get(1).(*lua.LUserData); ok {
		if _, ok := v.Value.(*router); ok {
			L.Remove(1)
		}
	}
}

// add puts a route or a scope into the scope of a router.
func (r *router) add(L *lua.LState, item chiproxy.Item, at origin.Origin) {
	if r.load.items++; r.load.items > maxItems {
		L.RaiseError("more than %d routes and scopes", maxItems)
	}
	if r.first.Script == "" {
		r.first = at
	}
	r.scope.Items = append(r.scope.Items, item)
}

// declared calls the function that declares what is inside a scope.
func (r *router) declared(L *lua.LState, fn *lua.LFunction) {
	L.Push(fn)
	L.Push(r.value)
	L.Call(1, 0)
}
