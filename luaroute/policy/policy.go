// Package policy is what routers have besides routes: limits, rules for origins, keys, deadlines and the like. Each is a function that takes a
// table of options and returns middleware, an action or an object that is plain Go: it costs no Lua while requests run. What they do is in
// the packages of chiproxy/policy, which know no Lua; here is how scripts declare them, with a file for each.
package policy

import (
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/luaroute/capability"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Load is what policies need of the load of scripts that declares them.
type Load struct {
	// Instance is the name of the instance, and Tenant that of the tenant, empty for the default tenant.
	Instance, Tenant string
	// Space is what the tenant has of the store of the instance; nil without one.
	Space *kv.Space
	// Capabilities say what the scripts may use that is not theirs; nil for those of a trusted tenant.
	Capabilities *capability.Set
	// VMs run the functions that Keep has noted.
	VMs *hook.VMs
	// Keep notes a function that requests will call.
	Keep func(*lua.LState, *lua.LFunction) (vm.Ref, origin.Origin)
	// Guards returns the guards that a value stands for; all must allow a request.
	Guards func(*lua.LState, lua.LValue) []chiproxy.Guard
	// Data returns a file beside the script that runs, which is watched from then on.
	Data func(L *lua.LState, name string) ([]byte, error)
	// Templated raises an error unless the scripts may use the placeholders in the strings of a policy.
	Templated func(*lua.LState, chiproxy.Templated)
	// Action returns the action that a handler of a route stands for.
	Action func(*lua.LState, lua.LValue) chiproxy.Action
	// Here returns the place in the script that runs.
	Here func(L *lua.LState, kind, text string) origin.Origin

	// Counts are the counters of the scripts; nil counts nothing.
	Counts *telemetry.Lua
	// Book has what limits count in.
	Book *limit.Book
	// Memory is what the scripts of an isolated tenant may hold.
	Memory int64

	// limits is how many there are in the scripts of an isolated tenant, and held what their keys take at most.
	limits int
	held   int64
	// splits is how many there are.
	splits int
	// customs are the metrics of the scripts, by name, with so many series.
	customs map[string]*custom
	series  int
	// names are those that policies of a kind have, with the places where they were declared.
	names map[string]origin.Origin
}

// Binding is a function that makes a policy while scripts load, with what describes it.
type Binding struct {
	Doc vm.Doc
	// Make is a function of Lua whose arguments begin at 1.
	Make func(*Load, *lua.LState) int
}

// Bindings are the functions that routers have from here.
func Bindings() []Binding {
	return slices.Concat([]Binding{limitBinding, concurrencyBinding, corsBinding, splitBinding, forwardAuthBinding, headersBinding, faultBinding, maxBodyBinding, timeoutBinding, mirrorBinding, metricBinding}, identityBindings)
}

// Classes describes what they take and return.
func Classes() []vm.Class {
	own := []vm.Class{{Name: "luaroute.Policy", Link: "policies.md", Text: "middleware that is data"}, corsClass}
	return slices.Concat(limitClasses, concurrencyClasses, splitClasses, forwardAuthClasses, headersClasses, []vm.Class{timeoutOptions, faultOptions, mirrorOptions}, metricClasses, own, identityClasses)
}

// Name raises an error if a policy of the kind has the name already, since counters and logs tell policies apart by it.
func (l *Load) Name(L *lua.LState, kind, name string) {
	at := l.Here(L, kind, name)
	key := kind + " " + name
	if first, taken := l.names[key]; taken {
		L.RaiseError("route.%s: the name %q is taken, first at %s; expected another name for each of a tenant", kind, name, first)
	}
	if l.names == nil {
		l.names = map[string]origin.Origin{}
	}
	l.names[key] = at
}

// middleware is a policy as scripts hold it.
type middleware struct{ chiproxy.Middleware }

// Immutable marks it as shared by all states.
func (middleware) Immutable() {}

// AsMiddleware is for r:use.
func (m middleware) AsMiddleware() chiproxy.Middleware { return m.Middleware }

// middlewareType is the metatable of policies without methods.
var middlewareType = func() *lua.LTable {
	t := new(lua.LState).CreateTable(0, 1)
	t.RawSetString("__metatable", lua.LString("middleware"))
	return t
}()

// push pushes a policy without methods.
func push(L *lua.LState, mw chiproxy.Middleware) int {
	L.Push(&lua.LUserData{Value: middleware{mw}, Metatable: middlewareType})
	return 1
}

var _ hook.Middleware = middleware{}
