// Package declare runs scripts once and collects what they declare: routes, scopes, pools and tenants, as plain values
// for chiproxy. Functions among them become hooks.
package declare

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"

	"github.com/luaroute/caddy-luaroute/luaroute/policy"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/luaroute/capability"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/legacy"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
	"github.com/luaroute/caddy-luaroute/luaroute/stdlib"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// ModuleName is what scripts require for the router.
const ModuleName = "luaroute"

// Options is what the scripts of one tenant run with.
type Options struct {
	// Instance is the name of the instance.
	Instance string
	// Tenant is the name of the tenant, empty for the default tenant.
	Tenant string
	// Book has what limits count in. Default: one of this run.
	Book *limit.Book
	// Space is what require("kv") reads and writes, and what limits may count in; nil where there is no store.
	Space *kv.Space
	// Sources hold the scripts.
	Sources source.Set
	// Libraries are found by require.
	Libraries map[string]vm.Library
	// Env names the environment variables that scripts may read.
	Env []string
	// Limits are those of requests.
	Limits config.Limits
	// Load is what the run of the scripts may use. Default: vm.DefaultLoadLimits.
	Load vm.Limits
	// Modules loads the Caddy modules that scripts name.
	Modules Modules
	// Capabilities say what the scripts may use that is not theirs; nil for those of a trusted tenant.
	Capabilities *capability.Set
	// Reload is what route.reload() calls while requests run. It returns at once. Default: nothing is reloaded.
	Reload func()
	// Programs caches compiled scripts. Default: each is compiled again.
	Programs *script.Programs
	Logger   *zap.Logger
	// Counts are the counters of the scripts; nil counts nothing.
	Counts *telemetry.Lua
	// Spans says that each function has a span of its own in requests that are traced.
	Spans bool
	// Log bounds what the scripts log. Default: one for this run.
	Log *vm.Log
	// Life ends what runs. Default: nothing does.
	Life *vm.Life
	// Aside is called when the load begins to wait in a library; the function it returns, when it continues. It may be nil.
	Aside func() (back func())
	// Step is called before each instruction, for coverage and traces. Default: nothing is.
	Step func(*lua.LState)
	// Refuse is told what functions of route.on_load would reach outside. Default: they may.
	Refuse func(what string)
	// Globals and Helpers are what only tests and sessions have: globals, and functions of route.
	Globals map[string]lua.LValue
	Helpers map[string]*lua.LFunction
}

// Modules loads Caddy modules for scripts.
type Modules interface {
	// Handler returns the handler that the configuration has under a name. The names are for error messages.
	Handler(name string) (h caddyhttp.MiddlewareHandler, names []string)
	// Load loads a module by its ID, such as http.handlers.encode.
	Load(id string, config json.RawMessage) (any, error)
}

// Result is what scripts have declared.
type Result struct {
	// Root holds the routes.
	Root chiproxy.Scope
	// Fallback answers requests that no route matches, if the scripts have the function of the old contract; else it is nil.
	Fallback chiproxy.Action
	// Pools are those of the tenant.
	Pools []pool.Spec
	// Tenants are those declared inside.
	Tenants []Tenant
	// VMs run the functions of the scripts. The caller stops them.
	VMs *hook.VMs
	// Timers are to run while the table serves. The caller starts and stops them.
	Timers []*hook.Timer
	// Expectations must be met before the table is published.
	Expectations []Expectation
	// Certifier decides about certificates; nil without route.certificate.
	Certifier chiproxy.Certifier
	// Exports are the functions for any reverse_proxy, by name.
	Exports map[string]chiproxy.Export
	// Expands says that the scripts are those of an isolated tenant and that something they loaded has placeholders.
	Expands bool
	// Patterns bounds the regular expressions in patterns of an isolated tenant; nil for another one.
	Patterns *chiproxy.PatternBound
	// Scripts are the names of the scripts that ran.
	Scripts []string
	// Blank says of each script that ran, and of each module that was loaded, whether there is no code in it.
	Blank map[string]bool
	// Names says that a script or module has the text AskedName.
	Names bool
}

// AskedName is how the placeholders of a request begin, which cost it something and are there if something asks for one.
const AskedName = "http.luaroute."

// Declares reports whether the scripts declare anything that affects requests.
func (r *Result) Declares() bool {
	root := &r.Root
	return len(root.Items)+len(root.Middleware)+len(r.Tenants) > 0 ||
		root.NotFound != nil || root.MethodNotAllowed != nil || r.Fallback != nil || r.Certifier != nil || len(r.Exports) > 0
}

// Tenant is a tenant that a script has declared.
type Tenant struct {
	chiproxy.Tenant
	// Scripts are files or globs of the tenant's own. With them the tenant is isolated.
	Scripts []string
	// Limits are those that the tenant sets itself.
	Limits config.Limits
	// Allow narrows what its scripts may use; nil does not narrow it.
	Allow *config.Allow
}

// load is one run of scripts.
type load struct {
	options  Options
	builder  *vm.Builder
	result   *Result
	root     *router
	policies *policy.Load
	handler  *lua.LFunction // route.handler
	again    *lua.LFunction // route.reload
	tenants  []*tenant
	mounts   []*mount
	proxies  map[string]chiproxy.Action // of routes whose handler is the name of a pool
	items    int                        // routes and scopes, without those that mounts repeat
	onLoad   []*lua.LFunction
	bound    map[bound]*lua.LFunction

	certifierAt origin.Origin
	checks      int             // active health checks of pools
	growth      float64         // of all replacements of an isolated tenant; 0 is as 1
	steps       int             // of all regular expressions that modules of an isolated tenant match
	ctx         context.Context // of the load
}

