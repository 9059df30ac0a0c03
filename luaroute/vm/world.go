package vm

import (
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

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

// enter lets what runs in a state see a new world, in which nothing is copied yet.
func (i *Image) enter(s *State, env, registry *lua.LTable) {
	s.env = env
	s.modules = modules{}
	s.copier = copier{image: i, values: make(map[lua.LValue]lua.LValue, 8)}
	s.copier.values[i.builder.state.env] = env
	env.Metatable, registry.Metatable = i.env, i.registry
	s.L.Env, s.L.G.Global, s.L.G.Registry = env, env, registry
	s.strs = lua.LNil
	if strs, err := s.copier.copy(i.builder.strs); err == nil {
		s.strs = strs
	}
	s.L.SetMetatable(lua.LString(""), s.strs)
}

// copyTime is about how long it takes to copy one value.
const copyTime = 200 * time.Nanosecond

// Scratch calls a function in a world of its own: what Lua functions of this state find there is what the scripts left when
// they had loaded, globals, tables and captured variables alike. It may assign globals, which is an error elsewhere while
// requests run. All that is forgotten when the function returns. What it takes to copy what is used is a part of the
// budget.
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

// paid counts what was copied inside of Scratch. Elsewhere a copy is made once for many requests, and is nobody's fault.
func (s *State) paid() {
	work := s.copier.work
	s.copier.work = 0
	if s.outer == nil || work == 0 {
		return
	}
	s.budget.left -= work
	s.budget.make(int64(work) * fieldSize)
	if s.copier.most -= work; s.copier.most < 0 {
		s.budget.end(fmt.Errorf("%w: it uses globals that are too large to be copied for each call", ErrBudget))
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
