package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// legacyOrigin is an origin whose health a test decides. It answers with its name and what it was asked.
func legacyOrigin(c *e2e.Caddy, name string) *atomic.Bool {
	down := new(atomic.Bool)
	c.Serve(name, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			if down.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return
		}
		fmt.Fprintf(w, "%s %s %s", name, r.URL.Path, r.Header.Get("X-Release")+r.Header.Get("X-Color")+r.Header.Get("X-Variant"))
	})
	return down
}

// legacySite runs one of the scripts in testdata/legacy, unchanged, with pools that are checked.
func legacySite(t *testing.T, c *e2e.Caddy, script string, pools ...string) {
	t.Helper()
	text, err := os.ReadFile("../../testdata/legacy/" + script)
	if err != nil {
		t.Fatal(err)
	}
	c.Set("", "$") // the patterns in it
	c.File("main.lua", strings.ReplaceAll(string(text), "$", "${}"))
	var lines []string
	for _, pool := range pools {
		lines = append(lines, "pool "+pool+" $"+pool+" {\nhealth_uri /health\nhealth_interval 10ms\n}")
	}
	c.Start("http:// {\nluaroute {\ntenant old {\nscript $dir/main.lua\n" + strings.Join(lines, "\n") + "\n}\n}\nrespond 404\n}\n")
}

// answers returns a condition: a request is answered with a text.
func answers(c *e2e.Caddy, path, want string, headers ...string) func() bool {
	return func() bool { return c.Get(path, headers...).Body == want }
}

func TestTheOldCanaryFallsBackWhenABackendIsDown(t *testing.T) {
	c := e2e.New(t)
	stable, canary := legacyOrigin(c, "stable"), legacyOrigin(c, "canary")
	legacySite(t, c, "canary.lua", "stable", "canary")

	always := "X-Canary: always"
	c.Get("/a", always).Want(200, "canary /a canary")
	seen := map[string]int{}
	for range 300 {
		seen[strings.Fields(c.Get("/a").Body)[0]]++
	}
	if seen["stable"]+seen["canary"] != 300 || seen["canary"] < 20 || seen["canary"] > 130 { // 60 are expected; 6 times as rare as one in a million
		t.Errorf("of 300 requests the backends got %v", seen)
	}

	canary.Store(true)
	e2e.Until(t, "the stable backend serves for the canary", answers(c, "/a", "stable /a stable", always))
	if c.Logged("canary is down, falling back for /a") == 0 {
		t.Error("the script has logged nothing")
	}
	stable.Store(true)
	e2e.Until(t, "nobody serves", func() bool { return c.Get("/a").Status == 502 })
	canary.Store(false)
	// The script asks for the stable one, which is down: the first that is healthy serves.
	e2e.Until(t, "the canary serves for the stable backend", func() bool { return strings.HasPrefix(c.Get("/a").Body, "canary /a") })
	stable.Store(false)
	canary.Store(true)
	e2e.Until(t, "the stable backend is back", answers(c, "/a", "stable /a stable", always))
}

func TestTheOldBlueGreenFollowsAHeader(t *testing.T) {
	c := e2e.New(t)
	legacyOrigin(c, "blue")
	green := legacyOrigin(c, "green")
	legacySite(t, c, "blue_green.lua", "blue", "green")

	c.Get("/x").Want(200, "blue /x blue")
	c.Get("/x", "X-Color: green").Want(200, "green /x green")
	c.Get("/x", "x-color: green").Want(200, "green /x green")
	c.Get("/old/x/y", "X-Color: green").Want(200, "green /x/y green")
	c.Get("/x", "X-Color: red").Want(403, "unknown color: red")
	c.Send(http.MethodPost, "/x", strings.NewReader("drop table users")).Want(403, "Script returned nil")
	c.Send(http.MethodPost, "/x", strings.NewReader("harmless")).Want(200, "blue /x blue")

	green.Store(true)
	e2e.Until(t, "blue serves for green", answers(c, "/x", "blue /x green", "X-Color: green"))
	green.Store(false)
	e2e.Until(t, "green is back", answers(c, "/x", "green /x green", "X-Color: green"))
}

func TestTheOldABTestIsSticky(t *testing.T) {
	c := e2e.New(t)
	down := map[string]*atomic.Bool{"a": legacyOrigin(c, "a"), "b": legacyOrigin(c, "b")}
	legacySite(t, c, "sticky_ab.lua", "a", "b")

	variants := map[string]bool{}
	for i := range 20 {
		user := fmt.Sprintf("user-%d", i)
		first := c.Get("/", "Cookie: theme=dark; user="+user).Body
		variants[first] = true
		for range 3 {
			c.Get("/", "x-user-id: "+user).Want(200, first)
		}
	}
	if len(variants) != 2 {
		t.Errorf("20 users saw %v", variants)
	}
	chosen := strings.Fields(c.Get("/", "X-User-Id: ada").Body)[0]
	other := map[string]string{"a": "b", "b": "a"}[chosen]
	down[chosen].Store(true)
	e2e.Until(t, "the user sees the other variant", answers(c, "/", other+" / "+chosen, "X-User-Id: ada"))
	e2e.Until(t, "those without an id see it, too", answers(c, "/", other+" / "+other))
	down[other].Store(true)
	e2e.Until(t, "nobody is up", func() bool { return c.Get("/").Body == "no variant is up" })
	down[chosen].Store(false)
	e2e.Until(t, "the user sees the first variant again", answers(c, "/", chosen+" / "+chosen, "X-User-Id: ada"))
}
