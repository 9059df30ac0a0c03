package re_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/lib/internal/libtest"
	"github.com/luaroute/caddy-luaroute/luaroute/lib/re"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

var world = libtest.World{Name: "re", Library: re.Library{}}

type row = libtest.Row

var check = world.Check

func TestAPatternIsFound(t *testing.T) {
	t.Parallel()
	check(t, []row{
		{"without groups the match is the whole one", `re.match("abc 123", "\\d+")`, "123"},
		{"groups", `re.match("key = value", "(\\w+)\\s*=\\s*(\\w+)")`, "key value"},
		{"a group that took no part is false", `re.match("b", "(a)?(b)")`, "false b"},
		{"an empty group is an empty text", `#re.match("b", "(a*)b")`, "0"},
		{"a pattern that is not there", `re.match("abc", "\\d")`, "nil"},
		{"alternatives", `re.match("/v2/users", "^/(v1|v2)/(users|orders)$")`, "v2 users"},
		{"any case", `re.match("HELLO", "(?i)hello")`, "HELLO"},
		{"characters of UTF-8", `re.match("grün!", "^gr(.)n"), re.match("grün!", "\\pL+")`, "ü grün"},
		{"bytes that are none", `re.match("a\255b", "a(.)b") == "\255"`, "true"},
		{"from a place on", `re.match("a1b2", "\\d", 3), re.match("a1b2", "\\d", -1), re.match("a1b2", "\\d", 100), re.match("a1b2", "\\d", -100)`, "2 2 nil 1"},
		{"^ is the place", `re.match("ab", "^b", 2)`, "b"},
		{"where it begins and ends", `re.find("hello world", "o\\s")`, "5 6"},
		{"with groups", `re.find("key=value", "(\\w)=(\\w)")`, "3 5 y v"},
		{"from a place on where it is", `re.find("a1b2", "\\d", 3)`, "4 4"},
		{"nothing is found at once", `re.find("abc", "")`, "1 0"},
		{"nowhere", `re.find("abc", "x")`, "nil"},
		{"nothing at the end", `re.find("abc", "$", 4)`, "4 3"},
		{"the literal is not the match", `re.find("ab abc", "abc")`, "4 6"},
		{"a match as a table", `re.captures("v2-beta", "(?P<version>v\\d)-(\\w+)(x)?")[0], re.captures("v2-beta", "(?P<version>v\\d)-(\\w+)(x)?").version, re.captures("v2", "(v)(x)?")[2], #re.captures("v2", "(v)(x)?")`, "v2-beta v2 false 2"},
		{"no match is no table", `re.captures("x", "(?P<version>v\\d)")`, "nil"},
		{"an escaped text", `re.escape("1.5 (a+b)"), re.match("1.5 (a+b)", "^" .. re.escape("1.5 (a+b)") .. "$"), re.match("1x5", re.escape("1.5"))`, `1\.5 \(a\+b\) 1.5 (a+b) nil`},
	})
}

func TestAllMatchesAreGoneThrough(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, call, want string }{
		{"whole matches", `re.gmatch("a1 b22 c", "\\d+")`, "1;22;"},
		{"groups", `re.gmatch("a=1, b=2", "(\\w+)=(\\w+)")`, "a,1;b,2;"},
		{"empty matches", `re.gmatch("ab", "")`, ";;;"},
		{"no empty match behind another", `re.gmatch("abc", "b*")`, ";b;;"},
		{"^ matches once", `re.gmatch("aaa", "^a")`, "a;"},
		{"^ of each line", `re.gmatch("a\nb\n", "(?m)^\\w")`, "a;b;"},
		{"words begin where the text says", `re.gmatch("foo bar", "\\b\\w")`, "f;b;"},
		{"characters of UTF-8", `re.gmatch("äö", ".??")`, ";;;"},
		{"a compiled pattern", `re.compile("\\w"):gmatch("a b")`, "a;b;"},
		{"nothing", `re.gmatch("abc", "x")`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got, err := world.Call(t, `local out = "" for a, b in `+row.call+` do out = out .. a .. (b and "," .. b or "") .. ";" end return out`)
			if err != nil || got != row.want {
				t.Errorf("got %s, %v; want %s", got, err, row.want)
			}
		})
	}
}

