package vm

import (
	"context"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// Image is what a builder left: the world that states are copied from. It is never changed and may be used by any number
// of goroutines.
type Image struct {
	builder *Builder
	// Metatables of tables in a copy that fetch from the builder what is read for the first time.
	env, registry *lua.LTable
}

func newImage(b *Builder) *Image {
	i := &Image{builder: b}
	if ro, _ := readonlyOf(b.strs.RawGetString("__index")); ro == nil || !ro.private {
		b.shared[b.strs] = true
	}
	i.env = i.fetching(b.state.env)
	i.registry = i.fetching(b.state.L.G.Registry)
	return i
}

// Empty says that no function was kept, so that no state is ever needed.
func (i *Image) Empty() bool { return len(i.builder.kept) == 0 }

// NewState returns a state with a copy of the image, in which nothing is copied yet. It is armed with the default limits.
func (i *Image) NewState() *State {
	s := newState(i.builder.state.options)
	i.enter(s, s.env, s.L.G.Registry)
	s.Arm(DefaultLimits, context.Background())
	return s
}

// shared says that a value of the builder is used by all states as it is.
func (i *Image) shared(v lua.LValue) bool {
	if i.builder.shared[v] {
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

// fetching returns a metatable for the copy of a table whose fields are copied one by one.
func (i *Image) fetching(from *lua.LTable) *lua.LTable {
	meta := gopher.NewTable(0, 1)
	meta.RawSetString("__index", GoFunc(func(L *lua.LState) int {
		v, err := Of(L).fetch(from, L.CheckTable(1), L.Get(2))
		if err != nil {
			L.RaiseError("%q: %s", L.Get(2).String(), err)
		}
		L.Push(v)
		return 1
	}))
	return meta
}

// fetch copies one field of a table of the builder.
func (s *State) fetch(from, to *lua.LTable, key lua.LValue) (lua.LValue, error) {
	v := from.RawGet(key)
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
	from := s.copier.image.builder.state.env
	for k, _ := from.Next(lua.LNil); k != lua.LNil; k, _ = from.Next(k) {
		if s.env.RawGet(k) == lua.LNil {
			_, _ = s.fetch(from, s.env, k) // one that can not be copied is not listed
		}
	}
}

// Func returns a kept function in this state, or nil for the zero Ref. It is copied when it is first asked for.
func (s *State) Func(r Ref) *lua.LFunction {
	if r == 0 {
		return nil
	}
	if s.Loading() {
		return s.builder.kept[r-1]
	}
	fn := s.copier.image.builder.kept[r-1]
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
