package hostile

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/internal/attacks"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/lib/uuid"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	cpu    = 4 * time.Millisecond
	memory = 16 << 20
	// soon is how long one attack may take on a machine that is busy with others and watched by the race detector.
	// Without walls most of them never end.
	soon = time.Minute
	// heap is how much the process may hold when all attacks are over, in bytes.
	heap = 256 << 20
	// largest is how much the process may ever hold, in bytes. Two attacks run at once, each with 16 MiB.
	largest = 2 << 30
)

// Innocent requests wait for a turn behind those that attack, on a machine that is busy for longer than requests wait elsewhere.
func setup() luatest.Setup {
	return luatest.Setup{
		Libraries: map[string]vm.Library{"uuid": uuid.Library{}}, Limits: config.Limits{Queue: caddy.Duration(time.Minute)},
	}.
		Within(vm.Limits{CPU: cpu, Wall: time.Second, Memory: memory})
}

// site returns a script that serves an attack at all places, and an innocent route.
func site(body string) string { return attacks.Site(body) + innocent }

const innocent = `require('luaroute'):get("/innocent/{n}", function(req)
	local t = {} for i = 1, 5 do t[i] = ("%d"):format(i * req.params.n) end
	return 200, table.concat(t, ",")
end)
`

func TestNoScriptHurtsTheProcessOrItsNeighbours(t *testing.T) {
	all := attacks.All()
	if len(all) < 80 {
		t.Fatalf("found %d scripts, want at least 80", len(all))
	}
	neighbour := setup().Serve(t, "local route = require('luaroute')\n"+innocent)
	t.Run("attacks", func(t *testing.T) {
		for _, s := range all {
			t.Run(s.Name, func(t *testing.T) {
				t.Parallel()
				serve(t, s, neighbour)
				loads(t, s)
				works(t, neighbour)
			})
		}
	})
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	t.Logf("heap %d MiB, largest %d MiB", stats.HeapAlloc>>20, stats.HeapSys>>20)
	if stats.HeapSys > largest {
		t.Errorf("the heap had %d MiB; allowed are %d", stats.HeapSys>>20, largest>>20)
	}
	if stats.HeapAlloc > heap {
		t.Errorf("the heap has %d MiB in the end; allowed are %d", stats.HeapAlloc>>20, heap>>20)
	}
}

// serve runs an attack at all places, and asks the site and its neighbour for something innocent after each.
func serve(t *testing.T, s attacks.Attack, neighbour *luatest.Site) {
	attacked := setup().Serve(t, site(s.Body))
	for i, place := range attacks.Places {
		start := time.Now()
		answer, err := attacked.Try(fmt.Sprintf("GET /%d", i), "") // an error is a connection that was aborted, or left for too long
		if took := time.Since(start); took > soon {
			t.Errorf("in %s: it took %v", place.Name, took)
		} else if took > 2*cpu {
			t.Logf("in %s: it took %v", place.Name, took)
		}
		late := i == 3 || i == 5 // the header has left
		if s.Ended && !late && answer.Status != http.StatusServiceUnavailable {
			t.Errorf("in %s: got %d, %v; want 503", place.Name, answer.Status, err)
		}
		if strings.Contains(answer.Body, "stack traceback") || strings.Contains(answer.Body, ".lua:") {
			t.Errorf("in %s: the client sees %q", place.Name, answer.Body)
		}
		works(t, attacked)
		works(t, neighbour)
	}
	for _, entry := range attacked.Logs.All() {
		if strings.Contains(entry.Message, "panic") {
			t.Errorf("the server logged %.2000q", entry.Message)
		}
	}
}

func works(t *testing.T, site *luatest.Site) {
	t.Helper()
	if answer, err := site.Try("GET /innocent/7", ""); err != nil || answer.Body != "7,14,21,28,35" {
		t.Errorf("an innocent request got %v, %v", answer, err)
	}
}

// loads runs an attack as the main chunk of a script.
func loads(t *testing.T, s attacks.Attack) {
	start := time.Now()
	_, err := setup().Run(t, "local req, res\n"+s.Body)
	if took := time.Since(start); took > soon {
		t.Errorf("while it loads: it took %v", took)
	}
	if s.Ended && err == nil {
		t.Error("while it loads: it did not end with its budget")
	}
}
