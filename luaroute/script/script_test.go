package script

import (
	"errors"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

func TestACompileErrorSaysWhere(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, src, want string }{
		{"a syntax error", "local x = 1\nlocal = 2", "main.lua:2: '<name>' expected near '='"},
		{"a text that ends too soon", "local x = {\n1,\n", "main.lua:3: unexpected symbol near '<eof>'"},
		{"a string without an end", "\nlocal x = 'a\n'", "main.lua:2: unfinished string near ''a'"},
		{"a break without a loop", "\n\nbreak", "main.lua:3: no loop to break near '<eof>'"},
		{"bytecode", "\x1bLua", "main.lua: the script is bytecode; only text is allowed"},
		{"a name that is very long", "return 1\n,print(" + strings.Repeat("a", 1001) + ")", "main.lua:2: a name has 1001 bytes; allowed are 1000"},
		{"a text that is nested too deeply", "\nreturn " + strings.Repeat("{", 2000) + strings.Repeat("}", 2000), "main.lua:2: chunk has too many syntax levels"},
		{"a text that is too large", strings.Repeat(" ", maxSize+1), "main.lua: the script has 8388609 bytes; allowed are 8388608"},
		{"a large script full of locals", strings.Repeat("local a\n", 300), "main.lua:202: main function has more than 200 local variables"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Compile("main.lua", []byte(test.src))
			if err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestTheHashTellsProgramsApart(t *testing.T) {
	t.Parallel()
	hash := func(name, src string) [32]byte {
		p, err := Compile(name, []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		return p.Hash
	}
	a := hash("a.lua", "return 1")
	if a != hash("a.lua", "return 1") {
		t.Error("the same script has two hashes")
	}
	if a == hash("b.lua", "return 1") || a == hash("a.lua", "return 2") {
		t.Error("two scripts have one hash")
	}
}

// result compiles and runs a chunk, with a table for globals as the states of the project have it.
func result(t *testing.T, src string) string {
	t.Helper()
	p, err := Compile("main.lua", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	L := lua.NewState()
	defer L.Close()
	L.G.Global.RawSetString(GlobalsName, L.G.Global)
	L.Push(L.NewFunctionFromProto(p.Proto))
	if err := L.PCall(0, 1, nil); err != nil {
		t.Fatal(err)
	}
	return L.Get(-1).String()
}

func TestTheRewrittenCodeMeansTheSame(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, src, want string }{
		{"a global", "x = 1 return x", "1"},
		{"a local", "local x x = 1 return x .. tostring(_G.x)", "1nil"},
		{"a parameter", "local function f(x) x = x + 1 return x end return f(1) .. tostring(_G.x)", "2nil"},
		{"the locals of a block end with it", "do local x = 1 x = 2 end x = 3 return _G.x", "3"},
		{"the variable of a loop", "for i = 1, 2 do i = i + 1 end for k in pairs({ 1 }) do k = 2 end return tostring(_G.i) .. tostring(_G.k)", "nilnil"},
		{"repeat sees its locals", "local n = 0 repeat local done = n > 1 n = n + 1 until done return n", "3"},
		{"a local declared after", "x = 1 local x = 2 x = 3 return _G.x .. x", "13"},
		{"several at once", "local a a, b, c = 1, 2, 3 return a .. _G.b .. _G.c", "123"},
		{"a swap", "a, b = 1, 2 a, b = b, a return a .. b", "21"},
		{"a swap of locals", "local a, b = 1, 2 a, b = b, a return a .. b", "21"},
		{"a swap of parameters", "local function f(a, b) a, b = b .. 'x', a .. 'y' return a .. b end return f(1, 2)", "2x1y"},
		{"a swap with an upvalue", "local b = 2 local function f(a) a, b = b, a return a .. b end return f(1)", "21"},
		{"a local that its neighbour reads", "local h local function f(t) t, h = t:sub(1, 1), t:sub(2) return t .. h end return f('abc')", "abc"},
		{"a local that a global reads", "local t = 'abc' t, h = t:sub(1, 1), t:sub(2) return t .. _G.h", "abc"},
		{"a local that a field reads", "local t, x = 'abc', {} t, x.h = t:sub(1, 1), t:sub(2) return t .. x.h", "abc"},
		{"a key that is assigned", "local i, t = 1, {} i, t[i] = i + 1, 20 return i .. t[1] .. tostring(t[2])", "220nil"},
		{"a key that is assigned after", "local i, t = 1, {} t[i], i = 20, i + 1 return i .. t[1] .. tostring(t[2])", "220nil"},
		{"an object that is assigned", "local t = {} local u = t t, t[1] = { 'new' }, 'old' return t[1] .. u[1]", "newold"},
		{"the same local twice", "local a a, a = 1, 2 return a", "1"},
		{"fewer values than locals", "local a, b = 1, 2 a, b = b return a .. tostring(b)", "2nil"},
		{"more values than locals", "local a, b = 1, 2 a, b = b, a, 7 return a .. b", "21"},
		{"the values of a call", "local a, b, c a, b, c = 1, unpack({ 2, 3 }) return a .. b .. c", "123"},
		{"a function", "function f(n) if n == 0 then return 'end' end return f(n - 1) end return f(3)", "end"},
		{"a method", "o = { n = 1 } function o:add(k) self.n = self.n + k return self end function o.get() return o.n end return o:add(2).get()", "3"},
		{"a local function that calls itself", "local function f(n) if n == 0 then return 0 end return f(n - 1) end return f(5)", "0"},
		{"an upvalue", "local x = 1 local function f() x = x + 1 end f() return x .. tostring(_G.x)", "2nil"},
		{"arg", "local function f(...) arg = 5 return arg end return f() .. tostring(_G.arg)", "5nil"},
		{"a chain of strings", "local a, b = 'a', 1 return a .. b .. (a .. 'x' .. b) .. #(a .. b)", "a1ax12"},
		{"strings in all places", "local t = { ['a' .. 'b'] = 'c' .. 'd' } return t['a' .. 'b']", "cd"},
		{"a constant false condition", "if false then return 1 elseif nil then return 2 else return 3 end", "3"},
		{"a constant false loop", "while false do local x = 1 end return 4", "4"},
		// gopher-lua 540
		{"a dropped local in a loop", "for _, v in ipairs({ 1 }) do if false then local x end end return 1", "1"},
		{"a dropped local after and", "for _, v in ipairs({ 1 }) do if false and v then local x end end return 1", "1"},
		{"a dropped local after not", "for _, v in ipairs({ 1 }) do if not true then local x end end return 1", "1"},
		{"a dropped loop in a loop", "for _, v in ipairs({ 1 }) do while nil do local x end end return 1", "1"},
		{"a shebang", "#!/usr/bin/lua\nreturn 7", "7"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := result(t, test.src); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestAnErrorOfLuaKeepsItsPlace(t *testing.T) {
	t.Parallel()
	cause := errors.New("dial tcp 10.0.0.1:80: refused")
	for _, test := range []struct{ name, src, want string }{
		{"a text", "\nerror('boom')", "main.lua:2: boom"},
		{"a text with an address", "error('dial tcp 10.0.0.1:80: refused')", "main.lua:1: dial tcp 10.0.0.1:80: refused"},
		{"a text without a place", "\nerror('dial 10.0.0.1:80: refused', 0)", "main.lua:2: dial 10.0.0.1:80: refused"},
		{"a text that was raised again", "local ok, e = pcall(function()\nerror('boom') end)\nerror(e)", "main.lua:2: boom"},
		{"a text of a Go function", "\n('x'):rep({})", "main.lua:2: bad argument #2 to rep (number expected, got table)"},
		{"an index of nil", "\nlocal x\nreturn x.y", "main.lua:3: attempt to index a non-table object(nil) with key 'y'"},
		{"a table", "\nerror({})", "main.lua:2: an error object that is a table"},
		{"a table with a message", "\nerror({ message = 'm' })", "main.lua:2: m"},
		{"nil", "\nerror(nil)", "main.lua:2: an error object that is a nil value"},
		{"true", "\nerror(true)", "main.lua:2: an error object that is a boolean value"},
		{"a Go error", "\nerror(cause)", "main.lua:2: dial tcp 10.0.0.1:80: refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, err := Compile("main.lua", []byte(test.src))
			if err != nil {
				t.Fatal(err)
			}
			L := lua.NewState()
			defer L.Close()
			L.SetGlobal("cause", &lua.LUserData{Value: cause, Metatable: lua.LNil})
			L.Push(L.NewFunctionFromProto(p.Proto))
			got := AsError(L.PCall(0, 0, nil))
			if got == nil || got.Error() != test.want {
				t.Errorf("got %v, want %s", got, test.want)
			}
			if AsError(got) != got {
				t.Error("an error of ours does not stay what it is")
			}
			if errors.Is(got, cause) != (test.name == "a Go error") {
				t.Errorf("the cause is %v", got.Err)
			}
		})
	}
}

func TestAnErrorOfTheCompilerOfAnotherIsUnderstood(t *testing.T) {
	t.Parallel()
	L := lua.NewState()
	defer L.Close()
	_, err := L.Load(strings.NewReader("\nx ="), "other.lua")
	if got := AsError(err); got.Script != "other.lua" {
		t.Errorf("got %+v", got)
	}
}

func TestNoErrorIsNil(t *testing.T) {
	t.Parallel()
	if got := AsError(nil); got != nil {
		t.Errorf("got %v", got)
	}
}
