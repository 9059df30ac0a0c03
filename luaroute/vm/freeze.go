package vm

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// Freeze ends the load: nothing may run in the builder's state any more. It fails if a function that requests will call
// captures something that cannot be copied.
func (b *Builder) Freeze() (*Image, error) {
	w := &walker{builder: b, seen: map[any]bool{}}
	for _, fn := range b.kept {
		w.visit(fn, fn)
	}
	if err := w.walk(); err != nil {
		return nil, err
	}
	// Everything else is copied only if it is used, and may be anything.
	w.lenient = true
	w.visit(b.state.env, nil)
	w.visit(b.state.L.G.Registry, nil)
	for _, module := range b.state.modules.loaded {
		w.visit(module, nil)
	}
	_ = w.walk()
	image := newImage(b)
	b.forget()
	return image, nil
}

// forget releases what only the load needed, since there may be many images: an image needs the tables only.
func (b *Builder) forget() {
	s := b.state
	b.refs, b.kept, b.shared, b.strs = nil, nil, nil, nil
	gopher.DropRegisters(s.L) // captured variables would keep them alive
	s.builder, s.L, s.Slot, s.budget, s.world = nil, nil, nil, budget{}, world{}
}

// walker visits everything that the kept functions reach.
type walker struct {
	builder *Builder
	seen    map[any]bool
	pending []step
	lenient bool
	err     error
}

// step is a value to visit, and the Lua function that captures it.
type step struct {
	value lua.LValue
	owner *lua.LFunction
}

func (w *walker) visit(v lua.LValue, owner *lua.LFunction) {
	switch v := v.(type) {
	case *lua.LTable:
		if v == w.builder.state.env && !w.lenient {
			return // globals are copied one by one, when they are used
		}
		if ro, _ := readonlyOf(v); ro != nil && ro.borrowed {
			return // all builders have it, and it holds functions of Go
		}
	case *lua.LFunction, *lua.LUserData:
	case *lua.LState:
		w.fail(owner)
		return
	default:
		return
	}
	if !w.seen[v] {
		w.seen[v] = true
		w.pending = append(w.pending, step{v, owner})
	}
}

func (w *walker) walk() error {
	for len(w.pending) > 0 && w.err == nil {
		last := len(w.pending) - 1
		at := w.pending[last]
		w.pending = w.pending[:last]
		switch v := at.value.(type) {
		case *lua.LTable:
			for k, e := v.Next(lua.LNil); k != lua.LNil; k, e = v.Next(k) {
				w.visit(k, at.owner)
				w.visit(e, at.owner)
			}
			w.visit(v.Metatable, at.owner)
		case *lua.LUserData:
			w.visit(v.Metatable, at.owner)
		case *lua.LFunction:
			w.function(v, at.owner)
		}
	}
	return w.err
}

func (w *walker) function(fn, owner *lua.LFunction) {
	if fn.IsG {
		protectInPlace(fn)
	} else {
		owner = fn
	}
	if fn.Env != nil {
		w.visit(fn.Env, owner)
	}
	for _, cell := range fn.Upvalues {
		if cell == nil {
			continue
		}
		v := cell.Value()     // of a coroutine that is not finished, perhaps
		*cell = lua.Upvalue{} // else it keeps the thread
		cell.Close()
		cell.SetValue(v)
		w.visit(v, owner)
	}
}

// fail records an error that names the function which captures a coroutine.
func (w *walker) fail(owner *lua.LFunction) {
	if w.lenient || w.err != nil {
		return
	}
	err := &script.Error{Message: "this function captures a coroutine, which " +
		"cannot be copied into the states that serve requests; make it inside the function"}
	if owner != nil && owner.Proto != nil {
		err.Script, err.Line = owner.Proto.SourceName, owner.Proto.LineDefined
		for i, cell := range owner.Upvalues {
			if _, ok := cell.Value().(*lua.LState); ok && i < len(owner.Proto.DbgUpvalues) {
				err.Message = fmt.Sprintf("%s (it is the variable %q)", err.Message, owner.Proto.DbgUpvalues[i])
			}
		}
	}
	w.err = err
}
