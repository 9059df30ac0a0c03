package stdlib

import (
	"fmt"
	"strings"
)

// libraryCorpus returns calls of library functions other than those that take patterns, and arithmetic with strings.
func libraryCorpus(seed uint64, n int) []string {
	r := newSource(seed)
	kinds := []func() string{
		r.stringCall, r.formatCall, r.formatCall, r.numberCall, r.tableCall, r.tableCall, r.mathCall, r.arithmetic, r.baseCall, r.dateCall,
	}
	corpus := make([]string, n)
	for i := range corpus {
		corpus[i] = kinds[i%len(kinds)]()
	}
	return corpus
}

// args returns 0 to n arguments of a kind; most often n.
func (r source) args(n int, kind func() string) string {
	if r.in(8) {
		n = r.IntN(n + 1)
	}
	all := make([]string, n)
	for i := range all {
		all[i] = kind()
	}
	return strings.Join(all, ",")
}

// index returns what is a place in a text or list. Larger numbers than those of an int have no meaning in C.
func (r source) index() string {
	if r.in(20) {
		return r.wrong()
	}
	return r.one("0", "1", "1", "2", "2", "3", "4", "5", "7", "100", "-1", "-1", "-2", "-3", "-5", "-100", "1.5", "2.9", "-0.5", "-1.5", "'2'", "nil",
		"2147483647", "-2147483648")
}

func (r source) wrong() string {
	return r.one("{}", "true", "false", "nil", "print", "'x'", "''", "'1x'")
}

func (r source) number() string {
	if r.in(25) {
		return r.wrong()
	}
	return r.one("0", "minus0", "1", "-1", "2", "3", "10", "-10", "42", "255", "65", "0.5", "-0.5", "1.5", "-1.5", "2.5", "3.14159265358979", "0.1", "1/3",
		"99.995", "1e5", "1e6", "123456", "1234567", "123456789", "0.0001", "0.00001", "-0.000012345", "1e14", "1e15", "123456789012345", "2^31", "-2^31",
		"2^32+1", "2^53", "1e20", "1e100", "-1e300", "1e-300", "1/0", "-1/0", "0/0", "'10'", "'0x1F'", "' 7 '", "'1e2'", "'-.5'")
}

// integer returns what C can convert into any of its integers.
func (r source) integer() string {
	if r.in(25) {
		return r.wrong()
	}
	return r.one("0", "1", "-1", "2", "7", "8", "10", "42", "-42", "255", "-255", "256", "65535", "1e9", "-1e9", "2^31", "2^32", "2^40", "-2^40", "2^53",
		"-2^53", "3.99", "-3.99", "0.5", "'10'", "'0x10'", "' -3 '", "'2.5'")
}

func (r source) text() string {
	if r.in(20) {
		return r.one("12", "0.5", "-3", "1/0", "1/3", "{}", "nil", "true")
	}
	return luaQuote(r.one("", "a", "ab", "abc", "hello", "Hello World", "ÄöÜ", "\xff\x80", "a\x00b", "\x00", "\r\n\t", "\"q\"\\", "10", " 10 ", "AbCdEfGhIjKlMnOp"))
}

func (r source) stringCall() string {
	switch r.IntN(9) {
	case 0, 1:
		return fmt.Sprintf("string.sub(%s)", joined(r.text(), r.args(2, r.index)))
	case 2, 3:
		return fmt.Sprintf("string.byte(%s)", joined(r.text(), r.args(2, r.index)))
	case 4:
		return fmt.Sprintf("string.rep(%s,%s)", r.text(), r.one("0", "1", "2", "3", "-1", "-5", "2.9", "'2'", "nil", "'x'", "{}", "17", "0.9"))
	case 5:
		return fmt.Sprintf("string.char(%s)", r.args(r.IntN(5), func() string {
			return r.one("0", "1", "65", "97", "127", "128", "255", "256", "-1", "65.5", "'66'", "nil", "'x'", "300", "10")
		}))
	case 6:
		return fmt.Sprintf("string.%s(%s)", r.one("len", "reverse", "lower", "upper"), r.args(1, r.text))
	case 7:
		return fmt.Sprintf("(%s)..(%s)", r.text(), r.text())
	}
	return fmt.Sprintf("(%s)%s(%s)", r.text(), r.one("<", "<=", ">", ">=", "==", "~="), r.text())
}

