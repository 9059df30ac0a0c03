// Package value reads and writes the numbers and strings of Lua as Lua 5.1 does. gopher-lua's own functions do it as Go does: "010"
// would be 8, and a number that is no integer would be refused where Lua cuts its fraction off.
package value

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
)

// maxNumber is the length of the longest string that is read as a number, since reading cannot be interrupted.
const maxNumber = 1000

// space is what Lua accepts as white space around a number.
const space = " \t\n\v\f\r"

// ParseNumber reads a number as tonumber does, with white space around it, and in a base from 2 to 36.
func ParseNumber(text string, base int) (number float64, ok bool) {
	if len(text) > maxNumber {
		return 0, false
	}
	text = strings.Trim(text, space)
	if base == 10 {
		return script.ParseNumber(text)
	}
	digits, negative := strings.CutPrefix(text, "-")
	if !negative {
		digits = strings.TrimPrefix(text, "+")
	}
	if base == 16 && (strings.HasPrefix(digits, "0x") || strings.HasPrefix(digits, "0X")) {
		digits = digits[2:]
	}
	n, ok := parseDigits(digits, uint64(base))
	if negative {
		return -float64(n), ok
	}
	return float64(n), ok
}

// parseDigits reads digits of any base. As in C, a number that is too large becomes the largest.
func parseDigits(digits string, base uint64) (n uint64, ok bool) {
	for _, c := range []byte(digits) {
		digit := base
		switch {
		case c >= '0' && c <= '9':
			digit = uint64(c - '0')
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			digit = uint64(c|0x20-'a') + 10
		}
		if digit >= base {
			return 0, false
		}
		if n > (math.MaxUint64-digit)/base {
			n = math.MaxUint64
		} else {
			n = n*base + digit
		}
	}
	return n, digits != ""
}

// AppendNumber writes a number as Lua does, with at most 14 digits, but a whole one with all of its digits: it may be a key
// or a time.
func AppendNumber(out []byte, f float64) []byte {
	switch {
	case f != f:
		return append(out, "nan"...)
	case math.IsInf(f, 0):
		if f < 0 {
			out = append(out, '-')
		}
		return append(out, "inf"...)
	case f == 0 && math.Signbit(f):
		return append(out, "-0"...)
	case f >= math.MinInt64 && f < math.MaxInt64 && f == math.Trunc(f):
		return strconv.AppendInt(out, int64(f), 10)
	}
	return strconv.AppendFloat(out, f, 'g', 14, 64)
}

// String returns a string, or a number as one; ok reports whether the value is one of them.
func String(v lua.LValue) (s string, ok bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		return string(AppendNumber(nil, float64(v))), true
	}
	return "", false
}

// CheckString returns an argument that is a string, or a number as one.
func CheckString(L *lua.LState, n int) string {
	s, ok := String(L.Get(n))
	if !ok {
		L.TypeError(n, lua.LTString)
	}
	return s
}

// Number returns a number, or the one that a string is; ok reports whether the value is one of them.
func Number(v lua.LValue) (f float64, ok bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), true
	case lua.LString:
		return ParseNumber(string(v), 10)
	}
	return 0, false
}

// CheckNumber returns an argument that is a number, or a string that is one.
func CheckNumber(L *lua.LState, n int) float64 {
	f, ok := Number(L.Get(n))
	if !ok {
		L.TypeError(n, lua.LTNumber)
	}
	return f
}

// Integer cuts the fraction off. Numbers that no integer can hold become the nearest one.
func Integer(f float64) int64 {
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

// CheckInt returns an integer argument.
func CheckInt(L *lua.LState, n int) int { return int(Integer(CheckNumber(L, n))) }

// OptString returns an argument that is a string, or a number as one, or a default.
func OptString(L *lua.LState, n int, otherwise string) string {
	if L.Get(n) == lua.LNil {
		return otherwise
	}
	return CheckString(L, n)
}

// OptInt returns an integer argument, or a default.
func OptInt(L *lua.LState, n, otherwise int) int {
	if L.Get(n) == lua.LNil {
		return otherwise
	}
	return CheckInt(L, n)
}
