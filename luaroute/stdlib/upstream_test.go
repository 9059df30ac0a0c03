package stdlib

import (
	"context"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// What gopher-lua gets wrong, or does not survive, and a script must not notice.
func TestWhatIsKnownOfGopherLuaDoesNotHurt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, body, want string }{
		{"a pattern of four million captures overflows no stack of Go", `return (select(2, pcall(string.find, "x", ("("):rep(4e6))))`, "too many captures"},
		{"a pattern of many optional items overflows no stack of Go", `return (select(2, pcall(string.find, "a", ("a?"):rep(2e6))))`, "1"},
		{"rep does not ask for a hundred billion bytes", `return (select(2, pcall(string.rep, "x", 1e11)))`, "the string is too large; allowed are 16777216 bytes"},
		{"format has no directives of Go", `return (select(2, pcall(string.format, "%#v", {})))`, "invalid option '%v' to 'format'; allowed are c d i u o x X e E f g G q s %"},
		{"an index far away takes no gigabyte", `local t = {} t[67108862] = 1 return #t .. t[67108862]`, "01"},
		{"448: a caught error leaves the variables of those who caught it", `
			local n = 1
			local function read() return n end
			pcall(error, "x")
			n = 2
			return read()`, "2"},
		{"448: so does one that a coroutine has caught", `
			return coroutine.wrap(function()
				local n = 1
				local function read() return n end
				pcall(function() local a = 1; local f = function() return a end; error("x") end)
				n = 2
				return read()
			end)()`, "2"},
		{"540: a branch that is never taken does not break a generic for", `
			local n = 0
			for _, v in ipairs({ 1, 2, 3 }) do if false then local x end n = n + v end
			return n`, "6"},
		{"490: a local gets the false of an and", `local x = 1 local a = false x = a and 2 return tostring(x)`, "false"},
		{"tonumber reads an exponent", `return tonumber("1e3") .. tonumber(" 0x10 ") .. tostring(tonumber("1e"))`, "100016nil"},
		{"%d wants a number", `return (select(2, pcall(string.format, "%d", "x")))`, "bad argument #2 to '?' (number expected, got string)"},
		{"a coroutine is an iterator, in a coroutine too", `
			local function numbers() return coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) end
			local co = coroutine.wrap(function() for i in numbers() do coroutine.yield(i * 2) end end)
			pcall(error, "x")
			return co() .. co() .. co()`, "246"},
		{"a coroutine yields after a metamethod, an iterator and a caught error", `
			local t = setmetatable({}, { __index = function() return 1 end })
			local co = coroutine.wrap(function()
				pcall(function() return setmetatable({}, { __index = function() error("x") end }).x end)
				for _ in ipairs({ 1 }) do coroutine.yield(t.x + 1) end
				return 4
			end)
			return co() .. co()`, "24"},
		{"a generic for begins with nil where it is given no control variable", `
			local n, _ = 0, { 1, 2, 3 }
			for k in next, { 5, 6 } do n = n + k end
			for k, v in next, { 5, 6 } do n = n + v end
			return n`, "14"},
		{"an iterator gets nil for what a generic for is not given", `
			local seen = ""
			for a, b, c in function(...) if seen == "" then seen = "seen" return 1, ... end end do seen = select("#", a, b, c) .. tostring(b) .. tostring(c) end
			return seen`, "3nilnil"},
		{"a coroutine ends with what a yield in its last call returns", `
			local co = coroutine.wrap(function(...) return coroutine.yield(...) end)
			return co(1) .. co(2, 3)`, "12"},
		{"a concatenation takes one value of a call, and of ...", `
			local function both(...) return "<" .. ("aa"):gsub("a", "b") .. ">", "=" .. ("aa"):gsub("a", "b"), "." .. ... end
			return table.concat({ both(1, 2) })`, "<bb>=bb.1"},
		{"a coroutine may end with a call of a function that yields in its last call", `
			local function ask(v) return coroutine.yield(v) end
			local co = coroutine.create(function() return ask(1) end)
			coroutine.resume(co)
			return table.concat({ select(2, coroutine.resume(co, "a", "b")) }) .. coroutine.status(co)`, "abdead"},
		{"a yield across pcall is an error", `return (select(2, coroutine.resume(coroutine.create(function()
			local ok, err = pcall(coroutine.yield, 1) return err end))))`, "attempt to yield across a call of a Go function, such as pcall"},
		{"a yield across a metamethod is an error", `
			local t = setmetatable({}, { __index = function(_, k) return (coroutine.yield(k)) end })
			local co = coroutine.create(function() return "got " .. t.x end)
			local ok, first = coroutine.resume(co)
			if not ok then return "error" end
			return first .. " " .. select(2, coroutine.resume(co, "it"))`, "error"},
		{"a yield in an iterator is an error", `
			local co = coroutine.wrap(function() for v in function() return (coroutine.yield("asked")) end do return v end end)
			local ok, first = pcall(co)
			if not ok then return "error" end
			return first .. " " .. co("it")`, "error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			img, refs := freeze(t, "keep(function() "+test.body+" end)", vm.Options{})
			s := img.NewState()
			s.Arm(vm.Limits{CPU: time.Hour}, context.Background())
			got, err := call(s, refs[0])
			if err != nil {
				t.Fatal(err)
			}
			t.Log(got)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
