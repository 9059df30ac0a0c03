package vm

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// space is what Lua takes for white space around a number.
const space = " \t\n\v\f\r"

// parseNumber reads a number as tonumber does. It returns nil for a text that is none.
func parseNumber(text string, base int) lua.LValue {
	text = strings.Trim(text, space)
	if strings.ContainsRune(text, '_') { // Go's own syntax
		return lua.LNil
	}
	digits, negative := strings.CutPrefix(text, "-")
	if !negative {
		digits = strings.TrimPrefix(text, "+")
	}
	hex := strings.HasPrefix(digits, "0x") || strings.HasPrefix(digits, "0X")
	switch {
	case hex && (base == 10 || base == 16):
		digits, base = digits[2:], 16
	case base == 10:
		return parseFloat(text)
	}
	n, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return lua.LNil
	}
	if negative {
		return -lua.LNumber(n)
	}
	return lua.LNumber(n)
}

func parseFloat(text string) lua.LValue {
	if strings.ContainsAny(text, "iInNpPxX") { // inf, nan and hexadecimal fractions
		return lua.LNil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) {
		return lua.LNil
	}
	return lua.LNumber(f)
}

// checkNumber returns an argument that is a number, or a text that is one.
func checkNumber(L *lua.LState, n int) float64 {
	switch v := L.Get(n).(type) {
	case lua.LNumber:
		return float64(v)
	case lua.LString:
		if f, ok := parseNumber(string(v), 10).(lua.LNumber); ok {
			return float64(f)
		}
	}
	L.TypeError(n, lua.LTNumber)
	return 0
}

// toInteger cuts the fraction off. Numbers that no integer can hold become the nearest one.
func toInteger(f float64) int64 {
	switch {
	case f != f:
		return 0
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(f)
}

// checkInt returns an integer argument.
func checkInt(L *lua.LState, n int) int { return int(toInteger(checkNumber(L, n))) }

// optInt returns an integer argument, or a default.
func optInt(L *lua.LState, n, otherwise int) int {
	if L.Get(n) == lua.LNil {
		return otherwise
	}
	return checkInt(L, n)
}

// mathLibrary is gopher-lua's, except for random, which panics on an empty interval.
func mathLibrary() map[string]lua.LGFunction {
	library := map[string]lua.LGFunction{}
	for name, fn := range native[lua.MathLibName] {
		library[name] = fn
	}
	library["random"] = mathRandom
	library["randomseed"] = func(*lua.LState) int { return 0 } // states are copies: a seed would not mean anything
	return library
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
	low, high, last := int64(1), toInteger(checkNumber(L, 1)), 1
	if L.GetTop() > 1 {
		low, high, last = high, toInteger(checkNumber(L, 2)), 2
	}
	if low > high || high == math.MaxInt64 || low == math.MinInt64 {
		L.ArgError(last, "interval is empty or too large")
	}
	L.Push(lua.LNumber(low + int64(rand.Uint64N(uint64(high)-uint64(low)+1))))
	return 1
}
