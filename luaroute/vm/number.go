package vm

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// maxNumber is the length of the longest text that is a number: reading one can not be interrupted.
const maxNumber = 1000

// space is what Lua takes for white space around a number.
const space = " \t\n\v\f\r"

// parseNumber reads a number as tonumber does. It returns nil for a text that is none.
func parseNumber(text string, base int) lua.LValue {
	if len(text) > maxNumber {
		return lua.LNil
	}
	text = strings.Trim(text, space)
	digits, negative := strings.CutPrefix(text, "-")
	if !negative {
		digits = strings.TrimPrefix(text, "+")
	}
	hex := strings.HasPrefix(digits, "0x") || strings.HasPrefix(digits, "0X")
	switch {
	case base == 10 && hex:
		return parseHex(text)
	case base == 10:
		return parseDecimal(text)
	case base == 16 && hex:
		digits = digits[2:]
	}
	n, ok := parseDigits(digits, uint64(base))
	switch {
	case !ok:
		return lua.LNil
	case negative:
		return -lua.LNumber(n)
	}
	return lua.LNumber(n)
}

// parseDigits reads digits of any base. As in C, a number that is too large becomes the largest.
func parseDigits(digits string, base uint64) (n uint64, ok bool) {
	for _, c := range []byte(digits) {
		digit := base
		switch {
		case isDigit(c):
			digit = uint64(c - '0')
		case isLetter(c):
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

// parseHex reads a hexadecimal number. It may have a fraction, and an exponent of two.
func parseHex(text string) lua.LValue {
	if !strings.ContainsAny(text, "pP") {
		text += "p0" // Go asks for it
	}
	return parseFloat(text)
}

// parseDecimal reads a decimal number. What Go and C read besides, inf and nan, is none.
func parseDecimal(text string) lua.LValue {
	if strings.ContainsAny(text, "iInN") {
		return lua.LNil
	}
	return parseFloat(text)
}

// parseFloat reads a number, but not with the underscores of Go. One that is too large is infinite.
func parseFloat(text string) lua.LValue {
	f, err := strconv.ParseFloat(text, 64)
	if strings.IndexByte(text, '_') >= 0 || err != nil && !math.IsInf(f, 0) {
		return lua.LNil
	}
	return lua.LNumber(f)
}

// appendNumber writes a number as Lua does, with at most 14 digits, but a whole one with all of its digits: it may be a key
// or a time.
func appendNumber(out []byte, f float64) []byte {
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

// stringOf returns a string, or a number as one; ok says whether the value is one of them.
func stringOf(v lua.LValue) (s string, ok bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		return string(appendNumber(nil, float64(v))), true
	}
	return "", false
}

// textOf returns what tostring shows.
func textOf(L *lua.LState, v lua.LValue) string {
	if s, ok := stringOf(v); ok {
		return s
	}
	return L.ToStringMeta(v).String()
}

// checkString returns an argument that is a string, or a number as one.
func checkString(L *lua.LState, n int) string {
	s, ok := stringOf(L.Get(n))
	if !ok {
		L.TypeError(n, lua.LTString)
	}
	return s
}

// toNumber returns a number, or the one that a string is; ok says whether the value is one of them.
func toNumber(v lua.LValue) (f float64, ok bool) {
	if s, ok := v.(lua.LString); ok {
		v = parseNumber(string(s), 10)
	}
	n, ok := v.(lua.LNumber)
	return float64(n), ok
}

// checkNumber returns an argument that is a number, or a string that is one.
func checkNumber(L *lua.LState, n int) float64 {
	f, ok := toNumber(L.Get(n))
	if !ok {
		L.TypeError(n, lua.LTNumber)
	}
	return f
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

// optString returns an argument that is a string, or a number as one, or a default.
func optString(L *lua.LState, n int, otherwise string) string {
	if L.Get(n) == lua.LNil {
		return otherwise
	}
	return checkString(L, n)
}

// optInt returns an integer argument, or a default.
func optInt(L *lua.LState, n, otherwise int) int {
	if L.Get(n) == lua.LNil {
		return otherwise
	}
	return checkInt(L, n)
}
