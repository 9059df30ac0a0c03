package main

import (
	"flag"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/internal/testredis"
)

var redisRate = flag.Int("redisrate", 200, "requests a second while Redis fails")

// redisTimeout is the timeout of the store in these tests, which a busy machine stays below if it does not wait.
const redisTimeout = 2 * time.Second

// askers send requests at a rate, whether those before are answered or not, and keep what came of them.
type askers struct {
	ok, late, down, full, other atomic.Int64
	slow, longest               atomic.Int64 // answers that took longer than the timeout and a quarter, and the one that took longest, in ns
}

// send sends requests until stop is closed, and returns when all are answered.
func (a *askers) send(client *http.Client, url string, stop <-chan struct{}) {
	var all sync.WaitGroup
	defer all.Wait()
	tick := time.NewTicker(time.Second / time.Duration(*redisRate))
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		all.Go(func() {
			begun := time.Now()
			res, err := client.Get(url)
			if err != nil {
				a.other.Add(1)
				return
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			took := int64(time.Since(begun))
			if took > int64(redisTimeout+redisTimeout/4) {
				a.slow.Add(1)
			}
			for old := a.longest.Load(); took > old && !a.longest.CompareAndSwap(old, took); old = a.longest.Load() {
			}
			text := string(body)
			switch {
			case err == nil && res.StatusCode == http.StatusOK:
				a.ok.Add(1)
			case strings.HasPrefix(text, "timeout"):
				a.late.Add(1)
			case strings.HasPrefix(text, "down"):
				a.down.Add(1)
			case strings.HasPrefix(text, "full"):
				a.full.Add(1)
			default:
				a.other.Add(1)
			}
		})
	}
}

// redisFailures are ways to fail, and to be there again. Each is done to the server that the first address leads to.
var redisFailures = []struct {
	name       string
	fail, heal func(*testredis.Server)
	full       bool
}{
	{"frozen", (*testredis.Server).Freeze, (*testredis.Server).Thaw, false},
	{"gone", (*testredis.Server).Kill, (*testredis.Server).Start, false},
	{
		"read only",
		func(s *testredis.Server) { s.Ask("REPLICAOF", "127.0.0.1", "1") },
		func(s *testredis.Server) { s.Ask("REPLICAOF", "NO", "ONE") },
		false,
	},
	{
		"full",
		func(s *testredis.Server) { s.Ask("CONFIG", "SET", "maxmemory", "1") },
		func(s *testredis.Server) { s.Ask("CONFIG", "SET", "maxmemory", "0") },
		true,
	},
}

// TestARedisThatFailsHoldsNoRequestLong sends requests to a script that asks Redis twice, while Redis fails and comes back.
func TestARedisThatFailsHoldsNoRequestLong(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	for _, row := range redisFailures {
		server := testredis.New(t)
		if server == nil {
			return
		}
		t.Run(row.name, func(t *testing.T) { underLoad(t, server, server.Address(), "", row.fail, row.heal, row.full) })
	}
	t.Run("failing over", func(t *testing.T) {
		master := testredis.New(t)
		testredis.NewReplica(t, master)
		sentinel := testredis.NewSentinel(t, "shop", master)
		underLoad(t, master, sentinel.Address(), "sentinel shop", (*testredis.Server).Kill, nil, false)
	})
}

