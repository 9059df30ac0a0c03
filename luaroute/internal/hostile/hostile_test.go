package hostile

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/lib/uuid"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	cpu    = 4 * time.Millisecond
	memory = 16 << 20
	// soon is how long one attack may take on a machine that is busy with others and watched by the race detector.
	// Without walls most of them never end.
	soon = 5 * time.Second
	// heap is how much the process may hold when all attacks are over, in bytes.
	heap = 256 << 20
	// largest is how much the process may ever hold, in bytes. Two attacks run at once, each with 16 MiB.
	largest = 2 << 30
)

//go:embed testdata
var files embed.FS

// script is one attack: the body of a function(req, res).
type script struct {
	file, name, body string
	ended            bool // by its budget, wherever it runs
}

// scripts reads the files of attacks. Each begins with a line "--- its name", and "=> ended" if nothing else may happen.
func scripts(t testing.TB) (all []script) {
	t.Helper()
	names, err := fs.Glob(files, "testdata/*.lua")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range names {
		text, err := files.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split("\n"+string(text), "\n--- ")[1:] {
			name, body, _ := strings.Cut(part, "\n")
			name, ended := strings.CutSuffix(name, " => ended")
			all = append(all, script{file, name, body, ended})
		}
	}
	return all
}

// places are where a script can run while a request is served. ATTACK calls it.
var places = []struct{ name, route string }{
	{"a handler", `route:get("/0", function(req, res) ATTACK return 200, { 1 } end)`},
	{"a guard", `route:get("/1", { when = function(req, res) ATTACK return true end }, { status = 204 })`},
	{"middleware before", `route:group(function(r) r:use(function(req, res) ATTACK end) r:get("/2", { status = 204 }) end)`},
	{"middleware around", `route:group(function(r) r:use(function(req, res, next) next() ATTACK end) r:get("/3", { status = 204 }) end)`},
	{"on_headers", `route:get("/4", function(req, res) res:on_headers(function(res) ATTACK end) return 200, "x" end)`},
	{"on_body", `route:get("/5", function(req, res) res:on_body(function(chunk) ATTACK return chunk end) return 200, "x" end)`},
}

func setup() luatest.Setup {
	return luatest.Setup{Libraries: map[string]vm.Library{"uuid": uuid.Library{}}}.
		Within(vm.Limits{CPU: cpu, Wall: time.Second, Memory: memory})
}

// site returns a script that serves an attack at all places, and an innocent route.
func site(body string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "local route = require('luaroute')\nrequire('json') require('log')\nlocal function attack(req, res)\n%s\nend\n", body)
	for _, place := range places {
		out.WriteString(strings.ReplaceAll(place.route, "ATTACK", "attack(req, res)") + "\n")
	}
	out.WriteString(innocent)
	return out.String()
}

const innocent = `require('luaroute'):get("/innocent/{n}", function(req)
	local t = {} for i = 1, 5 do t[i] = ("%d"):format(i * req.params.n) end
	return 200, table.concat(t, ",")
end)
`

func TestNoScriptHurtsTheProcessOrItsNeighbours(t *testing.T) {
	all := scripts(t)
	if len(all) < 80 {
		t.Fatalf("found %d scripts, want at least 80", len(all))
	}
	neighbour := setup().Serve(t, "local route = require('luaroute')\n"+innocent)
	t.Run("attacks", func(t *testing.T) {
		for _, s := range all {
			t.Run(s.name, func(t *testing.T) {
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
func serve(t *testing.T, s script, neighbour *luatest.Site) {
	attacked := setup().Serve(t, site(s.body))
	for i, place := range places {
		start := time.Now()
		answer, err := attacked.Try(fmt.Sprintf("GET /%d", i), "") // an error is a connection that was aborted, or left for too long
		if took := time.Since(start); took > soon {
			t.Errorf("in %s: it took %v", place.name, took)
		} else if took > 2*cpu {
			t.Logf("in %s: it took %v", place.name, took)
		}
		late := i == 3 || i == 5 // the header has left
		if s.ended && !late && answer.Status != http.StatusServiceUnavailable {
			t.Errorf("in %s: got %d, %v; want 503", place.name, answer.Status, err)
		}
		if strings.Contains(answer.Body, "stack traceback") || strings.Contains(answer.Body, ".lua:") {
			t.Errorf("in %s: the client sees %q", place.name, answer.Body)
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
func loads(t *testing.T, s script) {
	start := time.Now()
	_, err := setup().Run(t, "local req, res\n"+s.body)
	if took := time.Since(start); took > soon {
		t.Errorf("while it loads: it took %v", took)
	}
	if s.ended && err == nil {
		t.Error("while it loads: it did not end with its budget")
	}
}
