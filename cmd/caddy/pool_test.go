package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
	"github.com/luaroute/caddy-luaroute/internal/ports"
)

func TestARequestIsTriedOnTheNextUpstreamWhenTheFirstIsDown(t *testing.T) {
	c := e2e.New(t)
	up := c.Origin("up")
	c.Set("down", ports.Dead(t))
	c.Route(`
		local route = require("luaroute")
		route:pool("retries", { "$down", "$up", lb_policy = "first", try_duration = "5s",
		  health_checks = { passive = { fail_duration = "1m" } } })
		route:pool("retries-without-memory", { "$down", "$up", lb_policy = "round_robin", load_balancing = { retries = 1 } })
		route:pool("gives-up", { "$down", "$up", lb_policy = "first" })
		route:any("/retries", "retries")
		route:any("/decided", function(req) req:body(); return "retries-without-memory" end)
		route:any("/gives-up", "gives-up")
	`)

	for range 3 {
		c.Get("/retries").From("up")
	}
	for range 4 { // the first choice of every second one is down
		body := c.Send(http.MethodPost, "/decided", strings.NewReader("kept")).From("up").Body
		if body != "kept" {
			t.Errorf("the body is %q after a retry", body)
		}
	}
	if n := up.Requests.Load(); n != 7 {
		t.Errorf("the upstream saw %d requests; want 7", n)
	}
	c.Get("/gives-up").Want(502, "")
}

func TestActiveHealthChecksTakeAnUpstreamOutAndBack(t *testing.T) {
	c := e2e.New(t)
	var sick atomic.Bool
	c.Serve("main", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" && sick.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "main")
	})
	c.Serve("spare", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "spare") })
	c.Route(`
		local route = require("luaroute")
		route:pool("app", { "$main", "$spare", lb_policy = "first", health_uri = "/health", health_interval = "10ms" })
		route:get("/", "app")
	`)

	serves := func(name string) func() bool {
		return func() bool { return c.Get("/").Body == name }
	}
	e2e.Until(t, "the healthy upstream serves", serves("main"))
	sick.Store(true)
	e2e.Until(t, "the spare one serves instead of the sick", serves("spare"))
	sick.Store(false)
	e2e.Until(t, "the upstream is back", serves("main"))
}

func TestTheLoadBalancingPolicyOfAPoolHolds(t *testing.T) {
	const requests = 12
	c := e2e.New(t)
	origins := []*e2e.Origin{c.Origin("a"), c.Origin("b"), c.Origin("c")}
	c.File("main.lua", `
		local route = require("luaroute")
		local upstreams = { "$a", "$b", "$c" }
		for name, more in pairs{
		  round = { lb_policy = "round_robin" },
		  first = { lb_policy = "first" },
		  least = { lb_policy = "least_conn" },
		  header = { lb_policy = "header X-Session" },
		  weighted = { load_balancing = { selection_policy = { policy = "weighted_round_robin", weights = { 4, 1, 1 } } } },
		} do
		  for i, address in ipairs(upstreams) do more[i] = address end
		  route:pool(name, more)
		  route:get("/" .. name, name)
		  route:get("/decided/" .. name, function() return name end)
		end
		route:get("/config", "config")
		route:get("/chosen", route.proxy("round", { upstream = "$b" }))
	`)
	c.Start(e2e.Site(`pool config $a $b $c {
		lb_policy round_robin
	}`))

	for path, want := range map[string][]int64{
		"/round":            {4, 4, 4},
		"/decided/round":    {4, 4, 4},
		"/config":           {4, 4, 4},
		"/weighted":         {8, 2, 2},
		"/decided/weighted": {8, 2, 2},
		"/first":            {12, 0, 0},
		"/decided/first":    {12, 0, 0},
		"/chosen":           {0, 12, 0},
	} {
		t.Run(path, func(t *testing.T) {
			if got := shares(c, origins, requests, path); !slices.Equal(got, want) {
				t.Errorf("the upstreams got %v requests; want %v", got, want)
			}
		})
	}
	for path, header := range map[string]string{"/header": "X-Session: ada", "/decided/header": "X-Session: ada"} {
		got := shares(c, origins, requests, path, header)
		if slices.Sort(got); !slices.Equal(got, []int64{0, 0, requests}) {
			t.Errorf("%s: requests of one session went to several upstreams: %v", path, got)
		}
	}
	got := shares(c, origins, requests, "/least")
	if got[0]+got[1]+got[2] != requests {
		t.Errorf("least_conn: the upstreams got %v requests", got)
	}
}

// shares returns how many of some requests each origin got.
func shares(c *e2e.Caddy, origins []*e2e.Origin, requests int, path string, headers ...string) []int64 {
	for _, o := range origins {
		o.Requests.Store(0)
	}
	for range requests {
		c.Get(path, headers...)
	}
	var got []int64
	for _, o := range origins {
		got = append(got, o.Requests.Load())
	}
	return got
}

func TestLeastConnLeavesTheBusyUpstreamAlone(t *testing.T) {
	c := e2e.New(t)
	entered, finish := make(chan struct{}), make(chan struct{})
	answer := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				w.Header().Set("X-Origin", name)
				w.WriteHeader(200)
				_ = http.NewResponseController(w).Flush()
				close(entered)
				<-finish
			}
			fmt.Fprint(w, name)
		}
	}
	c.Serve("a", answer("a"))
	c.Serve("b", answer("b"))
	c.Route(`
		local route = require("luaroute")
		route:pool("app", { "$a", "$b", lb_policy = "least_conn" })
		route:get("/*", "app")
	`)

	slow, err := c.Open(http.MethodGet, "/slow", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Body.Close()
	defer close(finish)
	<-entered
	busy := slow.Header.Get("X-Origin")
	for range 8 {
		if got := c.Get("/quick").Body; got == busy || got == "" {
			t.Fatalf("%q got a request while it was busy with another", got)
		}
	}
}
