package stdlib

import (
	"context"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// The expected values are those of the reference implementation of Lua 5.1.
func TestTheStringLibraryIsThatOfLua51(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ expr, want string }{
		{`("abc"):byte()`, "97"},
		{`select('#', ("abc"):byte(1, -1))`, "3"},
		{`select('#', ("abc"):byte(10))`, "0"},
		{`select('#', ("abc"):byte(0))`, "0"},
		{`string.char(72, 105)`, "Hi"},
		{`("hello"):sub(2, 3)`, "el"},
		{`("hello"):sub(-3)`, "llo"},
		{`("hello"):sub(-100, 2)`, "he"},
		{`("hello"):sub(4, 2)`, ""},
		{`("hello"):sub(0)`, "hello"},
		{`("hello"):sub(2, 100)`, "ello"},
		{`("ÄaÖ"):lower()`, "ÄaÖ"},
		{`("ÄaÖ"):upper()`, "ÄAÖ"},
		{`("abc"):rep(3)`, "abcabcabc"},
		{`("abc"):rep(-1)`, ""},
		{`("abc"):reverse()`, "cba"},
		{`#("a\0b")`, "3"},
		{`"x" .. ("ab"):gsub("a", "c")`, "xcb"},
		{`(function(...) return "x" .. ... end)("a", "b")`, "xa"},
		{`("hello"):find("l")`, "3"},
		{`("hello"):find("xyz")`, "nil"},
		{`("hello"):find("")`, "1"},
		{`("hello"):find("", 6)`, "6"},
		{`("hello"):find("", 10)`, "6"},
		{`("a.b"):find(".", 1, true)`, "2"},
		{`("a.b"):find(".", -1)`, "3"},
		{`table.concat({("key = value"):find("^(%w+)%s*=%s*(%w+)$")}, ",")`, "1,11,key,value"},
		{`table.concat({("abc"):find("b()")}, ",")`, "2,2,3"},
		{`("key=value"):match("(%w+)=")`, "key"},
		{`("  trim  "):match("^%s*(.-)%s*$")`, "trim"},
		{`("2024-05-06"):match("%d+-(%d+)")`, "05"},
		{`("THE (quick) fox"):match("%((%a+)%)")`, "quick"},
		{`("f(a(b)c)d"):match("%b()")`, "(a(b)c)"},
		{`("THE fox"):gsub("%f[%a]%a+", "w")`, "w w"},
		{`("x-y"):match("[%w-]+")`, "x-y"},
		{`("]"):match("[]]")`, "]"},
		{`("^"):match("[x^]")`, "^"},
		{`("abc"):match("[^a]+")`, "bc"},
		{`("aXb"):match("%u")`, "X"},
		{`("a\0b"):match("%z") == "\0"`, "true"},
		{`("aa"):match("(a)%1")`, "a"},
		{`("abab"):match("^(ab)+$")`, "nil"},
		{`("hello world"):gsub("o", "0")`, "hell0 w0rld"},
		{`select(2, ("hello world"):gsub("o", "0"))`, "2"},
		{`("hello"):gsub("", "-")`, "-h-e-l-l-o-"},
		{`("abc"):gsub("%w", "%0%0")`, "aabbcc"},
		{`("abc"):gsub("%w", "%%")`, "%%%"},
		{`("hello world"):gsub("(%w+) (%w+)", "%2 %1")`, "world hello"},
		{`("abc"):gsub("%w", { a = "1", b = true and 2 })`, "12c"},
		{`("abc"):gsub("%w", function(c) if c == "b" then return "X" end end)`, "aXc"},
		{`("abc"):gsub("b*", "-")`, "-a--c-"},
		{`("aaa"):gsub("a", "b", 2)`, "bba"},
		{`("aaa"):gsub("^a", "b")`, "baa"},
		{`("abc"):gsub("()", "%1")`, "1a2b3c4"},
		{`(function() local r = {} for k, v in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do r[#r + 1] = k .. v end return table.concat(r, ";") end)()`, "a1;b2"},
		{`(function() local n = 0 for _ in ("abc"):gmatch("") do n = n + 1 end return n end)()`, "4"},
		{`string.format("%5d|%-5d|%05d", 42, 42, 42)`, "   42|42   |00042"},
		{`string.format("%+d % d", 3, 3)`, "+3  3"},
		{`string.format("%.3d", 5)`, "005"},
		{`string.format("%d", 3.99)`, "3"},
		{`string.format("%d", "10")`, "10"},
		{`string.format("%x %X %o", 255, 255, 8)`, "ff FF 10"},
		{`string.format("%x", -1)`, "ffffffffffffffff"},
		{`string.format("%#x", 255)`, "0xff"},
		{`string.format("%5.1f|%.0f", 3.14159, 2.5)`, "  3.1|2"},
		{`string.format("%f", 1)`, "1.000000"},
		{`string.format("%g %g %g", 1e20, 0.1, 100000)`, "1e+20 0.1 100000"},
		{`string.format("%g", 1e6)`, "1e+06"},
		{`string.format("%e", 12345.678)`, "1.234568e+04"},
		{`string.format("%g", 1/0)`, "inf"},
		{`string.format("%5.2s|", "abc")`, "   ab|"},
		{`string.format("%-5s|", "ab")`, "ab   |"},
		{`string.format("%c%c", 72, 105)`, "Hi"},
		{`string.format("%q", 'a "b"\n\\')`, "\"a \\\"b\\\"\\\n\\\\\""},
		{`string.format("%s %s", "a", 1)`, "a 1"},
		{`string.format("100%%")`, "100%"},
		{`tonumber("1e3")`, "1000"},
		{`tonumber("  12  ")`, "12"},
		{`tonumber("0x1F")`, "31"},
		{`tonumber("-0x10")`, "-16"},
		{`tonumber("010")`, "10"},
		{`tonumber("1_000")`, "nil"},
		{`tonumber("inf")`, "nil"},
		{`tonumber("nan")`, "nil"},
		{`tonumber("")`, "nil"},
		{`tonumber("1 2")`, "nil"},
		{`tonumber("ff", 16)`, "255"},
		{`tonumber("zz", 36)`, "1295"},
		{`tonumber("8", 8)`, "nil"},
		{`tonumber(".5")`, "0.5"},
		{`tonumber("5.")`, "5"},
		{`tonumber({})`, "nil"},
		{`table.concat({1, 2, 3}, ",", 2)`, "2,3"},
		{`table.concat({}, ",")`, ""},
		{`table.concat({1, 2, 3}, ",", 3, 2)`, ""},
		{`(function() local t = {1, 2, 3} table.insert(t, 2, 9) return table.concat(t, ",") end)()`, "1,9,2,3"},
		{`(function() local t = {1, 2, 3} return table.remove(t, 1) .. #t end)()`, "12"},
		{`(function() local t = {3, 1, 2} table.sort(t, function(a, b) return a > b end) return table.concat(t) end)()`, "321"},
		{`table.maxn({1, 2, [100] = 3})`, "100"},
		{`select('#', unpack({1, 2, nil, 4}, 1, 4))`, "4"},
		{`1 .. 2 .. "x" .. 1.5`, "12x1.5"},
		{`setmetatable({}, { __concat = function(a, b) return b end }) .. "x" .. "y"`, "xy"},
		{`"a" .. setmetatable({}, { __concat = function(a, b) return a .. "!" end })`, "a!"},
		{`#setmetatable({}, { __concat = function(a, b) return { 1, 2 } end }) .. "x"`, "0x"},
		{`#(setmetatable({}, { __concat = function(a, b) return { 1, 2 } end }) .. "x")`, "2"},
		{`math.random(5, 5)`, "5"},
		{`math.huge == 1/0`, "true"},
	} {
		t.Run(test.expr, func(t *testing.T) {
			t.Parallel()
			got, err := eval(t, "return (tostring("+test.expr+"))")
			if err != nil || got != test.want {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestMisuseOfTheStringLibraryIsAnErrorOfLua(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ expr, want string }{
		{`string.format("%d", "x")`, "bad argument #2 to 'format' (number expected, got string)"},
		{`string.format("%v", {})`, "invalid option '%v' to 'format'"},
		{`string.format("%#v", {})`, "invalid option '%v' to 'format'"},
		{`string.format("%T", 1)`, "invalid option '%T' to 'format'"},
		{`string.format("%")`, "invalid option '%' to 'format'"},
		{`string.format("%d")`, "no value"},
		{`string.format("%123d", 1)`, "width or precision too long"},
		{`("x"):rep(1e9)`, "too large"},
		{`("x"):find("[a")`, "missing ']'"},
		{`("x"):find("%")`, "ends with '%'"},
		{`("x"):find("(x")`, "unfinished capture"},
		{`("x"):find("(x))")`, "invalid pattern capture"},
		{`("x"):find("%1")`, "invalid capture index"},
		{`("x"):gsub("x", "%1%2")`, "invalid capture index"},
		{`("x"):gsub("x", function() return {} end)`, "invalid replacement value (a table)"},
		{`(("x"):rep(300)):find(("x?"):rep(300))`, "pattern too complex"},
		{`unpack({}, 1, 1e8)`, "too many results"},
		{`string.char(256)`, "invalid value"},
		{`"a" .. nil`, "attempt to concatenate a nil value"},
		{`"a" .. {} .. "b"`, "attempt to concatenate a table value"},
		{`math.random(0)`, "interval is empty"},
		{`table.concat({{}})`, "invalid value (table) at index 1"},
		{`tonumber("1", 99)`, "base out of range"},
	} {
		t.Run(test.expr, func(t *testing.T) {
			t.Parallel()
			got, err := eval(t, "return "+test.expr)
			if err == nil {
				t.Fatalf("got %q, want an error", got)
			}
			wantError(t, err, "main.lua", 1, test.want)
		})
	}
}

func TestAStringThatIsTooLargeIsAnErrorOfLua(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`local s = "x" while true do s = s .. s end`,
		`local s = "x" while true do s = s:gsub("x", "xxxx") end`,
		`local s = "x" while true do s = string.format("%s%s", s, s) end`,
		`local s = "x" while true do s = table.concat({ s, s }) end`,
		`local s = "x" while true do s = s:rep(2) end`,
	} {
		img, refs := freeze(t, "keep(function() "+body+" end)", vm.Options{})
		s := img.NewState()
		s.Arm(vm.Limits{CPU: time.Hour}, context.Background())
		_, err := call(s, refs[0])
		wantError(t, err, "main.lua", 1, "too large")
	}
}