func joined(first, rest string) string {
	if rest == "" {
		return first
	}
	return first + "," + rest
}

func (r source) formatCall() string {
	var format, args strings.Builder
	for range 1 + r.IntN(2) {
		format.WriteString(r.one("", "", "x", " ", "%%", ":", "\xff", "é"))
		format.WriteString("%")
		for range r.IntN(3) {
			format.WriteString(r.one("-", "+", " ", "#", "0"))
		}
		format.WriteString(r.one("", "", "1", "5", "8", "12", "20"))
		format.WriteString(r.one("", "", "", ".", ".0", ".1", ".3", ".10", ".14", ".20"))
		verb, arg := r.directive()
		format.WriteString(verb)
		if !r.in(50) {
			args.WriteString("," + arg)
		}
	}
	if r.in(60) {
		format.WriteString(r.one("%", "%5", "%.", "%123d", "%.123f", "%------d", "%l", "%v", "%1%"))
	}
	return fmt.Sprintf("format(%s%s)", luaQuote(format.String()), args.String())
}

// directive returns the letter of a directive, and an argument for it. The real %c and %s end at a zero.
func (r source) directive() (verb, arg string) {
	switch verb = r.one("c", "d", "i", "u", "o", "x", "X", "e", "E", "f", "g", "G", "g", "f", "q", "s", "s", "d"); verb {
	case "c":
		return verb, r.one("65", "97", "255", "128", "10", "37", "65.5", "'66'", "nil", "'x'", "256+65", "1")
	case "d", "i", "u", "o", "x", "X":
		return verb, r.integer()
	case "q":
		return verb, r.text()
	case "s":
		return verb, "tostring(" + strings.ReplaceAll(r.text(), `\000`, "0") + "~=nil and 12.5 or 'text')"
	}
	if arg = r.number(); arg == "0/0" {
		arg = "1/0" // the sign of nan depends on the machine
	}
	return verb, arg
}

func (r source) numberCall() string {
	text := r.one("0", "1", "10", "-10", "+5", "+-5", "--5", "- 5", "5.", ".5", ".", "-.", "-", "+", "", " ", "1e3", "1E3", "1e+3", "1e-3", "1e", "e1", "1e1.5",
		"0x10", "0X1f", "-0x10", "+0xff", "0x", "0xg", "0x 1", "x10", "010", "0b11", "0o17", "1_000", "0x1_0", "1 2", "1,5", "12a", "1e400", "-1e400",
		"1e-400", "0x1p4", "0x.8", "0x1.8", "0xA.8p1", "0x1p", "ffff", "FF", "zz", "Zz", "777", "8", "9", "1.5", "9007199254740993",
		"123456789012345678901234567890", "0xffffffffffffffff", "0x1ffffffffffffffff", "ffffffffffffffff", "fffffffffffffffff", "é", "0.1e1f", "1f",
		"1d", "1l", "0x1e3", "1e0x1", "1..2", "00", "-0", "--", "true", "nil", "_", "0_1", "1e5_0", "infinit", "in", "na")
	text = r.one("", "", "", " ", "\t", "\n", "  ", "\v", "\f\r", "\xa0") + text + r.one("", "", "", " ", "\n", "\t ", "\xa0", "x")
	if r.in(3) {
		if strings.Contains(text, "-") {
			text = "1" // a negative number in a base is listed
		}
		return fmt.Sprintf("tonumber(%s,%s)", luaQuote(text),
			r.one("10", "16", "2", "8", "36", "37", "1", "0", "-1", "16.5", "'16'", "nil", "'x'", "{}", "3"))
	}
	if r.in(6) {
		return fmt.Sprintf("tonumber(%s)", r.one("12", "0.1", "{}", "nil", "true", "print", "12,16", "12,2", "1.5,10", "'7',8,9", ""))
	}
	return fmt.Sprintf("tonumber(%s)", luaQuote(text))
}

