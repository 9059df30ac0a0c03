package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// A million requests are sent by: go test ./cmd/caddy -run Soak -soak 1000000 -soaktime 1h -timeout 0
var (
	soakRequests = flag.Int("soak", 20_000, "how many requests the soak test sends")
	soakTime     = flag.Duration("soaktime", 30*time.Second, "how long it sends at most")
)

const (
	soakTenants = 50
	soakHostile = 5 // of them
	soakClients = 8
	soakVMs     = 8       // of each tenant
	soakMemory  = 4 << 20 // of each of them, in bytes
)

// good is the script of a tenant that only serves.
const good = `
	local route, json = require("luaroute"), require("json")
	local cache = {}
	route:use(function(req) req.ctx.n = tonumber(req:query_value("n")) end)
	route:get("/sum/{a}", { when = function(req) return tonumber(req.params.a) ~= nil end }, function(req)
		local key = req.params.a
		cache[key] = cache[key] or key * 2
		return 200, req.tenant .. " " .. cache[key] + req.ctx.n
	end)
	route:get("/json/{a}", function(req, res)
		res:on_headers(function(res) res.headers["X-Tenant"] = req.tenant end)
		res:json({ n = req.ctx.n, a = req.params.a })
	end)
	route:get("/body/{a}", function(req, res)
		res:on_body(function(chunk, last) return chunk:upper() end)
		return 200, req.params.a .. " of " .. req.tenant
	end)`

// hostile is what the others do besides.
const hostile = good + `
	local kept = {}
	local attacks = {
		function() while true do end end,
		function() while true do pcall(function() while true do end end) end end,
		function() local s = "x" while true do s = s .. s end end,
		function() local t = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end end,
		function() kept[#kept + 1] = ("x"):rep(2^18) .. #kept error("kept") end,
		function() while true do coroutine.wrap(function() coroutine.yield() end)() end end,
		function() local function f() return 1 + f() end f() end,
		function() (("a"):rep(1e5)):find((".-"):rep(20) .. "b") end,
		function() error(setmetatable({}, { __tostring = error })) end,
		function() while true do print("noise") end end,
	}
	route:get("/attack/{i}", function(req) attacks[tonumber(req.params.i)]() end)
	route:get("/attack/after/{i}", function(req, res)
		res:write("begun") res:flush()
		attacks[tonumber(req.params.i)]()
	end)
	route:get("/attack/hook/{i}", function(req, res)
		res:on_done(function() attacks[tonumber(req.params.i)]() end)
		return 200, "fine"
	end)`

// soak sends requests and counts what is wrong.
type soak struct {
	c     *e2e.Caddy
	wrong atomic.Int64
	t     *testing.T
}

// expect asks a tenant for something and compares the answer.
func (s *soak) expect(tenant int, target string, status int, body string) {
	answer, err := s.c.Try(http.MethodGet, target, nil, fmt.Sprintf("Host: t%d.example", tenant))
	if err != nil || answer.Status != status || answer.Body != body {
		if s.wrong.Add(1) <= 10 {
			s.t.Errorf("t%d %s: got %d %q, %v; want %d %q", tenant, target, answer.Status, answer.Body, err, status, body)
		}
	}
}

// serve asks for what every tenant serves.
func (s *soak) serve(r *rand.Rand, tenant int) {
	n, a := r.IntN(1000), r.IntN(100)
	switch r.IntN(3) {
	case 0:
		s.expect(tenant, fmt.Sprintf("/sum/%d?n=%d", a, n), 200, fmt.Sprintf("t%d %d", tenant, 2*a+n))
	case 1:
		s.expect(tenant, fmt.Sprintf("/json/%d?n=%d", a, n), 200, fmt.Sprintf(`{"a":"%d","n":%d}`, a, n))
	case 2:
		s.expect(tenant, fmt.Sprintf("/body/x%d", a), 200, strings.ToUpper(fmt.Sprintf("x%d of t%d", a, tenant)))
	}
}

