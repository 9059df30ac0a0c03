package stdlib

import (
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// arithmetic is what strings do in arithmetic, as fields of their metatable. gopher-lua would read their numbers as Go does:
// "010" would be 8.
var arithmetic = map[string]*lua.LFunction{
	"__add": binary("__add", func(a, b float64) float64 { return a + b }),
	"__sub": binary("__sub", func(a, b float64) float64 { return a - b }),
	"__mul": binary("__mul", func(a, b float64) float64 { return a * b }),
	"__div": binary("__div", func(a, b float64) float64 { return a / b }),
	"__mod": binary("__mod", func(a, b float64) float64 { return a - math.Floor(a/b)*b }),
	"__pow": binary("__pow", math.Pow),
	"__unm": binary("__unm", func(a, _ float64) float64 { return -a }),
}

// binary calculates with two operands, of which one is a string. If they are not both numbers, the other one's metatable
// decides, as it would if strings had none. The one operand of __unm is there twice.
func binary(event string, calculate func(a, b float64) float64) *lua.LFunction {
	return vm.StandardFunc(func(L *lua.LState) int {
		left, right := L.Get(1), L.Get(L.GetTop())
		a, ok1 := value.Number(left)
		b, ok2 := value.Number(right)
		if ok1 && ok2 {
			L.Push(lua.LNumber(calculate(a, b)))
			return 1
		}
		for _, operand := range []lua.LValue{left, right} {
			if _, ok := operand.(lua.LString); ok {
				continue
			}
			if fn := L.GetMetaField(operand, event); fn != lua.LNil {
				L.Push(fn)
				L.Push(left)
				L.Push(right)
				L.Call(2, 1)
				return 1
			}
		}
		if ok1 {
			left = right
		}
		L.RaiseError("attempt to perform arithmetic on a %s value", left.Type())
		return 0
	})
}
