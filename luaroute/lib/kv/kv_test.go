package kv_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/memory"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/overlay"
	"github.com/luaroute/caddy-luaroute/luaroute/lib/internal/libtest"
	luakv "github.com/luaroute/caddy-luaroute/luaroute/lib/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/stdlib"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// world returns one whose scripts have a store.
func world(store kv.Store) libtest.World {
	return libtest.World{Name: "kv", Library: luakv.Library{}, Services: []any{&kv.Space{Store: store}}}
}

// inside are local functions for the rows: the results of calls as text, and whether two values are equal.
const inside = `
local function same(a, b)
	if type(a) ~= 'table' or type(b) ~= 'table' then return a == b and type(a) == type(b) end
	for k, v in pairs(a) do if not same(v, b[k]) then return false end end
	for k in pairs(b) do if a[k] == nil then return false end end
	return true
end
local function back(v) return kv.set('back', v) and same(kv.get('back'), v) end
local function text(...)
	local all = {}
	for i = 1, select('#', ...) do all[i] = tostring((select(i, ...))) end
	return table.concat(all, ' ')
end
local function nested(n) local t = {} for _ = 2, n do t = { t } end return t end
`

func call(t *testing.T, store kv.Store, body string) string {
	t.Helper()
	got, err := world(store).Call(t, inside+body)
	if err != nil {
		return "raised: " + err.Error()
	}
	return got
}