// underLoad sends requests while a server fails and is healed, or another one takes its place.
func underLoad(t *testing.T, server *testredis.Server, address, more string, fail, heal func(*testredis.Server), full bool) {
	c := e2e.New(t)
	c.File("main.lua", `
		local kv, route = require("kv"), require("luaroute")
		route:get("/", function()
			local n, err = kv.incr("n")
			local m, other = kv.get("n")
			if err or other then return 503, err or other end
			return 200, tostring(n)
		end)`)
	c.Start("http:// {\nluaroute {\nscript $dir/main.lua\nkv redis " + address + " {\ntimeout 2s\n" + more + "\n}\n}\n}")
	e2e.Until(t, "Redis is reached", func() bool { return c.Get("/").Status == http.StatusOK })

	var a askers
	stop := make(chan struct{})
	var all sync.WaitGroup
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}
	url := c.Expand("http://127.0.0.1:$port/")
	all.Go(func() { a.send(client, url, stop) })
	failed := func() int64 { return a.late.Load() + a.down.Load() + a.full.Load() }
	e2e.Until(t, "requests are answered", func() bool { return a.ok.Load() > 100 })

	begun, before := time.Now(), a.late.Load()
	fail(server)
	e2e.Until(t, "requests fail", func() bool { return failed() > int64(*redisRate)/2 })
	late := a.late.Load()
	if heal != nil {
		e2e.Until(t, "requests have failed for long", func() bool { return failed() > 2*int64(*redisRate) })
		// A machine that stops for a moment may let a few wait; without the breaker all would.
		if got := a.late.Load() - late; got > int64(*redisRate)/10 {
			t.Errorf("%d requests waited while Redis was down", got)
		}
		heal(server)
	}
	healed, answered := time.Now(), a.ok.Load()
	e2e.Until(t, "requests are answered again", func() bool { return a.ok.Load() > answered+100 })
	back := time.Since(healed)
	close(stop)
	all.Wait()
	t.Logf("at %d requests/s: down for %v; %d ok, %d timeout, %d down, %d full, %d other; %d took longer than %v, the longest %v; 100 were answered %v after it was healed",
		*redisRate, healed.Sub(begun).Round(time.Millisecond), a.ok.Load(), a.late.Load(), a.down.Load(), a.full.Load(), a.other.Load(),
		a.slow.Load(), redisTimeout+redisTimeout/4, time.Duration(a.longest.Load()).Round(time.Millisecond), back.Round(time.Millisecond))
	if a.other.Load() > 0 || (a.full.Load() > 0) != full {
		t.Errorf("%d requests failed otherwise, %d with full", a.other.Load(), a.full.Load())
	}
	// What was under way when it failed, for the time that passes until somebody knows.
	if most := int64(*redisRate) / 2; late-before > most {
		t.Errorf("%d requests waited for Redis, want %d at most", late-before, most)
	}
}

func TestAnInstanceWithoutItsRedisLoadsAndAnswers(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `
		local kv, route = require("kv"), require("luaroute")
		route:get("/", function()
			local n, err = kv.incr("n")
			return 200, tostring(n) .. " " .. tostring(err)
		end)`)
	c.Start("http:// {\nluaroute {\nscript $dir/main.lua\nkv redis " + ports.Dead(t) + " {\ntimeout 20s\n}\n}\n}")
	for range 7 {
		c.Get("/").Want(http.StatusOK, "nil down")
	}
	c.Get("/").Want(http.StatusOK, "nil down")
	e2e.Until(t, "the log says once that it is down", func() bool { return c.Logged("redis is down") == 1 })
}

func TestAReloadMovesStateToAnotherRedis(t *testing.T) {
	one, other := testredis.New(t), testredis.New(t)
	if one == nil {
		return
	}
	c := e2e.New(t)
	c.File("main.lua", `
		local kv, route = require("kv"), require("luaroute")
		route:get("/", function() return 200, tostring(kv.incr("n", 1, { ttl = 3600 })) end)`)
	at := func(s *testredis.Server) []byte {
		return c.Caddyfile("http:// {\nluaroute {\nscript $dir/main.lua\nkv redis " + s.Address() + " {\ntimeout 20s\n}\n}\n}")
	}
	for _, step := range []struct {
		server *testredis.Server
		want   string
	}{{one, "1"}, {one, "2"}, {other, "1"}, {one, "3"}} {
		c.MustLoad(at(step.server))
		c.Get("/").Want(http.StatusOK, step.want)
	}
	if got := one.Ask("GET", "luaroute:main::n"); got != "\x013" {
		t.Errorf("another program reads %q", got)
	}
}
