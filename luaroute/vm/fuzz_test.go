package vm

import (
	"context"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/script"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// FuzzRun compiles and runs any bytes: no panic, and an end within the budget.
func FuzzRun(f *testing.F) {
	for _, seed := range []string{
		"return 1",
		"local t = setmetatable({}, { __index = function(t, k) return k end }) return t.x",
		"for k, v in pairs(_G) do print(k, v) end",
		"local co = coroutine.wrap(function(...) coroutine.yield(...) end) co(1) co()",
		"return ('x'):rep(10):gsub('x', '%0%0'):find('(x)%1()')",
		"string.format('%5.2f %q %s', 1, 'a', {})",
		"for _, v in ipairs({ 1 }) do if false then local x end end",
		"goto a ::a:: while true do break end repeat local x = 1 until x",
		"local function f(...) return select('#', ...) end return pcall(f, unpack({ 1, 2 }))",
		"return table.concat({ 1, 2 }, ','), #table.pack, math.random(1, 3), os.time(), os.date('!%c', 0)",
		"x = 1; function x.y:z() end; return -x ^ 2 .. 'a' == 'b' or not nil and #'a'",
		"return loadstring('return ...')(1), require('string'), xpcall(error, print)",
		"table.sort({ 3, 1, 2 }, function(a, b) return true end) table.insert({}, 1, 2) table.remove({})",
		"return tonumber('0x10', 16), tostring(0/0), 1e308 * 10, ('a'):byte(-1, 100)",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := script.Compile("fuzz.lua", src)
		if err != nil {
			return
		}
		b := NewBuilder(Standard, Options{})
		limits := Limits{CPU: 20 * time.Millisecond, Wall: time.Second}
		b.State().Arm(limits, context.Background())
		ran := testkit.Ran(func() {
			fn := b.State().L.NewFunctionFromProto(p.Proto)
			_ = b.State().Call(fn, 0)
			b.Keep(fn)
			img, err := b.Freeze()
			if err != nil {
				return
			}
			s := img.NewState()
			s.Arm(limits, context.Background())
			_ = s.Call(s.Func(1), 0)
		})
		if ran > 2*time.Second {
			t.Errorf("it ran for %v", ran)
		}
	})
}
