package stdlib

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/value"
)

// stringFormat is string.format with the directives of Lua 5.1, and no others: those of Go would reveal its internals.
func stringFormat(L *lua.LState) int {
	format := value.CheckString(L, 1)
	var out strings.Builder
	arg := 1
	for i := 0; i < len(format); {
		if format[i] != '%' {
			end := strings.IndexByte(format[i:], '%')
			if end < 0 {
				end = len(format) - i
			}
			out.WriteString(format[i : i+end])
			i += end
			continue
		}
		if strings.HasPrefix(format[i:], "%%") {
			out.WriteByte('%')
			i += 2
			continue
		}
		spec, verb, next := parseDirective(L, format, i+1)
		i = next
		arg++
		if arg > L.GetTop() {
			L.ArgError(arg, "no value")
		}
		before := out.Len()
		out.WriteString(formatOne(L, spec, verb, arg))
		vm.Spend(L, 1+(out.Len()-before)/8) // the digits of a number that is very large or small take some 10 ns each
		vm.CheckSize(L, out.Len())
	}
	vm.ChargeString(L, out.Len())
	L.Push(lua.LString(out.String()))
	return 1
}

// directive is what is between % and the letter.
type directive struct {
	flags            string
	width, precision int // -1: none
}

// parseDirective reads flags, width, precision and letter.
func parseDirective(L *lua.LState, format string, i int) (d directive, verb byte, next int) {
	start := i
	for i < len(format) && strings.IndexByte("-+ #0", format[i]) >= 0 {
		i++
	}
	if d.flags = format[start:i]; len(d.flags) > 5 {
		L.RaiseError("invalid format (repeated flags)")
	}
	d.width, i = parseTwoDigits(format, i)
	d.precision = -1
	if i < len(format) && format[i] == '.' {
		if d.precision, i = parseTwoDigits(format, i+1); d.precision < 0 {
			d.precision = 0
		}
	}
	switch {
	case i >= len(format):
		L.RaiseError("%s", "invalid option '%' to 'format'")
	case isDigit(format[i]):
		L.RaiseError("invalid format (width or precision too long)")
	}
	return d, format[i], i + 1
}

func parseTwoDigits(s string, i int) (n, next int) {
	n = -1
	for k := 0; k < 2 && i < len(s) && isDigit(s[i]); k++ {
		n = max(n, 0)*10 + int(s[i]-'0')
		i++
	}
	return n, i
}

func formatOne(L *lua.LState, d directive, verb byte, arg int) string {
	switch verb {
	case 'c':
		return d.pad(string([]byte{byte(value.Integer(value.CheckNumber(L, arg)))}))
	case 'd', 'i':
		n := value.Integer(value.CheckNumber(L, arg))
		if n < 0 {
			return d.digits("-", strconv.FormatUint(-uint64(n), 10))
		}
		return d.digits(d.sign(), strconv.FormatInt(n, 10))
	case 'u':
		return d.digits("", strconv.FormatUint(unsigned(value.CheckNumber(L, arg)), 10))
	case 'o', 'x', 'X':
		return d.based(verb, unsigned(value.CheckNumber(L, arg)))
	case 'e', 'E', 'f', 'g', 'G':
		return d.float(verb, value.CheckNumber(L, arg))
	case 'q':
		s := value.CheckString(L, arg)
		vm.CheckSize(L, len(s))
		vm.ChargeString(L, len(s)*2)
		return quote(s)
	case 's':
		s := textOf(L, L.Get(arg))
		if d.precision >= 0 && d.precision < len(s) {
			s = s[:d.precision]
		}
		return d.pad(s)
	}
	L.RaiseError("invalid option '%%%c' to 'format'; allowed are c d i u o x X e E f g G q s %%", verb)
	return ""
}

// unsigned is the conversion of C: a negative number wraps around.
func unsigned(f float64) uint64 {
	if f >= math.MaxInt64 {
		return uint64(f)
	}
	return uint64(value.Integer(f))
}

func (d directive) has(flag string) bool { return strings.Contains(d.flags, flag) }

// sign returns what precedes a number that is not negative.
func (d directive) sign() string {
	switch {
	case d.has("+"):
		return "+"
	case d.has(" "):
		return " "
	}
	return ""
}

// based formats in octal or hexadecimal, with # as C would read the number.
func (d directive) based(verb byte, n uint64) string {
	switch {
	case verb == 'o':
		digits := strconv.FormatUint(n, 8)
		switch {
		case d.has("#") && n != 0 && d.precision <= len(digits):
			return d.digits("0", digits)
		case d.has("#") && d.precision == 0:
			d.precision = 1
		}
		return d.digits("", digits)
	case !d.has("#") || n == 0:
		return d.digits("", hexDigits(verb, n))
	}
	return d.digits("0"+string(rune(verb)), hexDigits(verb, n))
}

func hexDigits(verb byte, n uint64) string {
	if verb == 'X' {
		return strings.ToUpper(strconv.FormatUint(n, 16))
	}
	return strconv.FormatUint(n, 16)
}

// digits pads the digits of an integer to the precision, or else to the width. A precision of 0 writes nothing for 0.
func (d directive) digits(prefix, digits string) string {
	least := d.precision
	if least < 0 && d.has("0") && !d.has("-") {
		least = d.width - len(prefix)
	}
	if d.precision == 0 && digits == "0" {
		digits = ""
	}
	return d.pad(prefix + strings.Repeat("0", max(0, least-len(digits))) + digits)
}

// float formats as C does, where the precision is 6 by default and the infinite is called inf.
func (d directive) float(verb byte, f float64) string {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		name := string(value.AppendNumber(nil, math.Abs(f)))
		if f < 0 {
			name = "-" + name
		} else {
			name = d.sign() + name
		}
		if verb < 'a' {
			name = strings.ToUpper(name)
		}
		return d.pad(name)
	}
	if d.precision < 0 {
		d.precision = 6
	}
	spec := []byte{'%'}
	for _, flag := range []byte("-+ #0") {
		if d.has(string(flag)) && (flag != '0' || !d.has("-")) {
			spec = append(spec, flag)
		}
	}
	return fmt.Sprintf(string(spec)+"*.*"+string(verb), max(d.width, 0), d.precision, f)
}

// pad pads with spaces. It counts bytes, as Lua does.
func (d directive) pad(s string) string {
	missing := d.width - len(s)
	switch {
	case missing <= 0:
		return s
	case d.has("-"):
		return s + strings.Repeat(" ", missing)
	}
	return strings.Repeat(" ", missing) + s
}

// quote writes a string so that Lua reads it back.
func quote(s string) string {
	return `"` + strings.NewReplacer("\\", "\\\\", "\"", "\\\"", "\n", "\\\n", "\r", "\\r", "\x00", "\\000").Replace(s) + `"`
}