func TestEachCallReturnsWhatItSays(t *testing.T) {
	t.Parallel()
	for name, row := range map[string][2]string{
		"get of nothing":                     {`return text(kv.get('k'))`, "nil"},
		"set":                                {`return text(kv.set('k', 'v'), kv.get('k'))`, "true v"},
		"add":                                {`return text(kv.add('k', 1), kv.add('k', 2), kv.get('k'))`, "true false 1"},
		"replace":                            {`return text(kv.replace('k', 1), kv.set('k', 2), kv.replace('k', 3), kv.get('k'))`, "false true true 3"},
		"replace forgets the ttl":            {`kv.set('k', 1, 60) kv.replace('k', 2) return text(kv.ttl('k'))`, "inf"},
		"cas of another value":               {`kv.set('k', 1) return text(kv.cas('k', 2, 3), kv.get('k'))`, "false 1"},
		"cas":                                {`kv.set('k', 1) return text(kv.cas('k', 1, 3), kv.get('k'))`, "true 3"},
		"cas tells 1 and \"1\" apart":        {`kv.set('k', 1) return text(kv.cas('k', '1', 3), kv.get('k'))`, "false 1"},
		"cas of a table":                     {`kv.set('k', { b = 1, a = { 1, 2 } }) return text(kv.cas('k', { a = { 1, 2 }, b = 1 }, 'new'))`, "true"},
		"cas of nothing":                     {`return text(kv.cas('k', nil, 1), kv.cas('k', nil, 2), kv.get('k'))`, "true false 1"},
		"cas that deletes":                   {`kv.set('k', 1) return text(kv.cas('k', 1, nil), kv.get('k'))`, "true nil"},
		"cas of nothing to nothing":          {`return text(kv.cas('k', nil, nil), kv.get('k'))`, "true nil"},
		"incr":                               {`return text(kv.incr('k'), kv.incr('k', 2.5), kv.incr('k', -4), kv.get('k'))`, "1 3.5 -0.5 -0.5"},
		"incr with init":                     {`return text(kv.incr('k', 2, { init = 10 }), kv.incr('k', 2, { init = 10 }))`, "12 14"},
		"incr of what set has written":       {`kv.set('k', 5) return text(kv.incr('k'), type(kv.get('k')))`, "6 number"},
		"incr of text":                       {`kv.set('k', '5') return text(kv.incr('k'), type(kv.get('k')))`, "6 string"},
		"incr of what is no number":          {`kv.set('k', 'five') return text(kv.incr('k'))`, "nil not a number"},
		"incr of a table":                    {`kv.set('k', {}) return text(kv.incr('k'))`, "nil not a number"},
		"incr keeps the life":                {`kv.incr('k', 1, { ttl = 60 }) kv.incr('k', 1, { ttl = 6000 }) return text(kv.ttl('k') <= 60)`, "true"},
		"delete":                             {`kv.set('k', 1) return text(kv.delete('k'), kv.delete('k'), kv.get('k'))`, "true false nil"},
		"expire":                             {`kv.set('k', 1) return text(kv.expire('k', 60), kv.ttl('k') <= 60, kv.expire('k'), kv.ttl('k'), kv.expire('other', 1))`, "true true true inf false"},
		"ttl":                                {`kv.set('k', 1) kv.set('l', 1, 60) return text(kv.ttl('k') == math.huge, kv.ttl('l') > 59, kv.ttl('m'))`, "true true nil"},
		"a ttl of forever":                   {`kv.set('k', 1, math.huge) return text(kv.ttl('k'))`, "inf"},
		"keys":                               {`for i = 1, 5 do kv.set('k' .. i, i) end kv.set('l', 1) local list, more = kv.keys('k', 5) return text(#list, list[1], list[5], more)`, "5 k1 k5 false"},
		"keys of many":                       {`for i = 1, 200 do kv.set('k' .. i, i) end local list, more = kv.keys() return text(#list, more)`, "100 true"},
		"too large":                          {`return text(kv.set('k', ('x'):rep(2^20 + 1)))`, "nil too large: the value has 1048577 bytes; allowed are 1048576"},
		"at the limit":                       {`return text(kv.set('k', ('x'):rep(2^20)), #kv.get('k'))`, "true 1048576"},
		"a key at the limit":                 {`local k = ('k'):rep(1024) return text(kv.set(k, 1), kv.get(k))`, "true 1"},
		"fetch":                              {`local n = 0 local function fn() n = n + 1 return { n = n } end return text(kv.fetch('k', { ttl = 9 }, fn).n, kv.fetch('k', { ttl = 9 }, fn).n, kv.get('k').n, n)`, "1 1 1 1"},
		"fetch of nil":                       {`local n = 0 local function fn() n = n + 1 end return text(kv.fetch('k', {}, fn), kv.fetch('k', {}, fn), n)`, "nil nil 2"},
		"fetch of nil that is kept":          {`local n = 0 local function fn() n = n + 1 end return text(kv.fetch('k', { negative = 9 }, fn), kv.fetch('k', { negative = 9 }, fn), n, kv.get('k'))`, "nil nil 1 nil"},
		"fetch of nil with stale":            {`local n = 0 local function fn() n = n + 1 end local o = { ttl = 1, negative = 1, stale = 60 } return text(kv.fetch('k', o, fn), kv.fetch('k', o, fn), n)`, "nil nil 1"},
		"fetch that fails":                   {`return text(kv.fetch('k', {}, function() return nil, 'no database' end))`, "nil no database"},
		"fetch that raises":                  {`return text(pcall(kv.fetch, 'k', {}, function() error('a bug', 0) end))`, "false a bug"},
		"fetch that raises a table":          {`local e = {} local ok, err = pcall(kv.fetch, 'k', {}, function() error(e) end) return text(ok, err == e)`, "false true"},
		"fetch of what is too large":         {`local v, err = kv.fetch('k', {}, function() return ('x'):rep(2^20 + 1) end) return text(#v, err)`, "1048577 too large: the value has 1048577 bytes; allowed are 1048576"},
		"fetch in a fetch":                   {`return text(kv.fetch('k', {}, function() return kv.fetch('l', {}, function() return 5 end) + 1 end))`, "6"},
		"fetch after one that has raised":    {`pcall(kv.fetch, 'k', {}, error) return text(kv.fetch('k', {}, function() return 1 end))`, "1"},
		"fetch in a coroutine":               {`return text(coroutine.wrap(function() return kv.fetch('k', {}, function() return 1 end) end)())`, "1"},
		"what text looks like a number":      {`return text(back('5'), back(5), back('\1\53'), back('\1'), back('\1\1'))`, "true true true true true"},
		"text of any bytes":                  {`local s = '' for i = 0, 255 do s = s .. string.char(i) end return text(back(s), back(s:reverse()), back('\1\255'), back(''))`, "true true true true"},
		"numbers":                            {`return text(back(0), back(-1), back(0.1), back(2^53 + 2), back(1e300), back(5e-324), back(-2^63), back(2^63))`, "true true true true true true true true"},
		"booleans":                           {`return text(back(true), back(false))`, "true true"},
		"tables":                             {`return text(back({}), back({ 1, 2, { a = 'b' } }), back({ a = { b = { true } }, c = 0.5 }), back(nested(100)))`, "true true true true"},
		"what is read belongs to the script": {`kv.set('k', { 1 }) kv.get('k')[1] = 2 return text(kv.get('k')[1])`, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := call(t, memory.New(), row[0]); got != row[1] {
				t.Errorf("got      %s\nexpected %s", got, row[1])
			}
		})
	}
}

