package stdlib

import (
	"math"
	"math/rand/v2"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// mathLibrary is gopher-lua's, with strings read as Lua reads numbers, except for random, which panics on an empty interval,
// modf, which is wrong for infinite numbers, and mod, which is the old name of fmod.
func mathLibrary() map[string]lua.LGFunction {
	library := map[string]lua.LGFunction{}
	for name, fn := range gopher.Functions(lua.OpenMath) {
		library[name] = withNumbers(fn)
	}
	library["mod"] = library["fmod"]
	library["modf"] = mathModf
	library["random"] = mathRandom
	library["randomseed"] = func(*lua.LState) int { return 0 } // states are copies: a seed would not mean anything
	return library
}

// withNumbers turns arguments that are strings of numbers into numbers. Others become empty, which gopher-lua takes for no
// number either.
func withNumbers(fn lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		for i := 1; i <= L.GetTop(); i++ {
			text, ok := L.Get(i).(lua.LString)
			if !ok {
				continue
			}
			if n, ok := value.ParseNumber(string(text), 10); ok {
				L.Replace(i, lua.LNumber(n))
			} else {
				L.Replace(i, lua.LString(""))
			}
		}
		return fn(L)
	}
}

func mathModf(L *lua.LState) int {
	whole, fraction := math.Modf(value.CheckNumber(L, 1))
	if math.IsInf(whole, 0) {
		fraction = 0
	}
	L.Push(lua.LNumber(whole))
	L.Push(lua.LNumber(fraction))
	return 2
}

func mathConstants(table *lua.LTable) {
	table.RawSetString("pi", lua.LNumber(math.Pi))
	table.RawSetString("huge", lua.LNumber(math.Inf(1)))
}

func mathRandom(L *lua.LState) int {
	if L.GetTop() == 0 {
		L.Push(lua.LNumber(rand.Float64()))
		return 1
	}
	low, high, last := int64(1), value.Integer(value.CheckNumber(L, 1)), 1
	if L.GetTop() > 1 {
		low, high, last = high, value.Integer(value.CheckNumber(L, 2)), 2
	}
	if L.GetTop() > 2 {
		L.RaiseError("wrong number of arguments")
	}
	if low > high || high == math.MaxInt64 || low == math.MinInt64 {
		L.ArgError(last, "interval is empty or too large")
	}
	L.Push(lua.LNumber(low + int64(rand.Uint64N(uint64(high)-uint64(low)+1))))
	return 1
}
