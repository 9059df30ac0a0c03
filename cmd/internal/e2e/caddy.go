// Package e2e runs Caddy inside of a test: real listeners, real origins, and the configuration that a user would write.
//
// Configurations, scripts and URLs name what changes from run to run: $port is the port of plain HTTP, $tls that of HTTPS,
// $admin the address of the admin API, $dir a folder for files, and every origin is known by its name.
package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Caddy is the Caddy of one test. It ends with the test.
type Caddy struct {
	// Options are more lines for the global options of Caddyfiles.
	Options string
	// Client asks; it follows no redirects.
	Client *http.Client

	t     testing.TB
	names map[string]string
}

// one is held by the test that runs Caddy, since a process has only one.
var one sync.Mutex

// limit is how long a test waits for one thing: only a fault takes that long, on whatever machine.
const limit = 5 * time.Minute

// Context returns a context for what a test waits for. It ends with the test, or when something has failed to happen.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// New prepares a Caddy. It does nothing before a configuration is loaded.
func New(t testing.TB) *Caddy {
	t.Helper()
	one.Lock()
	t.Cleanup(one.Unlock)
	transport := &http.Transport{ForceAttemptHTTP2: true}
	c := &Caddy{
		t: t,
		Client: &http.Client{
			Transport:     transport,
			Timeout:       limit,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		names: map[string]string{"dir": t.TempDir(), "port": ports.Free(t), "tls": ports.Free(t), "admin": "127.0.0.1:" + ports.Free(t)},
	}
	logs.reset()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := caddy.Stop(); err != nil {
			t.Errorf("stopping Caddy: %s", err)
		}
		if t.Failed() {
			t.Logf("the log of Caddy:\n%s", logs)
		}
	})
	return c
}

// Set gives a value a name for configurations, scripts and URLs.
func (c *Caddy) Set(name, value string) { c.names[name] = value }

// Expand replaces the names in a text.
func (c *Caddy) Expand(text string) string {
	c.t.Helper()
	return os.Expand(text, func(name string) string {
		value, ok := c.names[name]
		if !ok {
			c.t.Fatalf("$%s has no value", name)
		}
		return value
	})
}

// File writes a file into $dir.
func (c *Caddy) File(name, text string) {
	c.t.Helper()
	name = filepath.Join(c.names["dir"], name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(c.Expand(text)), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// JSON completes a JSON configuration: with the admin API, the log, and a storage of its own.
func (c *Caddy) JSON(config string) []byte {
	c.t.Helper()
	var complete map[string]any
	if err := json.Unmarshal([]byte(c.Expand(config)), &complete); err != nil {
		c.t.Fatalf("the configuration is no JSON: %s", err)
	}
	// Cleaning would go on while the folder of the test is removed.
	if apps, ok := complete["apps"].(map[string]any); ok {
		tls, _ := apps["tls"].(map[string]any)
		if tls == nil {
			tls = map[string]any{}
		}
		tls["disable_storage_clean"] = true
		apps["tls"] = tls
	}
	complete["admin"] = map[string]any{"listen": c.names["admin"], "config": map[string]any{"persist": false}}
	complete["storage"] = map[string]any{"module": "file_system", "root": filepath.Join(c.names["dir"], "storage")}
	complete["logging"] = map[string]any{"logs": map[string]any{"default": map[string]any{"writer": map[string]any{"output": "e2e"}}}}
	raw, err := json.Marshal(complete)
	if err != nil {
		c.t.Fatal(err)
	}
	return raw
}

// Caddyfile returns the JSON configuration that a Caddyfile stands for. A site http:// listens on $port.
func (c *Caddy) Caddyfile(text string) []byte {
	c.t.Helper()
	options := []string{"{", "default_bind 127.0.0.1", "http_port $port", "https_port $tls", "servers {", "protocols h1 h2", "}", c.Options, "}", ""}
	text = c.Expand(strings.Join(options, "\n") + text)
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		c.t.Fatal(err)
	}
	return c.JSON(string(config))
}

// Load loads a configuration, even if it is the one that runs.
func (c *Caddy) Load(config []byte) error { return caddy.Load(config, true) }

// MustLoad loads a configuration that is good.
func (c *Caddy) MustLoad(config []byte) {
	c.t.Helper()
	if err := c.Load(config); err != nil {
		c.t.Fatal(err)
	}
}

// Start runs a Caddyfile.
func (c *Caddy) Start(caddyfile string) {
	c.t.Helper()
	c.MustLoad(c.Caddyfile(caddyfile))
}

// Site is a Caddyfile with one site that routes by the script main.lua. What is given is behind it in the block of luaroute.
func Site(more string) string {
	return fmt.Sprintf("http:// {\nluaroute {\nscript $dir/main.lua\n%s\n}\n}\n", more)
}

// Route runs a site that routes by a script.
func (c *Caddy) Route(script string) {
	c.t.Helper()
	c.File("main.lua", script)
	c.Start(Site(""))
}

// LoadBudget sets how long Lua may run while scripts load. The default of 5 s would slow tests down.
func (c *Caddy) LoadBudget(budget time.Duration) {
	usual := vm.DefaultLoadLimits.CPU
	c.t.Cleanup(func() { vm.DefaultLoadLimits.CPU = usual })
	vm.DefaultLoadLimits.CPU = budget
}

// LoadWait sets how long scripts may wait while they load, and returns the default.
func (c *Caddy) LoadWait(wait time.Duration) (usual time.Duration) {
	usual = vm.DefaultLoadLimits.Wall
	c.t.Cleanup(func() { vm.DefaultLoadLimits.Wall = usual })
	vm.DefaultLoadLimits.Wall = wait
	return usual
}

// Logged returns how often a text is in the log.
func (c *Caddy) Logged(text string) int { return strings.Count(logs.String(), text) }

// Until waits for a condition, for long enough that only a fault keeps it from coming true on a busy machine.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	testkit.Until(t, what, ok)
}