func TestWrongArgumentsRaise(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`kv.get('')`:                                     "the key has 0 bytes; expected 1 to 1024",
		`kv.get(('k'):rep(1025))`:                        "the key has 1025 bytes; expected 1 to 1024",
		`kv.get({})`:                                     "string expected, got table",
		`kv.get()`:                                       "string expected, got no value",
		`kv.set('k')`:                                    "found nil; use kv.delete(key) to remove a value",
		`kv.set('k', print)`:                             "found a function; expected a string, a number, a boolean or a table of plain data",
		`kv.set('k', 0/0)`:                               "expected a number that is finite",
		`kv.set('k', math.huge)`:                         "expected a number that is finite",
		`kv.set('k', { print })`:                         "the value is not plain data: json: a function has no JSON form",
		`kv.set('k', { '\255' })`:                        "the value is not plain data: json: a string is not UTF-8, which JSON cannot hold",
		`kv.set('k', { ['\255'] = 1 })`:                  "a string is not UTF-8",
		`kv.set('k', nested(101))`:                       "more than 100 nested tables",
		`local t = {} t.t = t kv.set('k', t)`:            "more than 100 nested tables, or a table that contains itself",
		`kv.set('k', 1, 0)`:                              "found 0; expected at least 0.001 seconds",
		`kv.set('k', 1, -1)`:                             "found -1; expected at least 0.001 seconds",
		`kv.set('k', 1, 0/0)`:                            "expected at least 0.001 seconds",
		`kv.set('k', 1, 'soon')`:                         "number expected, got string",
		`kv.cas('k', print, 1)`:                          "found a function",
		`kv.incr('k', 'x')`:                              "number expected, got string",
		`kv.incr('k', math.huge)`:                        "expected a number",
		`kv.incr('k', 1, { inti = 1 })`:                  `kv.incr: unknown key "inti"; allowed are init, ttl; did you mean "init"?`,
		`kv.incr('k', 1, { ttl = 0 })`:                   "kv.incr: ttl is 0; expected at least 0.001 seconds",
		`kv.keys('', 0)`:                                 "found 0; expected a whole number from 1 to 1000",
		`kv.keys('', 1001)`:                              "expected a whole number from 1 to 1000",
		`kv.keys(('k'):rep(1025))`:                       "the prefix is too long",
		`kv.fetch('k', { ttl = 1 })`:                     "function expected, got no value",
		`kv.fetch('k', { stale = 1 }, print)`:            "stale is for values that get old; expected a ttl, too",
		`kv.fetch('k', { time = 1 }, print)`:             `kv.fetch: unknown key "time"`,
		`kv.fetch('k', {}, function() return print end)`: "the function returned something else than plain data: found a function",
		`kv.fetch('k', {}, function() return kv.fetch('k', {}, print) end)`:                                          "it would wait for itself",
		`kv.fetch('k', {}, function() return kv.fetch('l', {}, function() return kv.fetch('k', {}, print) end) end)`: "it would wait for itself",
		`kv.fetch('k', {}, function() return coroutine.wrap(function() return kv.fetch('k', {}, print) end)() end)`:  "it would wait for itself",
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			if got := call(t, memory.New(), body); !strings.HasPrefix(got, "raised: ") || !strings.Contains(got, want) {
				t.Errorf("got %s\nexpected %s", got, want)
			}
		})
	}
}

// failing is a store that fails.
type failing struct{ err error }

func (f failing) Do(context.Context, kv.Op) (kv.Result, error) { return kv.Result{}, f.err }

