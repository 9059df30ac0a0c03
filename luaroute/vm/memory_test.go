package vm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// mebi is the limit of memory in these tests, 8 times.
const mebi = 1 << 20

func TestAStateThatHoldsTooMuchEnds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, body string }{
		{"strings in a list", `local t = {} for i = 1, 1e9 do t[i] = ("x"):rep(1e5) .. i end`},
		{"short strings", `local t = {} for i = 1, 1e9 do t[i] = "x" .. i end`},
		{"numbers", `local t = {} for i = 1, 1e9 do t[i] = i + 0.5 end`},
		{"lists", `local t = {} for i = 1, 1e9 do t[i] = { i, i, i } end`},
		{"tables with a field", `local t = {} for i = 1, 1e9 do t[i] = { x = i } end`},
		{"fields", `local t = {} for i = 1, 1e9 do t["k" .. i] = true end`},
		{"fields that are nil again", `local t = {} for i = 1, 1e9 do t["k" .. i] = true t["k" .. i] = nil end`},
		{"tables as keys", `local t = {} for i = 1, 1e9 do t[{}] = true end`},
		{"closures", `local f for i = 1, 1e9 do local g = f f = function() return g end end`},
		{"far indexes", `local t = {} for i = 1, 1e9 do t[i] = {} t[i][1e6] = 1 end`},
		{"coroutines", `local t = {} local function deep(n) if n == 0 then coroutine.yield() else deep(n - 1) return 1 end end
			for i = 1, 900 do t[i] = coroutine.wrap(deep) t[i](180) end while true do end`},
		{"metatables", `local t for i = 1, 1e9 do t = setmetatable({}, { __index = t }) end`},
		{"small parts of large strings", `local t = {} for i = 1, 1e9 do t[i] = (("x"):rep(1e6) .. i):sub(1, 6e5) end`},
		{"compiled texts", `local s, t = ("local a = 1 "):rep(1000), {} for i = 1, 1e9 do t[i] = loadstring(s) end`},
		{"callbacks of gsub", `local function f() return (("a"):rep(2e6) .. "b"):gsub("b", f) end f()`},
		{"unfinished results of gsub", `local function f()
			return ("ab"):gsub(".", function(c) if c == "a" then return ("x"):rep(2e6) end return f() end) end f()`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			img, refs := freeze(t, "keep(function() "+test.body+" end)", Options{})
			s := img.NewState()
			s.Arm(Limits{CPU: time.Hour, Memory: 8 * mebi}, context.Background())
			_, err := call(s, refs[0])
			if !errors.Is(err, ErrBudget) || !strings.Contains(err.Error(), "more than 8 MiB of memory") {
				t.Fatalf("got %v, want the end of the memory", err)
			}
		})
	}
}

func TestGarbageIsNoFault(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`for i = 1, 200 do local s = ("x"):rep(1e6) .. i end`,
		`local s = ("x"):rep(1e5) for i = 1, 1000 do local u = s:upper():sub(2) end`,
		`for i = 1, 1e5 do local t = { i, { x = i } } end`,
		`local s, t = ("x"):rep(1e6), {} for i = 1, 1000 do t[i] = s end`,
	} {
		img, refs := freeze(t, "keep(function() "+body+" return 'done' end)", Options{})
		s := img.NewState()
		s.Arm(Limits{CPU: time.Hour, Memory: 8 * mebi}, context.Background())
		if got, err := call(s, refs[0]); got != "done" {
			t.Errorf("%s: got %v, want done", body, err)
		}
	}
}

func TestAStateWhoseVariablesHaveGrownIsLetGo(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `local cache, n = {}, 0 keep(function() n = n + 1 cache[n] = ("x"):rep(1e5) .. n return n end)`, Options{})
	p := NewPool(img, 1, time.Second)
	defer p.Close()
	largest := 0
	for range 200 {
		s, err := p.Get(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		s.Arm(Limits{CPU: time.Hour, Memory: 8 * mebi}, context.Background())
		got, err := call(s, refs[0])
		if err != nil {
			t.Fatalf("a request failed: %v", err)
		}
		n := 0
		if _, err := fmt.Sscan(got, &n); err != nil {
			t.Fatal(err)
		}
		largest = max(largest, n)
		p.Put(s)
	}
	if largest < 20 || largest > 80 {
		t.Errorf("a state of 8 MiB kept %d texts of 100 kB", largest)
	}
}

func TestAnInstructionCountsForWhatItDoes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, before, body string }{
		{"comparing long strings", `local a, b = ("x"):rep(2^23), ("x"):rep(2^23)`, `local x = a == b`},
		{"ordering long strings", `local a, b = ("x"):rep(2^23), ("x"):rep(2^23)`, `local x = a < b`},
		{"a long string as a key", `local t, a = {}, ("x"):rep(2^23)`, `local x = t[a]`},
		{"a far index", ``, `local t = {} t[1e6] = 1`},
		{"the length of a list that ends in nothing", `local t = {} t[1e6] = 1 t[1e6] = nil`, `local n = #t`},
		{"next over nothing", `local t = {} t[1e6] = 1`, `next(t)`},
		{"an error in depth", `local function deep(n) if n == 0 then while true do pcall(error, {}) end end return 1 + deep(n - 1) end`, `deep(900)`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			img, refs := freeze(t, fmt.Sprintf("%s keep(function() while true do %s end end)", test.before, test.body), Options{})
			s := img.NewState()
			s.Func(refs[0])
			s.Arm(Limits{CPU: 20 * time.Millisecond}, context.Background())
			took := testkit.Ran(func() {
				if _, err := call(s, refs[0]); !errors.Is(err, ErrBudget) {
					t.Errorf("got %v, want the end of the budget", err)
				}
			})
			if t.Logf("took %v", took); took > 5*time.Second {
				t.Errorf("20ms took %v", took)
			}
		})
	}
}
