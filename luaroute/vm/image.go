package vm

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// Image is the result of a load, from which states are copied. It never changes and may be used by any number
// of goroutines.
type Image struct {
	kept    []*lua.LFunction
	options *Options
	// env are the globals of the builder, but for those that all images have in common; erased are those of these that the scripts have
	// removed.
	env    *lua.LTable
	self   *lua.LTable // a view of them, which scripts have as _G
	common *common
	erased map[lua.LValue]bool
	// registry and loaded are those of the builder.
	registry *lua.LTable
	loaded   []imageModule // in the order of their names
	// strs is the metatable of strings, and sharing what else never changes.
	strs    *lua.LTable
	sharing map[lua.LValue]bool
}

// imageModule is a module that the builder has loaded, under its name; most scripts load few, so that a map would be large.
type imageModule struct {
	name  string
	value lua.LValue
}

// newImage makes the image of a builder, whose globals it takes.
func newImage(b *Builder) *Image {
	i := &Image{
		kept: slices.Clip(b.kept), options: b.state.options, common: b.common, env: b.state.env, self: b.self, registry: b.state.L.G.Registry,
		strs: b.strs, sharing: b.shared,
	}
	if ro, _ := readonlyOf(b.strs.RawGetString("__index")); ro == nil || !ro.private {
		i.sharing[b.strs] = true
	}
	if i.common == nil {
		i.common = &common{}
	}
	for name, v := range b.state.modules.loaded {
		if v != b.self && i.common.library(v) == nil {
			i.loaded = append(i.loaded, imageModule{name, v})
		}
	}
	slices.SortFunc(i.loaded, func(a, b imageModule) int { return cmp.Compare(a.name, b.name) })
	if i.sharing[b.strs] && i.common.library(b.strs.RawGetString("__index")) != nil {
		delete(i.sharing, b.strs)
		i.strs = i.common.strs
	}
	own, erased := i.common.without(i.env, b.self)
	*i.env, i.erased = *own, erased // functions have the table itself
	if len(i.sharing) == 0 {
		i.sharing = nil
	}
	return i
}

// Empty reports whether no function was kept, so that no state is ever needed.
func (i *Image) Empty() bool { return len(i.kept) == 0 }

// global returns a global of the builder, nil for one that it has not.
func (i *Image) global(name lua.LValue) lua.LValue {
	if v := i.env.RawGet(name); v != lua.LNil {
		return v
	}
	if i.erased[name] {
		return lua.LNil
	}
	if v, ok := i.common.globals[name]; ok {
		return v
	}
	if i.common.selves[name] {
		return i.self
	}
	return lua.LNil
}

// module returns a module that the builder has loaded, and whether it has.
func (i *Image) module(name string) (lua.LValue, bool) {
	if at, ok := slices.BinarySearchFunc(i.loaded, name, func(m imageModule, name string) int { return cmp.Compare(m.name, name) }); ok {
		return i.loaded[at].value, true
	}
	if name == globals {
		return i.self, true
	}
	v, ok := i.common.globals[lua.LString(name)].(*lua.LTable) // scripts cannot change what is loaded
	return v, ok
}

// Where reports for each kept function, by its Ref, whether is returns true for its code.
func (i *Image) Where(is func(*lua.FunctionProto) bool) []bool {
	kind := make([]bool, len(i.kept)+1)
	for n, fn := range i.kept {
		kind[n+1] = !fn.IsG && is(fn.Proto)
	}
	return kind
}

// NewState returns a state with a copy of the image, in which nothing is copied yet. It is armed with the default limits.
func (i *Image) NewState() *State {
	s := newState(i.options)
	i.enter(s, s.env, s.L.G.Registry)
	s.Arm(DefaultLimits, context.Background())
	return s
}

// shared reports whether all states use a value of the builder itself, not copies.
func (i *Image) shared(v lua.LValue) bool {
	if i.sharing[v] || v == i.common.strs {
		return true
	}
	switch v := v.(type) {
	case *lua.LUserData:
		_, ok := v.Value.(Immutable)
		return ok
	case *lua.LFunction:
		return v.IsG && len(v.Upvalues) == 0
	case *lua.LTable:
		ro, _ := readonlyOf(v)
		return ro != nil && !ro.private
	}
	return false
}

// globalsMeta and registryMeta are the metatables of the globals and the registry of a copy, whose fields are copied one by one.
var (
	globalsMeta = sync.OnceValue(func() *lua.LTable {
		return fetching(func(i *Image, name lua.LValue) lua.LValue { return i.global(name) })
	})
	registryMeta = sync.OnceValue(func() *lua.LTable {
		return fetching(func(i *Image, name lua.LValue) lua.LValue { return i.registry.RawGet(name) })
	})
)

// fetching returns a metatable for a table that gets from the image what is read for the first time.
func fetching(from func(*Image, lua.LValue) lua.LValue) *lua.LTable {
	meta := gopher.NewTable(0, 1)
	meta.RawSetString("__index", GoFunc(func(L *lua.LState) int {
		s := Of(L)
		v, err := s.fetch(from(s.copier.image, L.Get(2)), L.CheckTable(1), L.Get(2))
		if err != nil {
			L.RaiseError("%q: %s", L.Get(2).String(), err)
		}
		L.Push(v)
		return 1
	}))
	return meta
}

// fetch copies one field of a table of the builder.
func (s *State) fetch(v lua.LValue, to *lua.LTable, key lua.LValue) (lua.LValue, error) {
	if v == lua.LNil || to == s.env && s.erased[key] { // a global that was set to nil stays nil
		return lua.LNil, nil
	}
	v, err := s.copier.copy(v)
	s.paid()
	if err != nil {
		return lua.LNil, err
	}
	to.RawSet(key, v)
	return v, nil
}

