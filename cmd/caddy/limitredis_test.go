package main

import (
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
	"github.com/luaroute/caddy-luaroute/internal/testredis"
)

// redisLimits are limits in the store, one for each on_error, of three requests a key.
const redisLimits = `
	local route = require("luaroute")
	for _, mode in ipairs{ "local", "open", "closed" } do
		route:with(route.limit{ name = mode, rate = 1, per = 86400, burst = 3, key = "header:K", store = "kv", on_error = mode })
			:get("/" .. mode, { body = "passed" })
	end`

// askAtOnce asks so often at once, and returns how many answers had each status, and how long the slowest took.
func askAtOnce(c *e2e.Caddy, path, key string, n int) (statuses map[int]int, slowest time.Duration) {
	statuses = map[int]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			begun := time.Now()
			got := c.Get(path, "K: "+key)
			mu.Lock()
			defer mu.Unlock()
			statuses[got.Status]++
			slowest = max(slowest, time.Since(begun))
		})
	}
	all.Wait()
	return statuses, slowest
}

// TestALimitWhoseRedisFailsDoesWhatOnErrorSays has Redis fail in each way, and come back. Nobody waits for it longer than its timeout, and nobody
// at all once it is taken for down.
func TestALimitWhoseRedisFailsDoesWhatOnErrorSays(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	const timeout, asked = 2 * time.Second, 10 // a timeout that a busy machine stays below if it does not wait
	for _, row := range redisFailures {
		t.Run(row.name, func(t *testing.T) {
			server := testredis.New(t)
			if server == nil {
				return
			}
			c := e2e.New(t)
			c.File("main.lua", redisLimits)
			c.Start("http:// {\nluaroute {\nscript $dir/main.lua\nkv redis " + server.Address() + " {\ntimeout 2s\n}\n}\n}")
			want := func(state, key string, healthy bool) {
				t.Helper()
				limited := map[int]int{200: 3, 429: asked - 3}
				for path, failing := range map[string]map[int]int{"/local": limited, "/open": {200: asked}, "/closed": {503: asked}} {
					expected := limited
					if !healthy {
						expected = failing
					}
					got, slowest := askAtOnce(c, path, key, asked)
					for status, n := range expected {
						if got[status] != n {
							t.Errorf("%s, %s: the statuses are %v, want %v", state, path, got, expected)
						}
					}
					if !healthy && slowest >= timeout {
						t.Errorf("%s, %s: a request took %v", state, path, slowest)
					}
				}
			}
			c.Get("/open", "K: first").Want(http.StatusOK, "passed")
			want("healthy", "healthy", true)
			row.fail(server)
			// Those that find out wait once at most.
			if _, slowest := askAtOnce(c, "/open", "finds out", asked); slowest >= 2*timeout {
				t.Errorf("a request took %v", slowest)
			}
			want("failing", "failing", false)
			row.heal(server)
			tries := 0
			e2e.Until(t, "the limits count in Redis again", func() bool {
				tries++
				return c.Get("/closed", "K: again "+strconv.Itoa(tries)).Status == http.StatusOK
			})
			want("back", "back", true)
		})
	}
}