func TestAStoreThatFailsRaisesNothing(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"down":              &kv.Error{Reason: kv.Down, Err: errors.New("secret")},
		"timeout: 100ms":    &kv.Error{Reason: kv.Timeout, Detail: "100ms"},
		"full":              fmt.Errorf("wrapped: %w", &kv.Error{Reason: kv.Full}),
		"down (of another)": errors.New("dial tcp 10.0.0.1: secret"),
	} {
		want, _, _ = strings.Cut(want, " (")
		for _, body := range []string{
			`kv.get('k')`, `kv.set('k', 1)`, `kv.add('k', 1)`, `kv.replace('k', 1)`, `kv.cas('k', 1, 2)`, `kv.incr('k')`, `kv.delete('k')`, `kv.expire('k', 1)`,
			`kv.ttl('k')`, `kv.keys()`,
		} {
			if got := call(t, failing{err}, "return text("+body+")"); got != "nil "+want {
				t.Errorf("%s: got %s, expected nil %s", body, got, want)
			}
		}
		if got := call(t, failing{err}, "return text(kv.fetch('k', { ttl = 1 }, function() return 5 end))"); got != "5 "+want {
			t.Errorf("fetch: got %s", got)
		}
	}
}

func TestNothingIsReadOrWrittenWhileTheScriptLoads(t *testing.T) {
	t.Parallel()
	builder := func() *vm.Builder {
		w := world(memory.New())
		return vm.NewBuilder(stdlib.Open, vm.Options{Libraries: map[string]vm.Library{"kv": w.Library}, Services: w.Services})
	}
	run := func(b *vm.Builder, body string) error {
		p, err := script.Compile("main.lua", []byte("local kv = require('kv') "+body))
		if err != nil {
			t.Fatal(err)
		}
		return b.Run(p)
	}
	for _, body := range []string{"kv.get('k')", "kv.set('k', 1)", "kv.incr('k')", "kv.keys()", "kv.fetch('k', {}, print)", "kv.ttl('k')", "kv.delete('k')"} {
		err := run(builder(), body)
		if want := " is called while the script loads; call it in functions that serve requests, in route.on_load or in route.every"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", body, err)
		}
	}
	b := builder()
	b.Declared() // as for functions of route.on_load
	if err := run(b, "assert(kv.set('k', 1) and kv.get('k') == 1)"); err != nil {
		t.Error(err)
	}
}

func TestWhatIsOnlyTriedWritesNothing(t *testing.T) {
	t.Parallel()
	store := memory.New()
	if got := call(t, store, "kv.set('n', 5) kv.set('gone', 1) kv.set('same', 1, 60)"); got != "nil" {
		t.Fatal(got)
	}
	run := overlay.NewRun(nil)
	tried := func(body string) string {
		s, ref := world(store).State(t, "keep(function() "+inside+body+"\nend)")
		s.Arm(vm.Limits{CPU: time.Minute}, run.In(t.Context()))
		s.Refuse = func(string) {}
		got, err := libtest.Text(s, s.Call(s.Func(ref), 1))
		if err != nil {
			return err.Error()
		}
		return got
	}
	const ask = "return text(kv.get('n'), kv.get('gone'), kv.get('new'), kv.ttl('same') <= 60, table.concat(kv.keys(), ','))"
	if got := tried("kv.incr('n') kv.incr('n') kv.delete('gone') kv.set('new', 'v') kv.expire('same', 30) " + ask); got != "7 nil v true n,new,same" {
		t.Errorf("the run sees %s", got)
	}
	if got := tried(ask); got != "7 nil v true n,new,same" {
		t.Errorf("the next request of the run sees %s", got)
	}
	if got := call(t, store, ask); got != "5 1 nil true gone,n,same" {
		t.Errorf("the store has %s", got)
	}
	outer := run
	run = overlay.NewRun(outer)
	if got := tried("kv.incr('n') " + ask); got != "8 nil v true n,new,same" {
		t.Errorf("a run in the run sees %s", got)
	}
	if run = outer; tried(ask) != "7 nil v true n,new,same" {
		t.Error("the outer run sees what the inner one has written")
	}
	run = nil
	s, ref := world(store).State(t, "keep(function() kv.set('n', 6) return kv.get('n') end)")
	s.Refuse = func(string) {}
	if got, err := libtest.Text(s, s.Call(s.Func(ref), 1)); err != nil || got != "5" {
		t.Errorf("without a run: got %s, %v", got, err)
	}
}