// attack has a hostile tenant do its worst. Its requests fail, by themselves or because its virtual machines are all in use.
func (s *soak) attack(r *rand.Rand, tenant int) {
	i, host := 1+r.IntN(10), fmt.Sprintf("Host: t%d.example", tenant)
	switch r.IntN(4) {
	case 0:
		_, _ = s.c.Try(http.MethodGet, fmt.Sprintf("/attack/after/%d", i), nil, host)
	case 1:
		_, _ = s.c.Try(http.MethodGet, fmt.Sprintf("/attack/hook/%d", i), nil, host)
	default:
		answer, err := s.c.Try(http.MethodGet, fmt.Sprintf("/attack/%d", i), nil, host)
		if err != nil || answer.Status < 500 || answer.Body != "" {
			s.t.Errorf("t%d: attack %d got %d %q, %v", tenant, i, answer.Status, answer.Body, err)
		}
	}
}

// send sends requests to all tenants alike.
func (s *soak) send(requests int, end time.Time) (sent int64) {
	var left atomic.Int64
	left.Store(int64(requests))
	var clients sync.WaitGroup
	for range soakClients {
		clients.Go(func() {
			r := rand.New(rand.NewPCG(rand.Uint64(), 5))
			for left.Add(-1) >= 0 && time.Now().Before(end) {
				if tenant := r.IntN(soakTenants); tenant < soakHostile {
					s.attack(r, tenant)
				} else {
					s.serve(r, tenant)
				}
			}
		})
	}
	clients.Wait()
	return int64(requests) - max(left.Load(), 0)
}

// held is what the process holds when nothing runs.
func (s *soak) held() (heap uint64, goroutines int) {
	s.c.Client.CloseIdleConnections()
	last, same := 0, 0
	e2e.Until(s.t, "no goroutine ends any more", func() bool {
		now := runtime.NumGoroutine()
		if same++; now != last {
			last, same = now, 0
		}
		return same >= 50
	})
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc, runtime.NumGoroutine()
}

func TestASoakLeavesHeapAndGoroutinesFlatAndLosesNoVM(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	c := e2e.New(t)
	c.File("good.lua", good)
	c.File("hostile.lua", hostile)
	var site strings.Builder
	fmt.Fprintf(&site, "http:// {\nluaroute {\nlimits {\ncpu 2ms\nmemory %d\nvms %d\nqueue 20s\n}\n", soakMemory, soakVMs)
	for i := range soakTenants {
		script := "good.lua"
		if i < soakHostile {
			script = "hostile.lua"
		}
		fmt.Fprintf(&site, "tenant t%d {\nhost t%d.example\nscript $dir/%s\n}\n", i, i, script)
	}
	c.Start(site.String() + "}\n}\n")

	s := &soak{c: c, t: t}
	end := time.Now().Add(*soakTime)
	warm := s.send(*soakRequests/4, end)
	heap, goroutines := s.held()
	sent := warm + s.send(*soakRequests-int(warm), end)
	heapAfter, goroutinesAfter := s.held()
	t.Logf("%d requests; heap %d and %d KiB, %d and %d goroutines", sent, heap>>10, heapAfter>>10, goroutines, goroutinesAfter)
	// The idle machines of the hostile may hold what they are allowed, and how many there are is chance. However long it takes, the
	// heap is not larger by more than that.
	if most := heap + soakHostile*soakVMs*soakMemory; heapAfter > most {
		t.Errorf("the heap has grown from %d to %d bytes", heap, heapAfter)
	}
	if goroutinesAfter > goroutines+10 {
		t.Errorf("there were %d goroutines, and now there are %d", goroutines, goroutinesAfter)
	}
	// A tenant whose machines were lost would wait for one in vain: each serves eight at once still.
	for tenant := range soakHostile {
		var clients sync.WaitGroup
		for range 20 {
			clients.Go(func() { s.expect(tenant, "/sum/2?n=3", 200, fmt.Sprintf("t%d 7", tenant)) })
		}
		clients.Wait()
	}
}
