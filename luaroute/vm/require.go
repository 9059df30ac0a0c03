package vm

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// maxModuleName is the length of the longest name of a module, in bytes.
const maxModuleName = 1000

// modules is what require knows in one state.
type modules struct {
	loaded  map[string]lua.LValue
	loading []string // the chain of modules that are being loaded
}

// baseRequire is require. While requests run it opens libraries, but no Lua modules: those would need time, and read
// files, in the middle of a request.
func baseRequire(L *lua.LState) int {
	name := L.CheckString(1)
	if len(name) > maxModuleName {
		L.RaiseError("the name of a module has %d bytes; allowed are %d", len(name), maxModuleName)
	}
	s := Of(L)
	if v, ok := s.loadedModule(L, name); ok {
		L.Push(v)
		return 1
	}
	L.Push(s.keepModule(name, s.module(L, name)))
	return 1
}

// builtIn is what a name begins with that always stands for a library, whatever modules there are.
const builtIn = "luaroute."

// module returns a module that is not loaded yet: a library, unless there is a Lua module of its name.
func (s *State) module(L *lua.LState, name string) lua.LValue {
	if short, ok := strings.CutPrefix(name, builtIn); ok && s.options.Libraries[short] != nil {
		return openLibrary(L, short, s.options.Libraries[short])
	}
	lib := s.options.Libraries[name]
	if lib == nil {
		return s.loadModule(L, name, s.findModule(L, name))
	}
	if s.Loading() && name+"." != builtIn {
		if fn := s.findModule(L, name); fn != nil {
			return s.loadModule(L, name, fn)
		}
	}
	v, ok := s.loadedModule(L, builtIn+name)
	if !ok {
		v = s.keepModule(builtIn+name, openLibrary(L, name, lib))
	}
	return v
}

// loadedModule returns a module that this state, or its builder, has loaded.
func (s *State) loadedModule(L *lua.LState, name string) (lua.LValue, bool) {
	if v, ok := s.modules.loaded[name]; ok {
		return v, true
	}
	if s.Loading() {
		return nil, false
	}
	v, ok := s.copier.image.module(name)
	if !ok {
		return nil, false
	}
	v, err := s.copier.copy(v)
	s.paid()
	if err != nil {
		L.RaiseError("module %q: %s", name, err)
	}
	return s.keepModule(name, v), true
}

func (s *State) keepModule(name string, v lua.LValue) lua.LValue {
	if s.modules.loaded == nil {
		s.modules.loaded = map[string]lua.LValue{}
	}
	s.modules.loaded[name] = v
	return v
}

// openLibrary opens a library and makes its table read-only.
func openLibrary(L *lua.LState, name string, lib Library) lua.LValue {
	if allowed := Of(L).options.Allowed; allowed != nil {
		if err := allowed(name); err != nil {
			L.RaiseError("%s", err)
		}
	}
	v := lib.Open(L)
	if table, ok := v.(*lua.LTable); ok {
		return readonlyLibrary(L, name, table)
	}
	return v
}

// loadModule runs a Lua module.
func (s *State) loadModule(L *lua.LState, name string, fn *lua.LFunction) lua.LValue {
	if slices.Contains(s.modules.loading, name) {
		L.RaiseError("modules require one another: %s", strings.Join(append(s.modules.loading, name), " -> "))
	}
	depth := len(s.modules.loading)
	s.modules.loading = append(s.modules.loading, name)
	defer func() { s.modules.loading = s.modules.loading[:depth] }()
	L.Push(fn)
	L.Push(lua.LString(name))
	L.Call(1, 1)
	v := L.Get(-1)
	L.Pop(1)
	if v == lua.LNil {
		return lua.LTrue
	}
	return v
}

// findModule compiles a Lua module. It returns nil if there is none, but a library.
func (s *State) findModule(L *lua.LState, name string) *lua.LFunction {
	if !s.Loading() {
		L.RaiseError("module %q was not loaded: require it while the script loads, outside of functions that serve requests", name)
	}
	if s.options.Modules != nil {
		s.StepAside()
		program, err := s.options.Modules.Module(scriptOf(L), name)
		if err != nil {
			Throw(L, err)
		}
		if program != nil {
			return L.NewFunctionFromProto(program.Proto)
		}
	}
	if s.options.Libraries[name] != nil {
		return nil
	}
	libs := strings.Join(slices.Sorted(maps.Keys(s.options.Libraries)), ", ")
	if libs == "" {
		libs = "none"
	}
	L.RaiseError("module %q is not found%s; libraries are: %s", name, s.searched(L, name), libs)
	return nil
}

// searched says where a module was looked for.
func (s *State) searched(L *lua.LState, name string) string {
	known, ok := s.options.Modules.(interface {
		Places(from, name string) []string
	})
	if !ok {
		return ""
	}
	out := ""
	if places := known.Places(scriptOf(L), name); len(places) > 0 {
		out = ": there is no " + strings.Join(places, ", ")
	}
	if short, ok := strings.CutSuffix(name, ".lua"); ok {
		out += fmt.Sprintf("; the name of a module has no suffix: require(%q)", short)
	}
	return out
}

// scriptOf returns the name of the script that called the running Go function.
func scriptOf(L *lua.LState) string {
	where := Where(L)
	if i := strings.LastIndexByte(where, ':'); i >= 0 {
		return where[:i]
	}
	return where
}