// completeGlobals copies all globals, for a script that wants to list them.
func (s *State) completeGlobals() {
	if s.Loading() {
		return
	}
	i := s.copier.image
	complete := func(k lua.LValue) {
		if s.env.RawGet(k) == lua.LNil {
			_, _ = s.fetch(i.global(k), s.env, k) // one that cannot be copied is not listed
		}
	}
	for _, k := range i.common.names {
		complete(k)
	}
	for k, _ := i.env.Next(lua.LNil); k != lua.LNil; k, _ = i.env.Next(k) {
		complete(k)
	}
}

// Func returns a kept function in this state, or nil for the zero Ref. It is copied at first use.
func (s *State) Func(r Ref) *lua.LFunction {
	if r == 0 {
		return nil
	}
	if s.Loading() {
		return s.builder.kept[r-1]
	}
	fn := s.copier.image.kept[r-1]
	if v, ok := s.copier.values[fn]; ok {
		return v.(*lua.LFunction)
	}
	v, err := s.copier.copy(fn)
	s.paid()
	if err != nil {
		panic(err) // Freeze has checked everything that the function reaches
	}
	return v.(*lua.LFunction)
}

// Immutable marks the value of a userdata that never changes. Such userdata are not copied: all states share them, and
// their metatables.
type Immutable interface{ Immutable() }

// world is what functions reach in a state: the globals, the modules, and all that was copied for them from the image. A state
// has one, and for the time of Scratch another.
type world struct {
	env     *lua.LTable // the globals
	strs    lua.LValue  // the metatable of strings; nil while scripts load
	copier  copier      // of a copy; empty while scripts load
	modules modules
	// erased are the globals that were set to nil. It is used inside of Scratch only.
	erased map[lua.LValue]bool
	outer  *world // what Scratch goes back to; nil outside of it
}

// enter gives a state a new world, in which nothing is copied yet.
func (i *Image) enter(s *State, env, registry *lua.LTable) {
	s.env = env
	s.modules = modules{}
	s.copier = copier{image: i, values: make(map[lua.LValue]lua.LValue, 8)}
	s.copier.values[i.env] = env
	env.Metatable, registry.Metatable = globalsMeta(), registryMeta()
	s.L.Env, s.L.G.Global, s.L.G.Registry = env, env, registry
	s.strs = lua.LNil
	if strs, err := s.copier.copy(i.strs); err == nil {
		s.strs = strs
	}
	s.L.SetMetatable(lua.LString(""), s.strs)
}

// copyTime is about how long it takes to copy one value.
const copyTime = 200 * time.Nanosecond

// Scratch calls a function in a world of its own: globals, tables and captured variables are as they were when the scripts had
// loaded. Lua in it may assign globals, which is an error elsewhere while requests run. All changes are forgotten when the function
// returns. Copying counts against the budget.
func (s *State) Scratch(run func() error) error {
	outer, registry := s.world, s.L.G.Registry
	defer func() {
		s.world = outer
		s.L.Env, s.L.G.Global, s.L.G.Registry = outer.env, outer.env, registry
		s.L.SetMetatable(lua.LString(""), outer.strs)
	}()
	s.copier.image.enter(s, gopher.NewTable(0, 8), gopher.NewTable(0, 0))
	s.outer, s.erased = &outer, nil
	s.copier.most = max(int(s.budget.limits.CPU/copyTime), 1)
	return run()
}

// paid counts what was copied inside of Scratch. Elsewhere a copy is made once for many requests, and no request is charged for it.
func (s *State) paid() {
	work := s.copier.work
	s.copier.work = 0
	if s.outer == nil || work == 0 {
		return
	}
	s.budget.left -= work
	s.budget.make(int64(work) * fieldSize)
	if s.copier.most -= work; s.copier.most < 0 {
		s.budget.end(fmt.Errorf("%w: it uses globals that are too large to be copied for each call", errMemory))
	}
}

// erase notes whether a global was set to nil, so that it is not copied again.
func (w *world) erase(key lua.LValue, erased bool) {
	if w.erased == nil && erased {
		w.erased = map[lua.LValue]bool{}
	}
	if w.erased != nil {
		w.erased[key] = erased
	}
}

var fingerprintSeed = maphash.MakeSeed()

// Fingerprint returns a number for what a kept function does: its code, but not its place, and the strings, numbers and
// booleans that it captures. It is valid within this process.
func (i *Image) Fingerprint(r Ref) uint64 {
	var h maphash.Hash
	h.SetSeed(fingerprintSeed)
	fn := i.kept[r-1]
	hashProto(&h, fn.Proto)
	for _, cell := range fn.Upvalues {
		if cell != nil {
			hashValue(&h, cell.Value())
		}
	}
	return h.Sum64()
}

func hashProto(h *maphash.Hash, p *lua.FunctionProto) {
	_, _ = h.Write([]byte{p.NumParameters, p.IsVarArg, p.NumUpvalues})
	maphash.WriteComparable(h, len(p.Code))
	for _, code := range p.Code {
		maphash.WriteComparable(h, code)
	}
	for _, c := range p.Constants {
		hashValue(h, c)
	}
	for _, inner := range p.FunctionPrototypes {
		hashProto(h, inner)
	}
}

// hashValue adds plain values; all others count by their type.
func hashValue(h *maphash.Hash, v lua.LValue) {
	switch v := v.(type) {
	case lua.LString, lua.LNumber, lua.LBool:
		maphash.WriteComparable(h, v)
	default:
		maphash.WriteComparable(h, v.Type())
	}
}
