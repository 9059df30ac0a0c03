package hook_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// crowd is how many requests are in flight at once. The race detector allows some 8,000 goroutines, and a request that is
// forwarded has nine. So the tests with a crowd run by themselves.
var crowd = map[bool]int{false: 2000, true: 600}[testkit.Race]

// until waits for a condition.
var until = testkit.Until

// dam is an upstream that holds all requests until it is opened, at the latest when the test ends.
type dam struct {
	address string
	held    atomic.Int64
	gate    chan struct{}
	open    func()
}

func newDam(t *testing.T) *dam {
	d := &dam{gate: make(chan struct{})}
	d.open = sync.OnceFunc(func() { close(d.gate) })
	d.address = luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
		d.held.Add(1)
		<-d.gate
		w.Header().Set("X-Origin", r.Header.Get("X-Who"))
		fmt.Fprintf(w, "%s for %s", r.URL.Path, r.Header.Get("X-Who"))
	})
	t.Cleanup(d.open)
	return d
}

// rush sends all requests of a crowd at once, and returns a function that waits for their answers and checks them.
func rush(t *testing.T, site *luatest.Site) (wait func()) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // it waits for as long as the machine needs
	var clients sync.WaitGroup
	for i := range crowd {
		clients.Go(func() {
			who, path := fmt.Sprintf("who-%d", i), fmt.Sprintf("/path/%d", i)
			r, _ := http.NewRequest(http.MethodGet, site.URL+path, nil)
			r.Header.Set("X-Client", who)
			a, err := luatest.Send(client, r)
			if want := fmt.Sprintf("200 %s for %s", path, who); err != nil || a.String() != want {
				t.Errorf("got %s, %v; want %s", a, err, want)
				return
			}
			for _, name := range []string{"X-Origin", "X-Outer", "X-Inner"} {
				if got := a.Header.Get(name); got != who {
					t.Errorf("%s got %s %q", who, name, got)
				}
			}
		})
	}
	return func() {
		clients.Wait()
		for len(site.Errors) > 0 {
			t.Error(<-site.Errors)
		}
	}
}

func TestACrowdOfWrappedRequestsTakesTurnsOnFewVirtualMachines(t *testing.T) {
	const vms = 50
	origin := newDam(t)
	site := luatest.Setup{Limits: config.Limits{VMs: vms, Queue: caddy.Duration(time.Hour)}}.Serve(t, fmt.Sprintf(`local route = require("luaroute")
		route:pool("dam", { %q, transport = { protocol = "http", dial_timeout = "5m" } })
		local function wrap(name)
			return function(req, res, next)
				local who = req:header("X-Client")
				req.ctx[name] = who
				res.headers["X-" .. name] = who
				next()
				assert(req.ctx[name] == who and req:header("X-Client") == who, "another request")
			end
		end
		route:use(wrap("Outer"), wrap("Inner"))
		route:get("/path/{n}", function(req)
			assert(req.ctx.Outer == req.ctx.Inner)
			req:set_header("X-Who", req.ctx.Outer)
			return "dam"
		end)`, origin.address))
	wait := rush(t, site)
	// Each virtual machine is kept by a wrapper whose request is at the origin, and everybody else waits.
	full := vm.Stats{Size: vms, Waiting: crowd - vms}
	until(t, "all virtual machines are in use", func() bool {
		return origin.held.Load() == vms && site.VMs.Stats() == full
	})
	origin.open()
	wait()
	rested := vm.Stats{Size: vms, Idle: vms}
	until(t, "all virtual machines are back", func() bool { return site.VMs.Stats() == rested })
	if n := origin.held.Load(); n != int64(crowd) {
		t.Errorf("the origin was asked %d times, want %d", n, crowd)
	}
}

func TestACrowdWaitsForItsOriginWithoutVirtualMachines(t *testing.T) {
	const vms = 8
	origin := newDam(t)
	site := luatest.Setup{Limits: config.Limits{VMs: vms, Queue: caddy.Duration(time.Hour)}}.Serve(t, fmt.Sprintf(`local route = require("luaroute")
		route:pool("dam", { %q, transport = { protocol = "http", dial_timeout = "5m" } })
		route:use(function(req, res) req.ctx.who = req:header("X-Client") res.headers["X-Outer"] = req.ctx.who end)
		route:get("/path/{n}", { when = function(req) return req:header("X-Client") end }, function(req, res)
			req:set_header("X-Who", req.ctx.who)
			res.headers["X-Inner"] = req.ctx.who
			return "dam"
		end)`, origin.address))
	wait := rush(t, site)
	until(t, "all requests are at the origin at once", func() bool { return origin.held.Load() == int64(crowd) })
	s := site.VMs.Stats()
	if s.Size < 1 || s.Size > vms || s.Idle != s.Size || s.Waiting != 0 {
		t.Errorf("while all wait for the origin there are %+v, want at most %d, all idle", s, vms)
	}
	origin.open()
	wait()
}
