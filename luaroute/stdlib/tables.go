package stdlib

import (
	"sort"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// valueSize is the memory of a value in a list, in bytes.
const valueSize = 16

// tableLibrary is the table library of Lua 5.1.
var tableLibrary = map[string]lua.LGFunction{
	"concat":   tableConcat,
	"foreach":  tableForeach,
	"foreachi": tableForeachi,
	"getn":     tableGetn,
	"insert":   tableInsert,
	"maxn":     tableMaxn,
	"remove":   tableRemove,
	"sort":     tableSort,
}

// checkList returns a table that a script may change.
func checkList(L *lua.LState) *lua.LTable { return vm.Writable(L, L.CheckTable(1)) }

// item returns what is at a place of a table, which may be outside of its list.
func item(table *lua.LTable, i int) lua.LValue {
	if i >= 1 && i < lua.MaxArrayIndex {
		return table.RawGetInt(i)
	}
	return table.RawGet(lua.LNumber(i))
}

func tableGetn(L *lua.LState) int {
	L.Push(lua.LNumber(vm.Length(L, L.CheckTable(1))))
	return 1
}

// tableMaxn returns the largest positive number that is a key.
func tableMaxn(L *lua.LState) int {
	table := vm.Readable(L, L.CheckTable(1))
	largest := lua.LNumber(table.MaxN())
	vm.Spend(L, vm.Length(L, table)/8+len(gopher.Keys(table))/8)
	start := lua.LValue(lua.LNil)
	if largest > 0 {
		start = largest // after the array
	}
	for k, _ := table.Next(start); k != lua.LNil; k, _ = table.Next(k) {
		if n, ok := k.(lua.LNumber); ok && n > largest {
			largest = n
		}
	}
	L.Push(largest)
	return 1
}

func tableConcat(L *lua.LState) int {
	table, sep := L.CheckTable(1), value.OptString(L, 2, "")
	from, to := value.OptInt(L, 3, 1), value.OptInt(L, 4, vm.Length(L, table))
	var out strings.Builder
	for i := from; i <= to; i++ {
		v := item(table, i)
		text, ok := value.String(v)
		if !ok {
			L.RaiseError("invalid value (%s) at index %d in table for 'concat'", v.Type(), i)
		}
		vm.Spend(L, 1+(len(sep)+len(text))/64)
		vm.CheckSize(L, out.Len()+len(sep)+len(text))
		if i > from {
			out.WriteString(sep)
		}
		out.WriteString(text)
		if i == to {
			break // to may be the largest integer
		}
	}
	vm.ChargeString(L, out.Len())
	L.Push(lua.LString(out.String()))
	return 1
}

func tableInsert(L *lua.LState) int {
	table := checkList(L)
	size := vm.Length(L, table)
	switch L.GetTop() {
	case 2:
		table.RawSetInt(size+1, L.Get(2))
	case 3:
		pos := value.CheckInt(L, 2) // Lua 5.1 takes any
		for i := size; i >= pos; i-- {
			if i%16 == 0 {
				vm.Spend(L, 1)
			}
			table.RawSetInt(i+1, item(table, i))
		}
		vm.RawSet(L, table, lua.LNumber(pos), L.Get(3))
	default:
		L.RaiseError("wrong number of arguments to 'insert'")
	}
	return 0
}

func tableRemove(L *lua.LState) int {
	table := checkList(L)
	size := vm.Length(L, table)
	pos := value.OptInt(L, 2, size)
	if pos < 1 || pos > size {
		return 0
	}
	vm.Spend(L, (size-pos)/16)
	L.Push(table.RawGetInt(pos))
	for i := pos; i < size; i++ {
		table.RawSetInt(i, table.RawGetInt(i+1))
	}
	table.RawSetInt(size, lua.LNil)
	return 1
}

// sorter sorts values with Lua's < or a function.
type sorter struct {
	L      *lua.LState
	less   *lua.LFunction
	values []lua.LValue
}

func (s *sorter) Len() int { return len(s.values) }

func (s *sorter) Swap(i, j int) { s.values[i], s.values[j] = s.values[j], s.values[i] }

func (s *sorter) Less(i, j int) bool {
	vm.Spend(s.L, 1)
	if s.less == nil {
		return vm.LessThan(s.L, s.values[i], s.values[j])
	}
	s.L.Push(s.less)
	s.L.Push(s.values[i])
	s.L.Push(s.values[j])
	s.L.Call(2, 1)
	less := lua.LVAsBool(s.L.Get(-1))
	s.L.Pop(1)
	return less
}

// tableSort sorts a copy and writes it back, so an error in the middle leaves the table as it was.
func tableSort(L *lua.LState) int {
	table := checkList(L)
	size := vm.Length(L, table)
	vm.Spend(L, size/8)
	s := sorter{L: L, values: make([]lua.LValue, size)}
	if L.Get(2) != lua.LNil {
		s.less = L.CheckFunction(2)
	}
	for i := range s.values {
		s.values[i] = table.RawGetInt(i + 1)
	}
	vm.Hold(L, len(s.values)*valueSize)
	sort.Sort(&s)
	vm.Hold(L, -(len(s.values) * valueSize))
	for i, v := range s.values {
		table.RawSetInt(i+1, v)
	}
	return 0
}

func tableForeach(L *lua.LState) int {
	table, fn := vm.Readable(L, L.CheckTable(1)), L.CheckFunction(2)
	for k, v := table.Next(lua.LNil); k != lua.LNil; k, v = table.Next(k) {
		if visit(L, fn, k, v) {
			return 1
		}
	}
	return 0
}

func tableForeachi(L *lua.LState) int {
	table, fn := L.CheckTable(1), L.CheckFunction(2)
	for i := 1; i <= vm.Length(L, table); i++ {
		if visit(L, fn, lua.LNumber(i), table.RawGetInt(i)) {
			return 1
		}
	}
	return 0
}

// visit calls a function. A result that is not nil ends the loop, and is left on the stack.
func visit(L *lua.LState, fn *lua.LFunction, k, v lua.LValue) bool {
	vm.Spend(L, 1)
	L.Push(fn)
	L.Push(k)
	L.Push(v)
	L.Call(2, 1)
	if L.Get(-1) != lua.LNil {
		return true
	}
	L.Pop(1)
	return false
}