func (r source) list() string {
	return r.one("{}", "{1}", "{1,2}", "{1,2,3}", "{3,1,2}", "{'a','b','c','d'}", "{5,4,3,2,1,0}", "{'b',1}", "{1,'a',2.5}", "{true}", "{{}}",
		"{n=1}", "{1,2,x=5,[2.5]=1}", "{[0]=9,1,2}", "{[-1]=8,7}", "{0.1,1/3}", "{'10','9',' 8'}", "{1,2,3,4,5,6,7,8,9,10,11,12}", "{1,1,1}", "{[1.5]=1}")
}

func (r source) tableCall() string {
	switch r.IntN(9) {
	case 0:
		return fmt.Sprintf("concat(%s)", joined(r.list(), r.one("", "','", "'', 1", "', ',2", "'-',1,2", "'-',2,1", "1,1,1", "nil,-1,1", "'x',0,1", "{}",
			"'',1,nil", "';','1','2'", "'',2,100", "'',1.9,2.9")))
	case 1, 2:
		return fmt.Sprintf("after(insert,%s)", joined(r.list(), r.one("", "9", "1,9", "2,9", "3,'x'", "0,9", "-1,9", "-2,9", "7,9", "nil", "1,nil", "'2',9", "1.9,9",
			"1,2,3", "{},1", "nil,1", "9,9", "3,nil")))
	case 3:
		return fmt.Sprintf("after(table.remove,%s)", joined(r.list(), r.one("", "1", "2", "3", "0", "-1", "9", "nil", "'1'", "1.5", "{}")))
	case 4:
		return fmt.Sprintf("after(table.sort,%s)", joined(r.list(), r.one("", "nil", "function(a,b) return a>b end", "function(a,b) return tostring(a)<tostring(b) end",
			"{}", "error")))
	case 5:
		return fmt.Sprintf("unpack(%s)", joined(r.list(), r.args(2, func() string {
			return r.one("1", "2", "3", "0", "-1", "5", "nil", "'2'", "1.5")
		})))
	case 6:
		return fmt.Sprintf("table.%s(%s)", r.one("maxn", "maxn", "getn"), r.one(r.list(), "{1,2,nil,4}", "{[1e9]=1}", "{[2.5]=1}", "nil", "'x'", "{[-5]=1}"))
	case 7:
		return fmt.Sprintf("select(%s)", joined(r.one("'#'", "1", "2", "-1", "-2", "5", "0", "-9", "'2'", "1.9", "nil", "{}", "'x'"), r.args(r.IntN(4), r.number)))
	}
	return fmt.Sprintf("table.%s(%s,%s)", r.one("foreach", "foreachi"), r.list(), r.one("function(k,v) if v==2 then return k end end", "none", "nil", "error"))
}

func (r source) mathCall() string {
	switch r.IntN(8) {
	case 0:
		return fmt.Sprintf("math.%s(%s)", r.one("fmod", "mod", "pow", "atan2"), r.args(2, r.number))
	case 1:
		return fmt.Sprintf("math.%s(%s)", r.one("max", "min"), r.args(r.IntN(4), r.number))
	case 2:
		return fmt.Sprintf("math.ldexp(%s,%s)", r.number(), r.one("0", "1", "-1", "10", "1.5", "'2'", "2000", "-2000", "nil", "'x'"))
	case 3:
		return fmt.Sprintf("math.random(%s)", r.one("1", "1,1", "5,5", "-3,-3", "0", "2,1", "-1", "'1'", "1.9", "nil", "{}", "1,nil", "1,2,3", "'x'"))
	case 4:
		return r.one("math.huge", "-math.huge", "math.pi", "math.huge==1/0", "math.fmod(-6,4)", "math.modf(-0.5)", "math.modf(1/0)", "math.modf(-1/0)",
			"math.fmod(5,1/0)", "math.floor(-0.5)", "math.ceil(-0.5)", "math.frexp(0)", "math.frexp(1/0)", "math.frexp(0/0)")
	}
	return fmt.Sprintf("about(math.%s(%s))", r.one("abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "deg", "exp", "floor", "frexp", "log", "log10", "modf", "rad",
		"sin", "sinh", "sqrt", "tan", "tanh"), r.args(1, r.number))
}

