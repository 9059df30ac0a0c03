package vm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
)

func TestOnlyTheAllowedGlobalsExist(t *testing.T) {
	t.Parallel()
	var names []string
	list := GoFunc(func(L *lua.LState) int { names = append(names, L.CheckString(1)); return 0 })
	b, _ := newBuilder(Options{Globals: map[string]lua.LValue{"list": list}})
	if err := b.Run(compile(t, `
		for name, value in pairs(_G) do
			list(name)
			if type(value) == "table" and name ~= "_G" then for field in pairs(value) do list(name .. "." .. field) end end
		end`)); err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	want := strings.Fields(`_G _VERSION assert coroutine coroutine.create coroutine.resume coroutine.running coroutine.status
		coroutine.wrap coroutine.yield debug debug.getinfo debug.getmetatable debug.traceback error getmetatable io io.type ipairs keep list load loadstring math math.abs math.acos math.asin math.atan
		math.atan2 math.ceil math.cos math.cosh math.deg math.exp math.floor math.fmod math.frexp math.huge math.ldexp
		math.log math.log10 math.max math.min math.mod math.modf math.pi math.pow math.rad math.random math.randomseed
		math.sin math.sinh math.sqrt math.tan math.tanh next os os.clock os.date os.difftime os.time package package.config package.cpath package.loaded package.path
		package.preload pairs pcall print
		rawequal rawget rawset require select setfenv setmetatable string string.byte string.char string.dump string.find string.format
		string.gfind string.gmatch string.gsub string.len string.lower string.match string.rep string.reverse string.sub
		string.upper table table.concat table.foreach table.foreachi table.getn table.insert table.maxn table.remove
		table.sort tonumber tostring type unpack xpcall`)
	if !slices.Equal(names, want) {
		t.Errorf("got  %v\nwant %v", names, want)
	}
}

