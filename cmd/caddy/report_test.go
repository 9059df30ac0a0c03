package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func init() { caddy.RegisterModule(listener{}) }

// listener is an event handler that keeps what it hears.
type listener struct{}

var heard struct {
	sync.Mutex
	events []string
}

// CaddyModule returns the Caddy module information.
func (listener) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "events.handlers.listener", New: func() caddy.Module { return new(listener) }}
}

// Handle keeps an event.
func (listener) Handle(_ context.Context, e caddy.Event) error {
	heard.Lock()
	defer heard.Unlock()
	heard.events = append(heard.events, fmt.Sprintf("%s %v %v %v", e.Name(), e.Data["instance"], e.Data["cause"], e.Data["version"]))
	return nil
}

// metrics returns the lines of our metrics, without that of the age.
func metrics(c *e2e.Caddy) []string {
	var lines []string
	for line := range strings.Lines(c.Admin(http.MethodGet, "/metrics", "").Body) {
		name, _, _ := strings.Cut(line, "{")
		switch name {
		case "caddy_luaroute_reloads_total", "caddy_luaroute_table_version", "caddy_luaroute_tenants_left_out":
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func TestReloadsAreReportedByEventsAndMetrics(t *testing.T) {
	c := e2e.New(t)
	c.Options = "metrics"
	c.File("main.lua", say("1"))
	var config map[string]any
	site := "http:// {\nluaroute {\nscript $dir/main.lua\n}\nluaroute /b {\nname b\nscript $dir/main.lua\n}\n}"
	if err := json.Unmarshal(c.Caddyfile(site), &config); err != nil {
		t.Fatal(err)
	}
	config["apps"].(map[string]any)["events"] = map[string]any{"subscriptions": []any{map[string]any{
		"events":   []string{"luaroute.reloaded", "luaroute.reload_failed"},
		"handlers": []any{map[string]any{"handler": "listener"}},
	}}}
	raw, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	c.MustLoad(raw)
	c.MustLoad(raw) // the registry of the configuration is a new one
	heard.Lock()
	heard.events = nil
	heard.Unlock()

	c.Admin(http.MethodPost, "/luaroute/main/reload", "")
	c.Admin(http.MethodPost, "/luaroute/main/reload", "")
	c.File("main.lua", "error('no good')")
	c.Admin(http.MethodPost, "/luaroute/main/reload", "")

	heard.Lock()
	events := strings.Join(heard.events, "\n")
	heard.Unlock()
	const want = "luaroute.reloaded main admin API 2\nluaroute.reloaded main admin API 3\nluaroute.reload_failed main admin API <nil>"
	if events != want {
		t.Errorf("the events are\n%s; want\n%s", events, want)
	}
	const lines = `caddy_luaroute_reloads_total{instance="b",result="failure"} 0
caddy_luaroute_reloads_total{instance="b",result="success"} 0
caddy_luaroute_reloads_total{instance="main",result="failure"} 1
caddy_luaroute_reloads_total{instance="main",result="success"} 2
caddy_luaroute_table_version{instance="b"} 1
caddy_luaroute_table_version{instance="main"} 3
caddy_luaroute_tenants_left_out{instance="b"} 0
caddy_luaroute_tenants_left_out{instance="main"} 0`
	if got := strings.Join(metrics(c), "\n"); got != lines {
		t.Errorf("the metrics are\n%s; want\n%s", got, lines)
	}
	if all := c.Admin(http.MethodGet, "/metrics", "").Body; !strings.Contains(all, `caddy_luaroute_table_age_seconds{instance="main"} `) {
		t.Error("the age of the table is missing")
	}
}
