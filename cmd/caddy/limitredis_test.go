package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
	"github.com/luaroute/caddy-luaroute/internal/ports"
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
	const timeout, asked = 10 * time.Second, 10 // a timeout that a busy machine stays below if it does not wait
	for _, row := range redisFailures {
		t.Run(row.name, func(t *testing.T) {
			server := testredis.New(t)
			if server == nil {
				return
			}
			c := e2e.New(t)
			c.File("main.lua", redisLimits)
			c.Start("http:// {\nluaroute {\nscript $dir/main.lua\nkv redis " + server.Address() + " {\ntimeout 10s\n}\n}\n}")
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

// TestThreeCaddysLetPassWhatOneBudgetAllows asks three processes at once, which have nothing in common but Redis.
func TestThreeCaddysLetPassWhatOneBudgetAllows(t *testing.T) {
	t.Parallel()
	server := testredis.New(t)
	if server == nil {
		return
	}
	const budget, asked, caddys, atOnce = 100, 2000, 3, 60
	var sites [caddys]string
	for i := range sites {
		dir, port := t.TempDir(), ports.Free(t)
		sites[i] = "http://127.0.0.1:" + port
		for name, text := range map[string]string{
			"Caddyfile": "{\nadmin off\npersist_config off\n}\nhttp://:" + port + " {\nbind 127.0.0.1\nluaroute {\nscript main.lua\nkv redis " + server.Address() + " {\ntimeout 1m\n}\n}\n}\n",
			"main.lua": `local route = require("luaroute")
				route:get("/alive", { body = "yes" })
				route:with(route.limit{ name = "shared", rate = 1, per = 86400, burst = 100, key = "header:K", store = "kv", on_error = "closed" })
					:get("/", { body = "passed" })`,
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		cmd := caddyIn(t, dir, "run")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
	}
	get := func(url string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Error(err)
			return 0
		}
		r.Header.Set("K", "one")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	for _, site := range sites {
		e2e.Until(t, site+" serves", func() bool { return get(site+"/alive") == http.StatusOK })
	}
	var next, passed, refused atomic.Int64
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for i := next.Add(1); i <= asked; i = next.Add(1) {
				switch status := get(sites[i%caddys] + "/"); status {
				case http.StatusOK:
					passed.Add(1)
				case http.StatusTooManyRequests:
					refused.Add(1)
				default:
					t.Errorf("a request has status %d", status)
				}
			}
		})
	}
	all.Wait()
	if passed.Load() != budget || refused.Load() != asked-budget {
		t.Errorf("%d of %d passed and %d were refused; the budget is %d", passed.Load(), asked, refused.Load(), budget)
	}
}
