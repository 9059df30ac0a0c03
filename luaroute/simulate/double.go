package simulate

import (
	"errors"
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// Bench is what all virtual machines of a run of tests have in common. Libraries are read-only for scripts, so a test cannot put a function of
// its own into one; but those of a bench ask it at each call whether a test has put another in their place.
type Bench struct {
	Selection Selection
	// Step is for vm.Options, nil for none.
	Step func(L *lua.LState)

	libraries map[string]vm.Library
	suite     *Suite    // whose tests run
	doubles   []*double // what stands in for functions now, the latest last
}

// double stands in for a function of a library: a stub, or a spy, which calls it.
type double struct {
	library, name string
	instead       *lua.LFunction // of the test; nil for a spy
	calls         [][]lua.LValue
}

// Knows says which libraries there are, for the errors of a test.
func (b *Bench) Knows(all map[string]vm.Library) { b.libraries = all }

// Libraries returns libraries whose functions tests can replace. Scripts do not see a difference.
func (b *Bench) Libraries(all map[string]vm.Library) map[string]vm.Library {
	replaceable := map[string]vm.Library{}
	for name, lib := range all {
		replaceable[name] = vm.LibraryFunc(func(L *lua.LState) lua.LValue {
			table, ok := lib.Open(L).(*lua.LTable)
			if !ok {
				return lib.Open(L)
			}
			out := gopher.NewTable(0, table.Len())
			table.ForEach(func(k, v lua.LValue) {
				if fn, ok := v.(*lua.LFunction); ok && fn.IsG {
					v = b.replaceable(name, k.String(), fn)
				}
				out.RawSet(k, v)
			})
			out.Metatable = table.Metatable
			return out
		})
	}
	return replaceable
}

func (b *Bench) replaceable(library, name string, fn *lua.LFunction) *lua.LFunction {
	return vm.GoFunc(func(L *lua.LState) int { return b.call(L, library, name, fn, len(b.doubles)) })
}

// call calls the latest double of a function among the first ones, or the function itself.
func (b *Bench) call(L *lua.LState, library, name string, fn *lua.LFunction, first int) int {
	for i := first - 1; i >= 0; i-- {
		d := b.doubles[i]
		if d.library != library || d.name != name {
			continue
		}
		args := carryAll(L, gopher.Arguments(L))
		d.calls = append(d.calls, args)
		if d.instead == nil {
			return b.call(L, library, name, fn, i)
		}
		if vm.Of(L) != b.suite.state {
			return b.suite.answer(L, d.instead, args)
		}
		L.Insert(d.instead, 1)
		L.Call(L.GetTop()-1, lua.MultRet)
		return L.GetTop()
	}
	return fn.GFunction(L)
}

// answer calls a stub for another virtual machine, in that of the test, which waits meanwhile.
func (s *Suite) answer(L *lua.LState, instead *lua.LFunction, args []lua.LValue) int {
	own := s.state.L
	top := own.GetTop()
	defer func() { own.SetTop(top) }()
	if err := s.state.Call(instead, lua.MultRet, args...); err != nil {
		if unmet := (*unmet)(nil); errors.As(err, &unmet) && s.missed == nil {
			s.missed = err
		}
		vm.Throw(L, err)
	}
	results := 0
	for i := top + 1; i <= own.GetTop(); i++ {
		L.Push(carry(L, own.Get(i)))
		results++
	}
	return results
}

// stub is stub(library, name, fn).
func (s *Suite) stub(L *lua.LState) int {
	instead := vm.GoFunc(func(*lua.LState) int { return 0 })
	if L.Get(3) != lua.LNil {
		instead = L.CheckFunction(3)
	}
	return s.double(L, "stub", instead)
}

// spy is spy(library, name).
func (s *Suite) spy(L *lua.LState) int { return s.double(L, "spy", nil) }

func (s *Suite) double(L *lua.LState, what string, instead *lua.LFunction) int {
	d := &double{library: L.CheckString(1), name: L.CheckString(2), instead: instead}
	if s.state == nil || vm.Of(L) != s.state {
		L.RaiseError("%s is called outside a test; call it in it, before_each or setup", what)
	}
	lib := s.bench.libraries[strings.TrimPrefix(d.library, "luaroute.")]
	if lib == nil {
		L.RaiseError("%s: no library %q; there are %s", what, d.library, strings.Join(slices.Sorted(maps.Keys(s.bench.libraries)), ", "))
	}
	d.library = strings.TrimPrefix(d.library, "luaroute.")
	if names := functionsOf(lib.Open(L)); !slices.Contains(names, d.name) {
		L.RaiseError("%s: no function %q in the library %s; it has %s", what, d.name, d.library, strings.Join(names, ", "))
	}
	s.bench.doubles = append(s.bench.doubles, d)
	L.Push(&lua.LUserData{Value: d, Metatable: doubleType})
	return 1
}

// functionsOf returns the names of the functions in the table of a library.
func functionsOf(v lua.LValue) (names []string) {
	if table, ok := v.(*lua.LTable); ok {
		table.ForEach(func(k, v lua.LValue) {
			if v.Type() == lua.LTFunction {
				names = append(names, k.String())
			}
		})
	}
	slices.Sort(names)
	return names
}

// doubleType is the metatable of what stub and spy return. It holds Go functions only and is shared by all states.
var doubleType = func() *lua.LTable {
	t := gopher.NewTable(0, 2)
	t.RawSetString("__metatable", lua.LString("stub"))
	t.RawSetString("__index", vm.GoFunc(func(L *lua.LState) int {
		d, ok := L.CheckUserData(1).Value.(*double)
		if !ok {
			L.ArgError(1, "expected what stub or spy has returned")
		}
		switch name := L.CheckString(2); name {
		case "count":
			L.Push(lua.LNumber(len(d.calls)))
		case "calls":
			calls := gopher.NewTable(len(d.calls), 0)
			for _, args := range d.calls {
				list := gopher.NewTable(len(args), 0)
				for i, arg := range args {
					list.RawSetInt(i+1, arg)
				}
				calls.Append(list)
			}
			vm.Charge(L, 100*len(d.calls))
			L.Push(calls)
		default:
			L.RaiseError("a stub has no field %q; it has calls, count", name)
		}
		return 1
	}))
	return t
}()

// valueSize is about what a value takes in a table, in bytes.
const valueSize = 64

// carry copies a value for another virtual machine, and for later: tables with all that is in them. Functions and objects stay what they are.
func carry(L *lua.LState, v lua.LValue) lua.LValue {
	return carried(L, v, map[*lua.LTable]*lua.LTable{})
}

func carryAll(L *lua.LState, all []lua.LValue) []lua.LValue {
	out := make([]lua.LValue, len(all))
	for i, v := range all {
		out[i] = carry(L, v)
	}
	return out
}

func carried(L *lua.LState, v lua.LValue, seen map[*lua.LTable]*lua.LTable) lua.LValue {
	from, ok := v.(*lua.LTable)
	if !ok {
		return v
	}
	if to := seen[from]; to != nil {
		return to
	}
	to := gopher.NewTable(from.Len(), 0)
	seen[from] = to
	from.ForEach(func(k, v lua.LValue) {
		vm.Spend(L, 1)
		vm.Charge(L, valueSize)
		to.RawSet(carried(L, k, seen), carried(L, v, seen))
	})
	return to
}
