package vm

import (
	"fmt"
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// stringFormat is string.format with the directives of Lua 5.1, and no others: those of Go would show its insides.
func stringFormat(L *lua.LState) int {
	format := L.CheckString(1)
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
		out.WriteString(formatOne(L, spec, verb, arg))
		charge(L, out.Len())
	}
	L.Push(lua.LString(out.String()))
	return 1
}

// directive is what stands between % and the letter.
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
		return d.pad(string([]byte{byte(toInteger(checkNumber(L, arg)))}))
	case 'd', 'i':
		return fmt.Sprintf(d.spec('d', "-+ 0"), toInteger(checkNumber(L, arg)))
	case 'u':
		return fmt.Sprintf(d.spec('d', "-0"), unsigned(checkNumber(L, arg)))
	case 'o', 'x', 'X':
		return fmt.Sprintf(d.spec(verb, "-#0"), unsigned(checkNumber(L, arg)))
	case 'e', 'E', 'f', 'g', 'G':
		return d.float(verb, checkNumber(L, arg))
	case 'q':
		return quote(L.CheckString(arg))
	case 's':
		s := L.ToStringMeta(L.Get(arg)).String()
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
	return uint64(toInteger(f))
}

// spec returns the directive for Go, with the flags that mean the same there.
func (d directive) spec(verb byte, flags string) string {
	var out strings.Builder
	out.WriteByte('%')
	for _, f := range []byte(flags) {
		zero := f == '0' && (d.precision >= 0 && verb != 'e' && verb != 'E' && verb != 'f' && verb != 'g' && verb != 'G' ||
			strings.Contains(d.flags, "-"))
		if strings.IndexByte(d.flags, f) >= 0 && !zero {
			out.WriteByte(f)
		}
	}
	if d.width >= 0 {
		fmt.Fprint(&out, d.width)
	}
	if d.precision >= 0 {
		fmt.Fprintf(&out, ".%d", d.precision)
	}
	out.WriteByte(verb)
	return out.String()
}

// float formats as C does, where the precision is 6 by default and the infinite is called inf.
func (d directive) float(verb byte, f float64) string {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		name := strings.TrimPrefix(strings.ToLower(fmt.Sprint(f)), "+")
		if f > 0 && strings.Contains(d.flags, "+") {
			name = "+" + name
		}
		if verb < 'a' {
			name = strings.ToUpper(name)
		}
		return d.pad(name)
	}
	if d.precision < 0 {
		d.precision = 6
	}
	return fmt.Sprintf(d.spec(verb, "-+ #0"), f)
}

// pad fills up with spaces. It counts bytes, as Lua does.
func (d directive) pad(s string) string {
	missing := d.width - len(s)
	switch {
	case missing <= 0:
		return s
	case strings.Contains(d.flags, "-"):
		return s + strings.Repeat(" ", missing)
	}
	return strings.Repeat(" ", missing) + s
}

// quote writes a string so that Lua reads it back.
func quote(s string) string {
	return `"` + strings.NewReplacer("\\", "\\\\", "\"", "\\\"", "\n", "\\\n", "\r", "\\r", "\x00", "\\000").Replace(s) + `"`
}