func TestMatchesAreReplaced(t *testing.T) {
	t.Parallel()
	check(t, []row{
		{"by a text", `re.gsub("hello world", "o", "0")`, "hell0 w0rld 2"},
		{"some of them", `re.gsub("aaa", "a", "b", 2)`, "bba 2"},
		{"none of them", `re.gsub("aaa", "a", "b", 0)`, "aaa 0"},
		{"by a number", `re.gsub("aaa", "a", 1)`, "111 3"},
		{"by groups", `re.gsub("key=value", "(\\w+)=(\\w+)", "$2=$1")`, "value=key 1"},
		{"by groups with digits behind", `re.gsub("ab", "(a)(b)", "${2}0")`, "b0 1"},
		{"by groups with letters behind", `re.gsub("ab", "(a)(b)", "$2x")`, "bx 1"},
		{"by names", `re.gsub("v2", "v(?P<n>\\d)", "version ${n}")`, "version 2 1"},
		{"by the whole match and a dollar", `re.gsub("5", "\\d", "$$$0")`, "$5 1"},
		{"by a group that took no part", `re.gsub("b", "(a)?b", "[$1]")`, "[] 1"},
		{"by a table", `re.gsub("abc", "\\w", { a = "1", b = 2, c = false })`, "12c 3"},
		{"by a table and the first group", `re.gsub("$a $b", "\\$(\\w)", { a = "x" })`, "x $b 2"},
		{"by a table and no group", `re.gsub("b", "(a)?b", { a = "x" })`, "b 1"},
		{"by a table that makes its fields", `re.gsub("ab", "\\w", setmetatable({}, { __index = function(_, k) return k .. k end }))`, "aabb 2"},
		{"by a function", `re.gsub("abc", "\\w", function(c) if c == "b" then return "X" end end)`, "aXc 3"},
		{"by a function of groups", `re.gsub("a1b2", "(\\w)(\\d)", function(l, d) return d .. l end)`, "1a2b 2"},
		{"where they are empty", `(re.gsub("abc", "", "-")), (re.gsub("abc", "b*", "-"))`, "-a-b-c- -a-c-"},
		{"at the beginning only", `re.gsub("aaa", "^a", "b")`, "baa 1"},
		{"at the beginning of words", `re.gsub("one two", "\\b\\w", string.upper)`, "One Two 2"},
		{"nowhere", `re.gsub("abc", "x", "y")`, "abc 0"},
	})
}

func TestATextIsSplit(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, call, want string }{
		{"at commas", `re.split("a, b,c", ",\\s*")`, "3:a|b|c"},
		{"into pieces that are empty", `re.split(",a,,", ",")`, "4:|a||"},
		{"into two", `re.split("a,b,c", ",", 2)`, "2:a|b,c"},
		{"into one", `re.split("a,b,c", ",", 1)`, "1:a,b,c"},
		{"nowhere", `re.split("abc", ",")`, "1:abc"},
		{"between characters", `re.split("aöb", "")`, "3:a|ö|b"},
		{"when it is empty", `re.split("", ",")`, "1:"},
		{"by a compiled pattern", `re.compile("[ ]+"):split("a  b")`, "2:a|b"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got, err := world.Call(t, "local list = "+row.call+` return #list .. ":" .. table.concat(list, "|")`)
			if err != nil || got != row.want {
				t.Errorf("got %s, %v; want %s", got, err, row.want)
			}
		})
	}
}

