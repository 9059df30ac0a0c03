package vm

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// globals is the name that scripts have for the table of globals.
const globals = "_G"

// Ref is a function that a builder keeps. It is good for all states of the builder's image. The zero Ref is no function.
type Ref int32

// Builder is the state in which scripts run once.
type Builder struct {
	state  *State
	kept   []*lua.LFunction
	refs   map[*lua.LFunction]Ref
	shared map[lua.LValue]bool
	strs   *lua.LTable // the metatable of strings
	self   *lua.LTable // what scripts have as _G
	common *common     // what its image need not keep; nil if nothing is known of that
	// declared says that the scripts have run.
	declared bool
}

// supported is Supported of package gopher; a test has it fail.
var supported = gopher.Supported

// NewBuilder returns a builder. Its scripts have what standard sets, which is stdlib.Open as a rule, and the globals of the options. It
// panics if gopher.Supported fails.
func NewBuilder(standard func(*Builder), o Options) *Builder {
	if err := supported(); err != nil {
		panic(err) // callers ask Supported first, for a better error
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Log == nil {
		o.Log = newLog(o.Logger)
	}
	if o.Context == nil {
		o.Context = context.Background()
	}
	b := &Builder{refs: map[*lua.LFunction]Ref{}, shared: map[lua.LValue]bool{}}
	b.state = newState(&o)
	b.state.builder = b
	b.state.modules.loaded = map[string]lua.LValue{}
	b.state.Arm(o.Load.or(DefaultLoadLimits), o.Context)
	b.openCore()
	b.SetStrings("", nil)
	if standard != nil {
		standard(b)
		b.common = commonOf(standard, b)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Globals)) {
		b.SetGlobal(name, o.Globals[name])
	}
	o.Globals = nil
	return b
}

// Declared says that the scripts have run, and only functions are called that they have left for the end of the load.
func (b *Builder) Declared() { b.declared = true }

// State returns the state that loads. Arm it to end a load with a context.
func (b *Builder) State() *State { return b.state }

// Run runs a program. Even a panic that would end a response is an error here: there is none.
func (b *Builder) Run(p *script.Program) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &script.Error{Script: p.Name, Message: fmt.Sprintf("panic: %v", r), Trace: string(debug.Stack())}
		}
	}()
	return b.state.Call(b.state.L.NewFunctionFromProto(p.Proto), 0)
}

// Global returns what a global holds.
func (b *Builder) Global(name string) lua.LValue { return b.state.env.RawGetString(name) }

// Keep notes a function that requests will call.
func (b *Builder) Keep(fn *lua.LFunction) Ref {
	if ref, ok := b.refs[fn]; ok {
		return ref
	}
	b.kept = append(b.kept, fn)
	ref := Ref(len(b.kept))
	b.refs[fn] = ref
	return ref
}

// share says that a value never changes and that all states may use it as it is, such as the metatable of a type of
// userdata. It must reach nothing but Go functions and values that are shared too.
func (b *Builder) share(v lua.LValue) { b.shared[v] = true }