func TestWhatIsOnlyTriedEndsByTheTimeOfItsRun(t *testing.T) {
	t.Parallel()
	store := memory.New()
	if got := call(t, store, "kv.set('real', 1, 60)"); got != "nil" {
		t.Fatal(got)
	}
	outer := overlay.NewRun(nil)
	run, now := outer, time.Time{}
	tried := func(name, body, want string) {
		t.Helper()
		s, ref := world(store).State(t, "keep(function() "+inside+body+"\nend)")
		s.Arm(vm.Limits{CPU: time.Minute}, run.In(t.Context()))
		s.Refuse, s.Clock = func(string) {}, now
		if got, err := libtest.Text(s, s.Call(s.Func(ref), 1)); err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", name, got, err, want)
		}
	}
	const all = "return text(kv.get('outer'), kv.get('n'), kv.get('forever'), kv.get('real'), (kv.fetch('f', { ttl = 10 }, function() return 'anew' end)))"
	for _, begin := range []time.Time{time.Now().Add(-400 * 24 * time.Hour), time.Now().Add(30 * time.Second), time.Now().Add(100 * 365 * 24 * time.Hour)} {
		outer = overlay.NewRun(nil)
		run, now = outer, begin
		tried("the setup", "kv.set('outer', 1, 20) return ''", "")
		run = overlay.NewRun(outer)
		tried("at first", "kv.incr('n', 1, { ttl = 30 }) kv.set('forever', 1) kv.set('f', 'x', 10) return text(kv.ttl('n'), kv.ttl('outer'), kv.ttl('forever'))", "30 20 inf")
		now = begin.Add(10*time.Second - 1)
		tried("before the first ends", all, "1 1 1 1 x")
		now = begin.Add(20*time.Second - 1)
		tried("before the second ends", "return text(kv.get('outer'), kv.get('f'), kv.expire('n', 11))", "1 nil true")
		now = begin.Add(20 * time.Second)
		tried("when that of the setup ends", all, "nil 1 1 1 anew")
		now = begin.Add(31 * time.Second)
		tried("when all have ended", all, "nil nil 1 1 anew")
		now = begin
		tried("back again", "return text(kv.get('forever'))", "1")
	}
}

func TestAnOldValueIsBetterThanNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		const body = `local v, err = kv.fetch('k', { ttl = 10, stale = 60 }, function()
			if mode == 'raise' then error('a bug', 0) elseif mode == 'fail' then return nil, 'no database' end
			return mode
		end) return text(v, err)`
		ask := func(mode, want string) {
			t.Helper()
			if got := call(t, store, "local mode = '"+mode+"' "+body); got != want {
				t.Errorf("%s: got %s, expected %s", mode, got, want)
			}
		}
		ask("fail", "nil no database")
		ask("raise", "raised: main.lua:16: a bug")
		ask("first", "first nil")
		time.Sleep(9 * time.Second)
		ask("fail", "first nil")
		time.Sleep(2 * time.Second)
		ask("fail", "first stale")
		ask("raise", "first stale")
		ask("second", "second nil")
		time.Sleep(69 * time.Second)
		ask("raise", "second stale")
		time.Sleep(2 * time.Second)
		ask("raise", "raised: main.lua:16: a bug")
	})
}

// parallel calls a function in so many states at once, and returns what they return.
func parallel(t *testing.T, w libtest.World, n int, code string) []string {
	t.Helper()
	image, ref := w.Image(t, "keep(function(i) "+inside+code+"\nend)")
	got := make([]string, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			s := image.NewState()
			s.Arm(vm.Limits{CPU: time.Minute}, t.Context())
			text, err := libtest.Text(s, s.Call(s.Func(ref), 1, libtest.String(fmt.Sprint(i))))
			if err != nil {
				text = "raised: " + err.Error()
			}
			got[i] = text
		})
	}
	all.Wait()
	return got
}
