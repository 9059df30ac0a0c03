package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
	"github.com/luaroute/caddy-luaroute/internal/ports"
)

func TestHealthSaysWhetherACaddyServesByItsScripts(t *testing.T) {
	c := e2e.New(t)
	c.Route(`require("luaroute"):get("/", { status = 204 })`)
	ask := func(more ...string) (string, int) {
		return caddyCommand(t, append([]string{"luaroute", "health", "--address", c.Expand("$admin")}, more...)...)
	}
	if out, code := ask(); code != 0 || !strings.Contains(out, "main serves by version 1\n") {
		t.Errorf("exit code %d, %s", code, out)
	}
	c.File("main.lua", "oh no")
	c.Admin(http.MethodPost, "/luaroute/main/reload", "")
	if out, code := ask(); code != 0 {
		t.Errorf("after a reload that failed: exit code %d, %s", code, out)
	}
	if out, code := ask("--strict"); code != 1 || !strings.Contains(out, "main.lua:1") {
		t.Errorf("after a reload that failed, strictly: exit code %d, %s", code, out)
	}
	c.Start("http:// {\nrespond 204\n}\n")
	if out, code := ask(); code != 1 {
		t.Errorf("without a luaroute: exit code %d, %s", code, out)
	}
	if out, code := caddyCommand(t, "luaroute", "health", "--address", "127.0.0.1:"+ports.Free(t)); code != 1 {
		t.Errorf("without a Caddy: exit code %d, %s", code, out)
	}
}

func TestVersionNamesWhatAReportNeeds(t *testing.T) {
	t.Parallel()
	out, code := caddyCommand(t, "luaroute", "version")
	for _, name := range []string{"luaroute ", "caddy      v2.", "chi        v5.", "gopher-lua v1.", "go         go1."} {
		if code != 0 || !strings.Contains(out, "\n"+name) && !strings.HasPrefix(out, name) {
			t.Errorf("exit code %d; no %q in\n%s", code, name, out)
		}
	}
}