func TestAssigningWhatAllRequestsShareIsAnError(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ body, want string }{
		{`x = 1`, `the global "x" is assigned while a request runs`},
		{`known = 1`, `the global "known" is assigned`},
		{`function f() end`, `the global "f" is assigned`},
		{`local a a, x = 1, 2`, `the global "x" is assigned`},
		{`_G.x = 1`, `the global "x" is assigned`},
		{`_G["known"] = 1`, `the global "known" is assigned`},
		{`rawset(_G, "x", 1)`, `the global "x" is assigned`},
		{`assert(loadstring("x = 1"))()`, `the global "x" is assigned`},
		{`string.x = 1`, `the field "x" of string is assigned`},
		{`string.rep = nil`, `the field "rep" of string is assigned`},
		{`function table.x() end`, `the field "x" of table is assigned`},
		{`rawset(string, "x", 1)`, `the field "x" of string is assigned`},
		{`table.insert(string, 1)`, `string cannot be changed this way`},
		{`setmetatable(string, {})`, `protected metatable`},
		{`setmetatable("", {})`, `table expected`},
		{`tool.inner.two = 1`, `the field "two" of tool.inner is assigned`},
		{`tool.x = 1`, `the field "x" of tool is assigned`},
	} {
		t.Run(test.body, func(t *testing.T) {
			t.Parallel()
			img, refs := freeze(t, "known = 0 tool = require('tool') keep(function()\n"+test.body+" end)", Options{Libraries: tools})
			_, err := call(img.NewState(), refs[0])
			if err == nil {
				t.Fatal("no error")
			}
			e := script.AsError(err)
			if !strings.Contains(e.Message, test.want) || e.Line == 0 {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestScriptsMayAssignGlobalsAndLibraryFieldsWhileTheyLoad(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `
		x, y = 1, 2
		function double(n) return n * 2 end
		local m = {}
		function m.f() z = 3 end
		function m:g() self.n = 4 end
		m.f() m:g()
		rawset(_G, "w", 5)
		function string.first(s) return s:sub(1, 1) end
		keep(function() return x + y + z + w + m.n + double(10) .. ("abc"):first() end)`, Options{})
	if got, err := call(img.NewState(), refs[0]); err != nil || got != "35a" {
		t.Errorf("got %q, %v; want 35a", got, err)
	}
}

func TestLoadTakesTextOnly(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, body, want string }{
		{"loadstring runs", `return loadstring("return 1 + 2")()`, "3"},
		{"load joins pieces", `local p = { "return ", "4" } local i = 0 return load(function() i = i + 1 return p[i] end)()`, "4"},
		{"a syntax error", `return select(2, loadstring("x =", "chunk"))`, `[string "chunk"]:1: unexpected symbol near '<eof>'`},
		{"bytecode", `return select(2, loadstring("\27Lua", "=chunk"))`, "chunk: the script is bytecode; only text is allowed"},
		{"a large text", `return select(2, loadstring((" "):rep(70000)))`, "the text is too large to load; allowed are 64 KiB"},
		{"a deep text", `return select(2, loadstring("return " .. ("("):rep(150) .. "1" .. (")"):rep(150)))`, "nil"},
		{"a deep expression", `return (select(2, loadstring("return " .. ("not "):rep(10000) .. "1", "=c")))`, "c:1: chunk has too many syntax levels"},
		{"deep tables", `return (select(2, loadstring("return " .. ("{"):rep(30000) .. ("}"):rep(30000), "@c")))`, "c:1: chunk has too many syntax levels"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got, err := eval(t, test.body); err != nil || got != test.want {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestPrintLogsWithThePlace(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	load(t, "\nprint('a', 1, nil)", Options{Logger: zap.New(core)})
	got := logs.All()
	if len(got) != 1 || got[0].Message != "a\t1\tnil" || got[0].ContextMap()["script"] != "main.lua:2" {
		t.Errorf("got %+v", got)
	}
}

// moduleMap is a source of modules.
type moduleMap map[string]string

func (m moduleMap) Module(_, name string) (*script.Program, error) {
	src, ok := m[name]
	if !ok {
		return nil, nil
	}
	return script.Compile(name+".lua", []byte(src))
}

// tools has a library with a function, a value that has an identity, and a metatable.
var tools = map[string]Library{"tool": LibraryFunc(func(L *lua.LState) lua.LValue {
	t := L.NewTable()
	t.RawSetString("twice", L.NewFunction(func(L *lua.LState) int { L.Push(L.CheckNumber(1) * 2); return 1 }))
	t.RawSetString("null", &lua.LUserData{Metatable: lua.LNil})
	inner := L.NewTable()
	inner.RawSetString("two", lua.LNumber(2))
	t.RawSetString("inner", inner)
	meta := L.NewTable()
	meta.RawSetString("__call", L.NewFunction(func(L *lua.LState) int { L.Push(lua.LString("called")); return 1 }))
	t.Metatable = meta
	return t
})}

func TestRequire(t *testing.T) {
	t.Parallel()
	modules := moduleMap{
		"counter": `local n = 0 return { add = function() n = n + 1 return n end, name = ... }`,
		"silent":  `loaded_silent = true`,
		"outer":   `return require("counter")`,
		"broken":  "\nerror('bad')",
		"syntax":  "x =",
		"a":       `require("b")`,
		"b":       `require("a")`,
	}
	o := Options{Modules: modules, Libraries: tools}
	for _, test := range []struct{ name, src, want string }{
		{"a library", `local t = require("tool") keep(function() return t.twice(4) end)`, "8"},
		{"a library that is first used by a request", `keep(function() return require("tool").twice(4) end)`, "8"},
		{"a library that can be called", `local t = require("tool") keep(function() return t() end)`, "called"},
		{"a value of a library keeps its identity", `local null = require("tool").null keep(function() return tostring(null == require("tool").null) end)`, "true"},
		{"a table in a library", `local t = require("tool") keep(function() for k, v in pairs(t.inner) do return k .. v end end)`, "two2"},
		{"a standard library", `local s = require("string") keep(function() return s.upper("a") end)`, "A"},
		{"a module", `local m = require("counter") keep(function() return m.name .. m.add() end)`, "counter1"},
		{"a module is loaded once", `require("counter").add() keep(function() return require("outer2" and "counter").add() end)`, "2"},
		{"a module of a module", `local m, n = require("outer"), require("counter") keep(function() m.add() return n.add() end)`, "2"},
		{"a module that returns nothing", `local m = require("silent") keep(function() return tostring(m) .. tostring(loaded_silent) end)`, "truetrue"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			img, refs := freeze(t, test.src, o)
			if got, err := call(img.NewState(), refs[0]); err != nil || got != test.want {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
	for _, test := range []struct {
		name, src, script string
		line              int
		want              string
	}{
		{"that is unknown", `require("nothing")`, "main.lua", 1, `module "nothing" is not found; libraries are: tool`},
		{"that fails", `require("broken")`, "broken.lua", 2, "bad"},
		{"with a syntax error", `require("syntax")`, "syntax.lua", 1, "unexpected symbol near '<eof>'"},
		{"in a circle", `require("a")`, "b.lua", 1, "modules require one another: a -> b -> a"},
	} {
		t.Run("a module "+test.name, func(t *testing.T) {
			t.Parallel()
			b, _ := newBuilder(o)
			wantError(t, b.Run(compile(t, test.src)), test.script, test.line, test.want)
		})
	}
	t.Run("a module that was not loaded", func(t *testing.T) {
		t.Parallel()
		img, refs := freeze(t, `keep(function() return require("counter") end)`, o)
		_, err := call(img.NewState(), refs[0])
		wantError(t, err, "main.lua", 1, "require it while the script loads")
	})
}

func TestASourceOfModulesThatFailsIsTheCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("no disk")
	b, _ := newBuilder(Options{Modules: failing{cause}})
	if err := b.Run(compile(t, `require("x")`)); !errors.Is(err, cause) {
		t.Errorf("got %v, want it to wrap %v", err, cause)
	}
}

type failing struct{ err error }

func (f failing) Module(from, name string) (*script.Program, error) {
	return nil, fmt.Errorf("%s for %s: %w", name, from, f.err)
}
