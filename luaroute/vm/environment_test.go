package vm

import (
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

func TestATextMayHaveAnEnvironmentOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, body, want string }{
		{"setfenv of loadstring", `local env = { x = "in" } local f = setfenv(loadstring("y = x .. 1 return y"), env) return f() .. env.y .. tostring(y)`, "in1in1nil"},
		{"load with an environment", `local env = {} load("x = 1", "name", "t", env)() return tostring(env.x) .. tostring(x)`, "1nil"},
		{"an environment that reads the globals", `local env = setmetatable({}, { __index = _G }) return load("return tostring(#string.rep('x', 3))", "n", "t", env)()`, "3"},
		{"functions in it have it, too", `local env = {} load("function f() return z end z = 5", "n", "t", env)() return env.f()`, "5"},
		{"nothing but the fields is in it", `local env = {} load("a = 1 .. 2", "n", "t", env)() local n = 0 for k in pairs(env) do n = n + 1 end return n`, "1"},
		{"the globals are the usual environment", `local f = setfenv(loadstring("return type(pairs)"), _G) return f()`, "function"},
		{"a metatable guards it", `local env = setmetatable({}, { __newindex = function(t, k, v) rawset(t, k, v .. "!") end }) load("x = 'v'", "n", "t", env)() return env.x`, "v!"},
		{"a template engine", `
			local function compile(text)
				local code = "local _o = {} " .. text:gsub("([^<]*)<%%(=?)(.-)%%>", function(before, out, expr)
					return ("_o[#_o+1]=%q "):format(before) .. (out == "=" and "_o[#_o+1]=tostring(" .. expr .. ") " or expr .. " ")
				end) .. " return table.concat(_o)"
				local fn = assert(loadstring(code, "template"))
				return function(env) return setfenv(fn, setmetatable(env, { __index = _G }))() end
			end
			return compile("<% for i = 1, n do %><%= i %>,<% end %>")({ n = 3 })`, "1,2,3,"},
		{"a reader of load that fails", `local f, e = load(function() error("broken", 0) end) return tostring(f) .. e`, "nilbroken"},
		{"a reader of load that returns a table", `local f, e = load(function() return {} end) return tostring(f) .. e`, "nilreader function must return a string"},
		{"a chunk is found by its kind", `local i = debug.getinfo(1, "Sl") return i.what .. i.short_src .. i.currentline`, "Luamain.lua1"},
		{"what a function is called", `
			local object = {}
			function object:method() local i = debug.getinfo(1) return i.namewhat .. " " .. i.name end
			local function called() local i = debug.getinfo(1) return i.namewhat .. " " .. i.name, 1 end
			local name = called()
			return (object:method()) .. " " .. name .. type(debug.getinfo(called).name)`, "method method local callednil"},
		{"a level that a tail call has taken away", `
			local function inner() return debug.getinfo(2).what, 1 end
			local function outer() return inner() end
			local what = outer()
			return what`, "tail"},
		{"the name of a loaded text", `return debug.getinfo(loadstring("return 1", "text")).source`, `=[string "text"]`},
		{"traceback names functions", `
			local function inner() return (debug.traceback("m", 0)) end
			local t = { field = function() return (inner()) end }
			local text = t.field()
			return text:sub(1, 99)`, "m\nstack traceback:\n\t[C]: in function 'traceback'\n\tmain.lua:2: in function 'inner'\n\tmain.lua:3: in f"},
		{"traceback of many calls has the first and the last", `
			local function deep(n) if n == 0 then return (debug.traceback("")) end return (deep(n - 1)) end
			local _, n = deep(100):gsub("\n", "")
			return n .. (deep(100):match("\n\t%.%.%.\n") and "cut" or "")`, "24cut"},
		{"traceback", `return (debug.traceback("m"):match("^m\nstack traceback:\n\tmain.lua:1"))`, "m\nstack traceback:\n\tmain.lua:1"},
		{"the header of bytecode", `return string.dump(loadstring("a = 1")):byte(11)`, "8"},
		{"a loaded module", `return tostring(package.loaded.string == string) .. tostring(package.loaded.nothing) .. package.config:sub(1, 1)`, "truenil/"},
		{"debug by require", `return tostring(require("debug") == debug)`, "true"},
		{"a metatable of a table", `local m = { __metatable = false } return tostring(debug.getmetatable(setmetatable({}, m)) == m)`, "true"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got, err := eval(t, test.body); err != nil || got != test.want {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

// TestTheSandboxHasNoWayOut tries to reach functions of Go, the globals behind their guard and what other states share.
func TestTheSandboxHasNoWayOut(t *testing.T) {
	t.Parallel()
	const refused = "expected a function that load or loadstring has returned"
	for _, test := range []struct{ name, body, want string }{
		{"an environment for a function of Go", `setfenv(print, {})`, refused},
		{"an environment for a function of a script", `setfenv(function() end, {})`, refused},
		{"an environment for a function of a library", `setfenv(string.rep, {})`, refused},
		{"an environment for the caller", `setfenv(1, {})`, refused},
		{"an environment for a caller further up", `setfenv(2, {})`, refused},
		{"an environment for the thread", `setfenv(0, {})`, refused},
		{"an environment for a function in a text", `setfenv(loadstring("return function() end")(), {})`, refused},
		{"the function of a level", `return debug.getinfo(1, "f").func.x`, "attempt to"},
		{"the function of a function", `return debug.getinfo(print).func.x`, "attempt to"},
		{"the metatable of a library", `return debug.getmetatable(string).__index`, "attempt to"},
		{"the metatable of the globals", `return debug.getmetatable(_G).__index`, "attempt to"},
		{"the metatable of strings", `debug.getmetatable("").__index = nil`, "attempt to"},
		{"the metatable of package.loaded", `return debug.getmetatable(package.loaded).__index`, "attempt to"},
		{"another module", `package.loaded.string = {}`, "package.loaded is read-only"},
		{"another module, raw", `rawset(package.loaded, "string", {})`, "package.loaded is read-only"},
		{"a module that is taken away", `package.loaded.string = nil`, "package.loaded is read-only"},
		{"a field of package", `package.path = "/etc/?.lua"`, `the field "path" of package is assigned`},
		{"a loader", `package.preload.x = function() end`, "is assigned"},
		{"a metatable for package.loaded", `setmetatable(package.loaded, {})`, "protected metatable"},
		{"the environment of built-ins, by a text", `setfenv(loadstring("string.rep = nil"), _G)()`, `the field "rep" of string is assigned`},
		{"a global, by a text with the globals", `setfenv(loadstring("x = 1"), _G)()`, `the global "x" is assigned`},
		{"a library as an environment", `setfenv(loadstring("rep = nil"), string)()`, `the field "rep" of string is assigned`},
		{"package.loaded as an environment", `setfenv(loadstring("string = nil"), package.loaded)()`, "package.loaded is read-only"},
		{"bytecode", `assert(load(string.dump(loadstring("a = 1"))))`, "bytecode"},
		{"a file", `return io.open("/etc/passwd")`, "attempt to call"},
		{"a hook", `debug.sethook(print, "l")`, "attempt to call"},
		{"a variable", `debug.getupvalue(print, 1)`, "attempt to call"},
		{"the registry", `debug.getregistry()`, "attempt to call"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			img, refs := freeze(t, "keep(function() "+test.body+" end) keep(function() return ('x'):rep(2) .. type(package.loaded.string.rep) .. type(print) end)", Options{})
			s := img.NewState()
			if _, err := call(s, refs[0]); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if got, err := call(img.NewState(), refs[1]); err != nil || got != "xxfunctionfunction" {
				t.Errorf("afterwards another state has %s, %v", got, err)
			}
		})
	}
}

func TestAnEnvironmentThatAFunctionKeepsIsCopiedAndCounted(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `
		local env = { n = 0 }
		local add = setfenv(loadstring("n = n + 1 return n"), env)
		keep(function() return add() end)
		local big = setfenv(loadstring("t = ('x'):rep(2^20)"), {})
		keep(function() big() end)`, Options{})
	a, b := img.NewState(), img.NewState()
	for i, want := range []string{"1", "2"} {
		if got, err := call(a, refs[0]); err != nil || got != want {
			t.Errorf("call %d: got %s, %v", i, got, err)
		}
	}
	if got, err := call(b, refs[0]); err != nil || got != "1" {
		t.Errorf("another state: got %s, %v", got, err)
	}
	if _, err := call(b, refs[1]); err != nil {
		t.Fatal(err)
	}
	if size, _ := b.measure(1 << 30); size < 1<<20 {
		t.Errorf("the state holds %d bytes", size)
	}
}

func TestACoroutineInAnEnvironmentIsRefusedAtTheLoad(t *testing.T) {
	t.Parallel()
	b, _ := load(t, `local f = setfenv(loadstring("return c"), { c = coroutine.create(function() end) }) keep(function() return f() end)`, Options{})
	if _, err := b.Freeze(); err == nil || !strings.Contains(err.Error(), "coroutine") {
		t.Errorf("got %v", err)
	}
}

func TestAModuleOfAScriptWinsOverTheLibraryOfItsName(t *testing.T) {
	t.Parallel()
	library := LibraryFunc(func(L *lua.LState) lua.LValue {
		table := L.NewTable()
		table.RawSetString("who", lua.LString("library"))
		return table
	})
	o := Options{Libraries: map[string]Library{"json": library, "url": library, "luaroute": library}, Modules: moduleMap{
		"json": `return { who = "module" }`, "luaroute": `return { who = "module" }`, "luaroute.json": `return { who = "module" }`,
	}}
	img, refs := freeze(t, `
		local all = require("json").who .. " " .. require("luaroute.json").who .. " " .. require("url").who .. " " .. require("luaroute").who ..
			" " .. tostring(require("url") == require("luaroute.url"))
		keep(function() return all .. " " .. require("json").who .. " " .. require("luaroute.json").who .. package.loaded.json.who end)`, o)
	const want = "module library library library true module librarymodule"
	if got, err := call(img.NewState(), refs[0]); err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}
