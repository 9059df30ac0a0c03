package stdlib

import (
	"context"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// FuzzPattern matches any pattern with any text: no panic, captures that are parts of the text, and an end within the
// budget.
func FuzzPattern(f *testing.F) {
	for _, seed := range [][3]string{
		{"key = value", "^(%w+)%s*=%s*(%w+)$", "%2=%1"},
		{"f(a(b)c)d", "%b()", "<%0>"},
		{"THE (quick) fox", "%f[%a]%a+", "%%"},
		{strings.Repeat("a", 60), strings.Repeat(".-", 12) + "x", ""},
		{"abab", "((a)(b))%1()", "%4"},
		{"a\x00b\xff", "[%z\x80-\xff][^]-]?", "%"},
		{"aaaa", "a?a?a?a?a*a+a-$", "x"},
		{"]", "[]]%]", ""},
		{"a", "[a-", "%9"},
		{"", "(()", ""},
		{"ab", strings.Repeat("x?", 300), "%1"},
		{"ab", strings.Repeat("(", 33), "%1"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	const script = `keep(function(s, p, r)
		pcall(string.find, s, p)
		pcall(string.find, s, p, -2, true)
		pcall(string.gsub, s, p, r)
		pcall(string.gsub, s, p, function(...) return (select(-1, ...)) end, 3)
		pcall(function() for a in s:gmatch(p) do part(s, a) end end)
		return (s:match(p))
	end)`
	f.Fuzz(func(t *testing.T, s, p, r string) {
		part := vm.GoFunc(func(L *lua.LState) int {
			if found := L.CheckString(2); L.Get(2).Type() == lua.LTString && !strings.Contains(s, found) {
				t.Errorf("%q is not in %q", found, s)
			}
			return 0
		})
		img, refs := freeze(t, script, vm.Options{Globals: map[string]lua.LValue{"part": part}})
		state := img.NewState()
		state.Arm(vm.Limits{CPU: 2 * time.Millisecond}, context.Background())
		took := testkit.Ran(func() { _ = state.Call(state.Func(refs[0]), 1, lua.LString(s), lua.LString(p), lua.LString(r)) })
		if took > 2*time.Second {
			t.Errorf("took %v", took)
		}
	})
}
