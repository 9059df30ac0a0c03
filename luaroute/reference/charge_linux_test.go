//go:build !race

package reference_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/reference"
	"github.com/luaroute/caddy-luaroute/luaroute/request"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	// large is the size of the strings that functions get, in bytes, and many that of the lists.
	large = 1 << 19
	many  = 20_000
	// Less than this is no work, and is asked of no function: so many bytes, and so many times what testkit.Usual takes.
	fewBytes = 192 << 10
	fewTimes = 13
)

// effort is what a call has taken.
type effort struct {
	bytes uint64
	time  time.Duration
}

func (e effort) String() string { return fmt.Sprintf("%d KiB and %v", e.bytes>>10, e.time) }

// callOf is one call of a function, with arguments that are made anew for it.
type callOf struct {
	holder, name, shape string
	args                []func() lua.LValue
}

func (c callOf) String() string { return c.holder + "." + c.name + " with " + c.shape }

// probe is a library whose function makes a call and measures it.
type probe struct {
	call callOf
	took effort
	ran  bool

	garbage uint64
}

// Open returns the library's table.
func (p *probe) Open(*lua.LState) lua.LValue {
	return vm.Bindings{
		{Fn: func(L *lua.LState) int {
			L.Push(lua.LString(p.call.holder))
			L.Push(lua.LString(p.call.name))
			return 2
		}, Doc: vm.Doc{Name: "next", Returns: "string holder, string name"}},
		{Fn: p.run, Doc: vm.Doc{Name: "run", Args: "fn: function, self: any"}},
	}.Table()
}

// run calls a function of Go, which may not return.
func (p *probe) run(L *lua.LState) int {
	fn, self := L.CheckFunction(1), L.Get(2)
	args := make([]lua.LValue, len(p.call.args))
	for i, arg := range p.call.args {
		args[i] = arg()
	}
	L.Push(fn)
	given := L.GetTop()
	if self != lua.LNil {
		L.Push(self)
	}
	for _, arg := range args {
		L.Push(arg)
	}
	given = L.GetTop() - given
	p.ran = true
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := testkit.ThreadTime()
	defer func() {
		p.took.time = testkit.ThreadTime() - start
		runtime.ReadMemStats(&after)
		p.took.bytes = after.TotalAlloc - before.TotalAlloc
	}()
	L.Call(given, 0)
	return 0
}

// chargeScript calls what the probe says.
const chargeScript = `
	local route, probe = require("luaroute"), require("probe")
	local jwt = require("jwt")
	local re, idp = require("re").compile("(x+)|y"), jwt.issuer{ issuer = "https://a.example", algorithms = { "HS256" }, secret = ("k"):rep(32) }
	local holders = {}
	for _, name in ipairs{ LIBRARIES } do holders[name] = require(name) end
	for _, name in ipairs{ TABLES } do holders[name] = _G[name] end
	holders._G = _G
	route:post("/", function(req, res)
		local of, name = probe.next()
		local objects = { ["luaroute.Request"] = req, ["luaroute.Response"] = res, ["re.Pattern"] = re, ["jwt.Issuer"] = idp }
		local self = objects[of]
		probe.run((self or holders[of])[name], self)
		return 204
	end)`

// Work is counted before it is done: where nobody waits for the request any more, a function that has much to do ends before it. The functions are
// all that there are, and their arguments are made of what describes them: each is large once, in each of many ways. It is not parallel, since it
// counts all that is allocated, and not built with the race detector, which makes it ten times as slow and finds nothing in it.
func TestEachFunctionThatHasMuchToDoAsksBefore(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // so that no call pays for the garbage of others
	p := new(probe)
	r := reference.Build()
	libraries, tables := reference.Compiled(), []string{}
	libraries["probe"] = p
	var names []string
	for name := range libraries {
		names = append(names, fmt.Sprintf("%q", name))
	}
	var calls []callOf
	for _, table := range r.Tables {
		tables = append(tables, fmt.Sprintf("%q", table.Name))
		calls = append(calls, callsOf(t, r, table.Name, table.Fields)...)
	}
	calls = append(calls, callsOf(t, r, "_G", r.Globals)...)
	for _, lib := range r.Libraries {
		calls = append(calls, callsOf(t, r, lib.Name, lib.Docs)...)
	}
	for _, class := range []string{"luaroute.Request", "luaroute.Response", "re.Pattern", "jwt.Issuer"} {
		calls = append(calls, callsOf(t, r, class, r.Class(class).Methods)...)
	}
	serves, err := luatest.Setup{
		Libraries: libraries,
		Limits:    config.Limits{CPU: caddy.Duration(100 * time.Millisecond), Wall: caddy.Duration(20 * time.Millisecond), Memory: 1 << 30, Body: 8 << 20},
	}.Load(t, strings.NewReplacer("LIBRARIES", strings.Join(names, ", "), "TABLES", strings.Join(tables, ", ")).Replace(chargeScript))
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	p.compare(t, calls, 60, func(ended bool) error {
		ctx := t.Context()
		if ended {
			ctx = gone
		}
		return p.serve(t, serves, ctx)
	})
}