// Run runs the scripts of a tenant. The error names the script and line.
func Run(ctx context.Context, o Options) (*Result, error) {
	scripts, err := o.Sources.Scripts(ctx)
	if err != nil {
		return nil, err
	}
	l := &load{ctx: ctx, options: o, proxies: map[string]chiproxy.Action{}, bound: map[bound]*lua.LFunction{}}
	l.result = &Result{VMs: hook.NewVMs(o.Limits, o.Logger), Blank: map[string]bool{}}
	l.result.VMs.Placeholder, l.result.VMs.Counts, l.result.VMs.Spans = o.Capabilities.Placeholder, o.Counts, o.Spans
	l.handler, l.again = vm.GoFunc(l.handlerAction), vm.GoFunc(l.reload)
	l.root = newRouter(l, &chiproxy.Scope{}, o.Tenant == "")
	l.policies = &policy.Load{
		Instance: o.Instance, Tenant: o.Tenant, Capabilities: o.Capabilities, VMs: l.result.VMs, Keep: l.keep, Guards: l.guards, Here: here,
		Data: l.data, Action: l.action, Templated: l.templated,
		Space: o.Space, Counts: o.Counts,
		Book: cmp.Or(o.Book, limit.NewPrivateBook(o.Instance)), Memory: int64(o.Limits.Memory),
	}
	var services []any
	if o.Space != nil {
		services = append(services, o.Space)
	}
	l.builder = vm.NewBuilder(openGlobals, vm.Options{
		Logger:    o.Logger,
		Log:       o.Log,
		Life:      o.Life,
		Aside:     o.Aside,
		Load:      o.Load,
		Context:   ctx,
		Step:      o.Step,
		Libraries: l.libraries(),
		Allowed:   l.allowed,
		Globals:   o.Globals,
		Modules:   modules{l},
		Services:  services,
	})
	l.builder.State().Slot, l.builder.State().Refuse = l, o.Refuse
	for _, s := range scripts {
		program, err := l.compile(s)
		if err != nil {
			return nil, err
		}
		if err := l.builder.Run(program); err != nil {
			return nil, err
		}
	}
	if err := l.finish(); err != nil {
		return nil, err
	}
	for _, s := range scripts {
		l.result.Scripts = append(l.result.Scripts, s.Name)
	}
	l.forget()
	return l.result, nil
}

// forget releases what only the load needed: functions that make actions while requests run keep the rest.
func (l *load) forget() {
	l.builder, l.root, l.onLoad, l.tenants, l.mounts, l.bound = nil, nil, nil, nil, nil, nil
	l.options.Libraries, l.options.Globals, l.options.Programs = nil, nil, nil
}

// openGlobals sets the globals of all scripts.
func openGlobals(b *vm.Builder) {
	stdlib.Open(b)
	for name, v := range legacy.Globals() {
		b.SetGlobal(name, v)
	}
}

// libraries returns those of the options and our own.
func (l *load) libraries() map[string]vm.Library {
	all := map[string]vm.Library{}
	maps.Copy(all, l.options.Libraries)
	root := l.root.value
	all[ModuleName] = vm.LibraryFunc(func(*lua.LState) lua.LValue { return root })
	return all
}

// allowed returns an error for a library that the scripts may not use.
func (l *load) allowed(name string) error {
	if name == ModuleName {
		return nil
	}
	return l.options.Capabilities.Lib(name)
}

// finish resolves what is known only after the scripts ran, and makes the result.
func (l *load) finish() error {
	l.builder.Declared()
	for i := 0; i < len(l.onLoad); i++ { // one of them may add more
		if err := l.builder.State().Call(l.onLoad[i], 0); err != nil {
			return err
		}
	}
	if err := l.fillMounts(); err != nil {
		return err
	}
	r := l.result
	var err error
	if r.Fallback, err = l.rest(); err != nil {
		return err
	}
	image, err := l.builder.Freeze()
	if err != nil {
		return err
	}
	if !image.Empty() || l.options.Helpers != nil { // what helps asks for a virtual machine even if no function needs one
		r.VMs.Start(image)
	}
	r.Root, r.Patterns = *l.root.scope, l.patterns()
	for _, t := range l.tenants {
		t.Root = *t.router.scope
		r.Tenants = append(r.Tenants, t.Tenant)
	}
	return nil
}

// compile compiles a script or module.
func (l *load) compile(s source.Script) (*script.Program, error) {
	program, err := l.options.Programs.Compile(s.Name, s.Code)
	if err == nil {
		l.result.Blank[s.Name] = program.Blank
		l.result.Names = l.result.Names || bytes.Contains(s.Code, []byte(AskedName))
	}
	return program, err
}

// modules finds Lua modules in the sources of a load.
type modules struct{ load *load }

// Places returns where a module is searched.
func (m modules) Places(from, name string) []string {
	return m.load.options.Sources.Places(from, name)
}

// Module returns the program of a module.
func (m modules) Module(from, name string) (*script.Program, error) {
	found, err := m.load.options.Sources.Module(m.load.ctx, from, name)
	if found == nil || err != nil {
		return nil, err
	}
	return m.load.compile(*found)
}