func TestACompiledPatternHasTheSameMethods(t *testing.T) {
	t.Parallel()
	check(t, []row{
		{"match", `re.compile("(\\w)(\\d)"):match("a1")`, "a 1"},
		{"match from a place on", `re.compile("\\d"):match("1 2", 2)`, "2"},
		{"find", `re.compile("\\d"):find("a1")`, "2 2"},
		{"captures", `re.compile("(?P<d>\\d)"):captures("a1").d`, "1"},
		{"gsub", `re.compile("\\d"):gsub("a1", "x")`, "ax 1"},
		{"its text", `re.compile("\\d"), getmetatable(re.compile("x"))`, `re: \d re`},
	})
}

func TestACompiledPatternAndAnIteratorComeWithTheScript(t *testing.T) {
	t.Parallel()
	img, ref := world.Image(t, `local digits, each = re.compile("\\d+"), re.gmatch("a b c", "\\w")
		keep(function() return digits:match("a12") .. each() .. each() end)`)
	for range 2 { // each state has an iterator of its own
		s := img.NewState()
		if got, err := libtest.Text(s, s.Call(s.Func(ref), 1)); err != nil || got != "12ab" {
			t.Errorf("got %s, %v; want 12ab", got, err)
		}
	}
}

func TestAFunctionThatReplacesMayWait(t *testing.T) {
	t.Parallel()
	got, err := world.Call(t, `local out = re.gsub("abc", "\\w", function(c)
		return (re.gsub(c, ".", function(d) return d .. re.match("x", ".") end))
	end) return out`)
	if err != nil || got != "axbxcx" {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestWrongArgumentsRaise(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ call, want string }{
		{`re.match("x", "(")`, `the pattern "(" is malformed: missing closing )`},
		{`re.match("x", "a**")`, `the pattern "a**" is malformed: invalid nested repetition operator "**"`},
		{`re.gmatch("x", "[b-a]")`, `the pattern "[b-a]" is malformed: invalid character class range "b-a"`},
		{`re.compile("(?=x)")`, `the pattern "(?=x)" is malformed: invalid or unsupported Perl syntax "(?="`},
		{`re.match("x", "\\1")`, `the pattern "\\1" is malformed: invalid escape sequence`},
		{`re.match("x", "(x{1000}){1000}")`, `the pattern "(x{1000}){1000}" is malformed: invalid repeat count "{1000}"`},
		{`re.match("x", "\\pL{900}")`, `the pattern "\\pL{900}" would take 9`},
		{`re.match("x", ("x"):rep(2049))`, `the pattern has 2049 bytes; allowed are 2048`},
		{`re.match("x", ("(x)"):rep(101))`, `has 101 groups; allowed are 100`},
		{`re.match("x")`, `bad argument #2 to 'match' (pattern: string expected, got no value)`},
		{`re.match({}, "x")`, `bad argument #1 to 'match' (s: string expected, got table)`},
		{`re.match("x", "x", "y")`, `bad argument #3 to 'match' (init: number expected, got string)`},
		{`re.gsub("x", "x")`, `bad argument #3 to 'gsub' (replacement: number or string or table or function expected, got no value)`},
		{`re.gsub("x", "x", "$1")`, `the replacement names the group "1"; allowed are 0 to 0 and the names []`},
		{`re.gsub("x", "(?P<a>x)", "${b}")`, `the replacement names the group "b"; allowed are 0 to 1 and the names ["a"]`},
		{`re.gsub("x", "x", "a$")`, `invalid $ in the replacement; allowed are $1, ${1}, ${name} and $$`},
		{`re.gsub("x", "x", "$a")`, `invalid $ in the replacement; allowed are $1, ${1}, ${name} and $$`},
		{`re.gsub("x", "x", "${a")`, `the replacement names the group "a"; allowed are 0 to 0 and the names []`},
		{`re.gsub("x", "x", ("$0"):rep(3000))`, `the replacement has more than 1000 references to groups`},
		{`re.gsub("x", "x", function() return {} end)`, `invalid replacement value (a table)`},
		{`re.gsub(("x"):rep(1000), "x", ("y"):rep(20000))`, `the string is too large; allowed are 16777216 bytes`},
		{`re.escape(("."):rep(2 ^ 23 + 1))`, `the string is too large; allowed are 16777216 bytes`},
		{`re.split("x", "x", 0)`, `bad argument #3 to 'split' (n: expected at least one piece)`},
		{`re.compile("x").match("x", "x")`, `bad argument #1 to 'match' (compiled pattern expected, got string; methods are called with a colon)`},
		{`re.compile("x"):test("x")`, `a compiled pattern has no method "test"; it has captures, find, gmatch, gsub, match, split`},
		{`(function() re.compile("x").match = 1 end)()`, `a compiled pattern has no field to assign`},
	} {
		if _, err := world.Eval(t, row.call); err == nil || !strings.Contains(err.Error(), row.want) || !strings.HasPrefix(err.Error(), "main.lua:1: ") {
			t.Errorf("%s: got %v, want %s", row.call, err, row.want)
		}
	}
}

func TestAScriptCanNotWorkBeyondItsBudgetWithPatterns(t *testing.T) {
	t.Parallel()
	world.EndWithTheBudget(t, map[string]string{
		"short searches":                      `while true do re.match("x", "x") end`,
		"one search of a long text":           `local s = ("a"):rep(2 ^ 24) re.match(s, "(?:a?){200}b") while true do end`,
		"a search with many groups":           `local s = ("a"):rep(2 ^ 20) while true do re.match(s, ("(a?)"):rep(90) .. "b") end`,
		"a search that tries every place":     `local s = ("a"):rep(2 ^ 20) while true do re.gsub(s, "a.*z|a", "b") end`,
		"a literal that is not there":         `local s = ("a"):rep(2 ^ 20) while true do re.match(s, "ab") end`,
		"a literal with the match far behind": `local s = ("a"):rep(2 ^ 20) while true do re.match(s, "a[^b]*b") end`,
		"a search inside pcall":               `local s = ("a"):rep(2 ^ 22) while true do pcall(re.match, s, "(a|aa)+$x") end`,
		"walking":                             `local s = ("a"):rep(2 ^ 22) for _ in re.gmatch(s, "\\b|a") do end while true do end`,
		"splitting":                           `local s = ("a,"):rep(2 ^ 20) while true do re.split(s, ",") end`,
		"replacing by a long text":            `local r = ("r"):rep(10000) while true do re.gsub(("a"):rep(1000), "a", r) end`,
		"replacing by a function":             `while true do re.gsub("aaa", "a", function() re.gsub("b", "b", "c") end) end`,
		"new patterns":                        `local i = 0 while true do i = i + 1 re.compile("^\\pL{50}\\b" .. i) end`,
		"malformed patterns":                  `local p = ("\\pL"):rep(600) .. "(" while true do pcall(re.compile, p) end`,
		"patterns of many classes":            `local p = "[" .. ("\\PL"):rep(600) .. "]" local i = 0 while true do i = i + 1 re.compile(p .. i) end`,
		"escaping":                            `local s = ("."):rep(2 ^ 20) while true do re.escape(s) end`,
	})
}

func TestALongSearchEndsSoonAfterItsBudget(t *testing.T) {
	t.Parallel()
	s, ref := world.State(t, `local s = ("a"):rep(2 ^ 24) keep(function() re.match(s, "(?:a?){500}b") end)`) // to its end it would take minutes
	s.Arm(vm.Limits{CPU: 50 * time.Millisecond}, t.Context())
	took := testkit.Ran(func() {
		if err := s.Call(s.Func(ref), 0); !errors.Is(err, vm.ErrBudget) {
			t.Errorf("got %v, want the end of the budget", err)
		}
	})
	if took > 30*time.Second {
		t.Errorf("50ms took %v", took)
	}
}