// Those that declare something are called while scripts load, where nobody waits for the server any more.
func TestEachDeclarationThatHasMuchToDoAsksBefore(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	p := new(probe)
	r := reference.Build()
	libraries := reference.Compiled()
	libraries["probe"] = p
	calls := callsOf(t, r, reference.ModuleName, r.Router().Methods)
	for of, names := range map[string][]string{"jwt": {"issuer", "key"}, "http": {"client"}} { // which a request cannot call
		docs := slices.DeleteFunc(slices.Clone(r.Library(of).Docs), func(d vm.Doc) bool { return !slices.Contains(names, d.Name) })
		calls = append(calls, callsOf(t, r, of, docs)...)
	}
	over := vm.NewLife()
	over.End()
	p.compare(t, calls, 20, func(ended bool) error {
		setup := luatest.Setup{Libraries: libraries, LoadLimits: vm.Limits{CPU: 100 * time.Millisecond, Wall: 20 * time.Millisecond, Memory: 1 << 30}}
		if ended {
			setup.Life = over
		}
		_, err := setup.Run(t, `local probe = require("probe")
			local of, name = probe.next()
			local holder = require(of)
			probe.run(holder[name], of == "luaroute" and holder or nil)`)
		return err
	})
}

// compare makes calls, and those that take much once more where they are to end. So many functions have much to do at least.
func (p *probe) compare(t *testing.T, calls []callOf, least int, call func(ended bool) error) {
	t.Helper()
	worked := map[string]bool{}
	quiet := fewTimes * testkit.Usual()
	for _, p.call = range calls {
		whole := p.least(t, 2, effort{}, func() error { return call(false) })
		if whole.bytes < fewBytes && whole.time < quiet {
			continue
		}
		few := max(quiet, fewTimes*testkit.Usual()) // others may use the caches of the processor meanwhile
		if whole.bytes < fewBytes && whole.time < few {
			continue
		}
		worked[p.call.holder+"."+p.call.name] = true
		most := effort{whole.bytes/4 + fewBytes/3, whole.time/4 + few/3}
		if begun := p.least(t, 8, most, func() error { return call(true) }); begun.bytes > most.bytes || begun.time > most.time {
			t.Errorf("%s takes %v, and %v where it is to end", p.call, whole, begun)
		}
	}
	t.Logf("%d calls; %d functions have much to do: %v", len(calls), len(worked), slices.Sorted(maps.Keys(worked)))
	if len(worked) < least {
		t.Errorf("only %d functions have much to do, so the test looks in the wrong place", len(worked))
	}
}

// least makes the call some times, and returns the least that it took; it stops where that is no more than enough.
func (p *probe) least(t *testing.T, times int, enough effort, call func() error) (least effort) {
	t.Helper()
	for i := range times {
		if p.garbage += p.took.bytes + 2*large; p.garbage > 256<<20 {
			p.garbage = 0
			runtime.GC()
		}
		p.took, p.ran = effort{}, false
		if err := call(); !p.ran {
			t.Fatalf("%s did not run: %v", p.call, err)
		}
		if i == 0 {
			least = p.took
		}
		least = effort{min(least.bytes, p.took.bytes), min(least.time, p.took.time)}
		if least.bytes <= enough.bytes && least.time <= enough.time {
			break
		}
	}
	return least
}

// table is what serves requests by a script.
type table interface {
	Serve(http.ResponseWriter, *http.Request, caddyhttp.Handler) error
}

// serve makes the call in a request.
func (p *probe) serve(t *testing.T, by table, ctx context.Context) error {
	t.Helper()
	hr := httptest.NewRequest(http.MethodPost, "/", nil)
	if strings.HasPrefix(p.call.holder, "luaroute.") {
		hr = httptest.NewRequest(http.MethodPost, "/?"+strings.Repeat("a=b&", large/16), strings.NewReader(listOf(large)))
		hr.Header["X-Many"] = slices.Repeat([]string{"v"}, many)
		hr.Header["Cookie"] = []string{strings.Repeat("c=d; ", large/16)}
		hr.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	hr = luatest.Prepared(w, hr.WithContext(ctx))
	if _, err := request.ReadBody(hr, 2*large); err != nil { // what reads it is not Lua
		t.Fatal(err)
	}
	return by.Serve(w, hr, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil }))
}
