package script

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// What the compiler of gopher-lua gets wrong besides; 100,000 functions more are compared with the real Lua in the package vm.
func TestAProgramDoesWhatItsTextSays(t *testing.T) {
	t.Parallel()
	items := func(n int, last string) string { return strings.Repeat("7, ", n) + last }
	for _, test := range []struct{ name, src, want string }{
		{
			"the last parameter gets a concatenation",
			`local function f(p) if p:sub(1, 1) ~= "/" then p = "/" .. p end return p end return f("a") .. f("/b")`, "/a/b",
		},
		{"the last parameter gets a call in brackets", `local function f(s) local t = "t" s = (s:gsub("a", "b")) return s .. t end return f("aa")`, "bbt"},
		{"a value of ... keeps the variables behind", `local function f(a, b, ...) a = ... return a .. b end return f(1, 2, 3)`, "32"},
		{"a key after 50 items", `local t = { ` + items(50, "x = tostring(8)") + ` } return t[1] .. t.x`, "78"},
		{"values of a call after 50 items", `local t = { ` + items(50, "(function() return 8, 9 end)()") + ` } return t[1] .. t[50] .. t[51] .. t[52]`, "7789"},
		{"30,000 items", `local t = { ` + items(30_000, "8") + ` } return #t .. t[1] .. t[30001]`, "3000178"},
		{"a break closes the variables of inner blocks", `
			local f while true do local x = 1 if x then local y = 2 f = function() return y end break end end
			local a, b, c = 8, 9, 10 return f()`, "2"},
		{"a function does not see the local that it is assigned to", `f = 1 local f = function() return f end return f()`, "1"},
		{"010 is ten, and 1e999 infinite", `return 010 .. tostring(1e999 == 2 * 1e999)`, "10true"},
		{"a loop that begins with a break", `local n = 0 repeat repeat break until true n = n + 1 until n == 3 return n`, "3"},
		{"goto is a name, too", `local goto = 1 goto = goto + 1 return goto`, "2"},
		{"goto continue", `local n = 0 for i = 1, 4 do if i % 2 == 0 then goto continue end n = n + i ::continue:: end return n`, "4"},
		{"goto leaves a variable its functions", `
			local x = 1 local f = function() return x end goto a ::a:: x = 2 return f()`, "2"},
		{"goto back closes a variable", `
			local fs, i = {}, 0 ::top:: local v = i fs[#fs + 1] = function() return v end i = i + 1
			if i < 3 then goto top end return fs[1]() .. fs[2]() .. fs[3]()`, "012"},
		{"goto out of nested blocks", `
			local f for i = 1, 3 do for j = 1, 3 do local v = i * j f = function() return v end if v == 4 then goto out end end end
			::out:: local a, b, c, d, e, g = 1, 2, 3, 4, 5, 6 return f()`, "4"},
		{"a label that is there again in an inner block", `goto a do ::a:: end ::a:: return 5`, "5"},
		{"empty statements", `;; local x = 1;; return x;`, "1"},
		{"a byte order mark", "\ufeffreturn 7", "7"},
		{"a byte order mark before a line for the shell", "\ufeff#!/usr/bin/lua\nreturn 8", "8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := result(t, test.src); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestAGotoThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"goto a":                               "main.lua:1: no visible label 'a' for <goto> at line 1",
		"do ::a:: end\ngoto a":                 "main.lua:2: no visible label 'a' for <goto> at line 2",
		"goto a\nlocal x\n::a:: return x":      "main.lua:1: <goto a> at line 1 jumps into the scope of local 'x'",
		"::a::\n::a::":                         "main.lua:2: label 'a' already defined on line 1",
		"::a:: return function() goto a end":   "main.lua:1: no visible label 'a' for <goto> at line 1",
		"repeat goto a local x ::a:: until x":  "main.lua:1: <goto a> at line 1 jumps into the scope of local 'x'",
		"#!only the first line of a file\nx =": "main.lua:2: unexpected symbol near '<eof>'",
	} {
		if _, err := Compile("main.lua", []byte(src)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", src, err, want)
		}
	}
	if _, err := CompileLoaded("main.lua", []byte("# no file")); err == nil {
		t.Error("a text that is no file may begin with a line for the shell")
	}
}

// Nobody counts what the compiler does, so it must not take more than its time for any text.
func TestTheTimeOfACompilationIsInProportionToTheText(t *testing.T) {
	t.Parallel()
	const n = 100_000
	repeated := func(text string) string { return strings.Repeat(text, n) }
	numbered := func(format string) string {
		var out strings.Builder
		for i := range n {
			fmt.Fprintf(&out, format, i)
		}
		return out.String()
	}
	for name, src := range map[string]string{
		"different texts":        "return {" + numbered("'%d',") + "}",
		"a long and":             "return " + repeated("a and ") + "a",
		"a long or":              "x = " + repeated("a.b or ") + "a",
		"a condition":            "if " + repeated("a == 1 and b or ") + "c then end",
		"many elseifs":           "if a then " + repeated("elseif b then x() ") + "end",
		"many breaks":            "while a do " + repeated("if a then break end ") + "end",
		"many labels":            numbered("do goto a%d end ") + numbered("::a%d:: "),
		"one label, many gotos":  repeated("do goto a end ") + "::a::",
		"functions":              "local a " + repeated("f(function() return a end) "),
		"scopes":                 repeated("do local a = 1 end "),
		"globals in deep blocks": strings.Repeat("do local a, b, c ", 60) + repeated("x = y ") + strings.Repeat("end ", 60),
	} {
		took := testkit.Ran(func() {
			if _, err := Compile("main.lua", []byte(src)); err != nil && !strings.Contains(err.Error(), "control structure too long") {
				t.Errorf("%s: %v", name, err)
			}
		})
		if took > 20*time.Second { // of the square it would be minutes
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func TestALoadedTextIsCalledAsInLua(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100)
	for name, want := range map[string]string{
		"=name": "name", "@dir/file.lua": "dir/file.lua", "return 1": `[string "return 1"]`, "a\nb": `[string "a..."]`, "": `[string ""]`,
		"=" + long: long[:59], "@" + long: "..." + long[:52], long: `[string "` + long[:43] + `..."]`,
	} {
		if got := ChunkName(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
