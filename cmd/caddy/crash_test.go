package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// process is a Caddy in a process of its own.
type process struct {
	*exec.Cmd
	log *tail
}

// run starts a Caddy with a configuration of c, with a writer of its log, behind a line for a shell.
func run(t *testing.T, c *e2e.Caddy, line string, config []byte, log map[string]any) *process {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(config, &all); err != nil {
		t.Fatal(err)
	}
	all["logging"] = map[string]any{"logs": map[string]any{"default": map[string]any{"writer": log}}}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{exec.CommandContext(t.Context(), "sh", "-c", line+` exec "$0" run --config -`, self), new(tail)}
	p.Env = append(os.Environ(), asCaddy+"=1", "XDG_DATA_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
	p.Stdin, p.Stderr = bytes.NewReader(text), p.log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Process.Kill()
		if _ = p.Wait(); t.Failed() {
			t.Logf("the log:\n%s", p.log.text.String())
		}
	})
	e2e.Until(t, "it answers", func() bool {
		_, err := c.Try(http.MethodGet, "/", nil)
		return err == nil
	})
	return p
}

// A Caddy that is killed while scripts are pushed has the old one or the new one when it starts again, and whatever it has answered with 200.
func TestAScriptIsThereAsAWholeWhenACaddyIsKilledWhileItIsPushed(t *testing.T) {
	c := e2e.New(t)
	c.Set("more", "")
	config := c.JSON(stored)
	// A large one is written for longer.
	script := func(n int) string { return say(fmt.Sprint(n)) + strings.Repeat("\n-- a line of no meaning", 40_000) }
	kept, tried := 0, 0
	for range 6 {
		p := run(t, c, "", config, map[string]any{"output": "stderr"})
		a, err := c.Try(http.MethodGet, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		now := 0
		if kept > 0 {
			if _, err := fmt.Sscan(a.Body, &now); err != nil || now < kept || now > tried {
				t.Fatalf("it answers %d %.100q; scripts up to %d were kept, and up to %d pushed", a.Status, a.Body, kept, tried)
			}
			kept, tried = now, now
		}
		first := make(chan struct{})
		killed := make(chan struct{})
		go func() {
			defer close(killed)
			<-first
			time.Sleep(rand.N(100 * time.Millisecond)) //nolint:gosec // at any moment
			_ = p.Process.Kill()
			_ = p.Wait()
		}()
		for n := 0; ; n++ {
			tried++
			a, err := c.Try(http.MethodPut, "http://$admin/luaroute/main/scripts/main.lua", strings.NewReader(script(tried)), "Connection: close")
			if err != nil {
				break
			}
			if a.Status != http.StatusOK {
				t.Fatalf("script %d: the answer is %d %q", tried, a.Status, a.Body)
			}
			if kept = tried; n == 0 {
				close(first)
			}
		}
		<-killed
	}
}

// No file can grow, as on a disk that is full: pushes are refused, what was there serves on, and lines of the log are lost, nothing else.
func TestADiskThatIsFullEndsNothing(t *testing.T) {
	c := e2e.New(t)
	c.Set("more", "")
	config := c.JSON(stored)
	p := run(t, c, "", config, map[string]any{"output": "stderr"})
	first := `local route, kv, log = require("luaroute"), require("kv"), require("log")
		route:get("/", function() log.info("a line") print("another") kv.incr("n") return 200, "first " .. tostring(kv.get("n")) end)
		route:get("/error", function() error("no") end)`
	push := func(code string) e2e.Answer { return c.Admin(http.MethodPut, "/luaroute/main/scripts/main.lua", code) }
	if a := push(first); a.Status != http.StatusOK {
		t.Fatalf("the answer is %d %q", a.Status, a.Body)
	}
	_ = p.Process.Signal(syscall.SIGTERM)
	_ = p.Wait()

	run(t, c, "ulimit -f 0;", config, map[string]any{"output": "file", "filename": c.Expand("$dir/caddy.log")})
	n := 0
	next := func() {
		t.Helper()
		a := c.Get("/")
		if _, err := fmt.Sscanf(a.Body, "first %d", new(int)); err != nil || n > 0 && a.Body != fmt.Sprintf("first %d", n+1) {
			t.Fatalf("the answer is %d %q", a.Status, a.Body)
		}
		_, _ = fmt.Sscanf(a.Body, "first %d", &n)
	}
	for range 100 {
		next()
		c.Get("/error").Want(500, "")
	}
	refuses(t, push(say("second")), http.StatusInternalServerError, "the script was not kept")
	next()
	c.Admin(http.MethodGet, "/luaroute/main/scripts/main.lua", "").Want(200, first)
	if a := c.Admin(http.MethodPost, "/luaroute/main/reload", ""); a.Status != http.StatusOK {
		t.Errorf("the reload is %d %q", a.Status, a.Body)
	}
	next()
	if file, err := os.Stat(c.Expand("$dir/caddy.log")); err == nil && file.Size() > 0 {
		t.Errorf("the log has %d bytes, so files can grow", file.Size())
	}
}