// dateCall formats times in UTC: others depend on the place.
func (r source) dateCall() string {
	at := r.one("0", "-1", "86399", "86400", "951782400", "1e9", "1704067200", "1704499200", "1735603200", "1735689599", "1.5", "'10'", "4102444800",
		"-86400*365", "nil,{}", "{}", "'x'")
	if at == "nil,{}" {
		return fmt.Sprintf("os.difftime(%s)", r.args(2, func() string { return r.one("0", "1", "-5", "1e9", "'7'", "nil", "{}") }))
	}
	if r.in(5) {
		return fmt.Sprintf("os.date('!*t',%s).%s", at, r.one("year", "month", "day", "hour", "min", "sec", "wday", "yday", "isdst", "other"))
	}
	var format strings.Builder
	for range r.IntN(4) {
		format.WriteString(r.one("%a", "%A", "%b", "%B", "%c", "%d", "%D", "%e", "%F", "%h", "%H", "%I", "%j", "%m", "%M", "%p", "%r", "%R", "%S", "%T",
			"%U", "%w", "%W", "%x", "%X", "%y", "%Y", "%Z", "%%", " ", "-", "é"))
	}
	return fmt.Sprintf("os.date(%s,%s)", luaQuote("!"+format.String()), at)
}

// arithmetic has strings among its operands; a modulo by an infinite number is listed.
func (r source) arithmetic() string {
	operand := func() string {
		return r.one("'10'", "'010'", "'0x10'", "' 3 '", "'1e1'", "'-2'", "'.5'", "''", "'x'", "'1_000'", "'0b1'", "'0o7'", "2", "-3", "0.5", "{}", "nil", "true",
			"setmetatable({},{__add=swap,__sub=join,__mul=join,__div=none,__mod=join,__pow=join,__unm=join})", "'\\t7\\n'", "'08'", "'1 2'", "'+4'")
	}
	if r.in(6) {
		return fmt.Sprintf("-(%s)", r.one("'10'", "'010'", "'x'", "' 3 '", "'0b1'", "{}", "nil", "setmetatable({},{__unm=tostring})~=nil", "'1_000'", "'-0x10'"))
	}
	return fmt.Sprintf("(%s)%s(%s)", operand(), r.one("+", "-", "*", "/", "%", "^"), operand())
}

func (r source) baseCall() string {
	switch r.IntN(4) {
	case 0:
		return fmt.Sprintf("tostring(%s)", r.one("0.1", "0.1+0.2", "1/3", "-1.5", "1e-5", "1e100", "-1e300", "123.456", "12345678901234", "-99999999999999", "minus0", "1/0", "-1/0",
			"1e-310", "0.1+1e5", "1e5/3", "nil", "true", "'a\\000b'", "", "2^31", "1.5e300", "99.99999999999999", "123456.78901234567", "setmetatable({},{__tostring=none})",
			"setmetatable({},{__tostring=function() return 'x' end})", "setmetatable({},{__tostring=function() return 5 end})"))
	case 1:
		return fmt.Sprintf("type(%s)", r.args(1, r.number))
	case 2:
		return fmt.Sprintf("(%s)..''", r.one("0.1+0.2", "1/3", "1/0", "-1/0", "1e100", "2.5", "minus0", "12", "1e5/3", "'a'..1/3"))
	}
	return r.one("rawequal(1,1)", "rawequal('a','a')", "rawequal()", "rawget({5},1)", "#'a\\000b'", "next({})", "assert(1,2)", "assert(nil)", "assert(false,'m')",
		"pcall(error)", "pcall(error,nil)", "pcall(error,{})", "select('#',pcall(error,1,2))", "next({7})", "assert()", "tostring()", "type()", "unpack()",
		"rawlen", "1<'2'", "'a'<'b'", "'a'<'\\000'", "'\\255'<'a'", "'a\\000b'=='a\\000c'", "nil==false", "1=='1'", "'Z'<'a'", "''<'a'", "'a\\000b'<'a\\000c'",
		"rawset({},1,2)~=nil", "pcall(rawset,{},nil,1)", "tonumber('1','x')", "-2^2", "2^-1", "5%3", "-5%3", "5%-3", "-5%-3", "5.5%2", "-0.5%1", "1%0", "1/0>0")
}
