package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// endless are requests whose scripts never come to an end. Each says its name when it has begun.
const endless = `
	local route, time = require("luaroute"), require("time")
	route.every(1, function() print("timer") while true do end end)
	local ways = {
		loop = function() while true do end end,
		caught = function() while true do pcall(function() while true do end end) end end,
		coroutine = function() coroutine.wrap(function() while true do end end)() end,
		sleep = function() time.sleep(600) end,
		naps = function() while true do pcall(time.sleep, 600) end end,
		stream = function(req, res) while true do res:write("x") res:flush() time.sleep(0.01) end end,
		unread = function(req, res) while true do res:write(("x"):rep(65536)) end end,
		body = function(req) return 200, req:body() end,
		json = function(req) while true do pcall(req.json, req) end end,
	}
	for name, run in pairs(ways) do
		route:post("/" .. name, function(req, res) print(name) return run(req, res) end)
	end
	route:post("/guard", { when = function() print("guard") while true do end end }, { status = 204 })
	route:with(function(req, res, next) next() print("wrapper") while true do end end):post("/wrapper", { status = 204 })
	route:post("/header", function(req, res) res:on_headers(function() print("header") while true do end end) return 204 end)
	route:post("/done", function(req, res) res:on_done(function() print("done") while true do end end) return 204 end)`

var endlessWays = strings.Fields("timer loop caught coroutine sleep naps stream unread body json guard wrapper header done")

// tail is what a process writes.
type tail struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *tail) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

func TestAServerThatIsToStopEndsWhatScriptsDo(t *testing.T) {
	for name, row := range map[string]struct {
		option string
		most   time.Duration
	}{
		"after 10 s":             {"", 10 * time.Second},
		"after the grace period": {"grace_period 2s", 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if e2e.Apart(t) {
				return
			}
			stops(t, row.option, row.most)
		})
	}
}

// stops checks that a Caddy whose scripts run for ever is gone soon after the most time it may take.
func stops(t *testing.T, option string, most time.Duration) {
	c := e2e.New(t)
	c.Options = option
	c.File("main.lua", endless)
	var config map[string]any
	if err := json.Unmarshal(c.Caddyfile(e2e.Site("limits {\ncpu 1h\nwall 1h\nqueue 1h\n}")), &config); err != nil {
		t.Fatal(err)
	}
	delete(config, "logging")
	config["admin"] = map[string]any{"disabled": true}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	log := new(tail)
	cmd := exec.CommandContext(t.Context(), self, "run", "--config", "-")
	cmd.Env = append(os.Environ(), asCaddy+"=1", "XDG_DATA_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
	cmd.Stdin, cmd.Stderr = bytes.NewReader(text), log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() { gone <- cmd.Wait() }()

	e2e.Until(t, "the server runs", func() bool { return log.has("serving initial configuration") })
	for _, way := range endlessWays {
		if way != "timer" {
			conn, err := net.Dial("tcp", c.Expand("127.0.0.1:$port"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			body := "Content-Length: 0\r\n\r\n"
			if way == "body" || way == "json" { // Go itself waits for those that nobody reads
				body = "Content-Length: 10\r\n\r\n1"
			}
			if _, err := io.WriteString(conn, http.MethodPost+" /"+way+" HTTP/1.1\r\nHost: a\r\n"+body); err != nil {
				t.Fatal(err)
			}
		}
		e2e.Until(t, way+" runs", func() bool { return log.has(`"msg":"` + way + `"`) })
	}
	start := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	const slack = time.Minute // of a busy machine; without an end the process is there for an hour
	select {
	case err := <-gone:
		t.Logf("it was gone after %v", time.Since(start))
		if err != nil {
			t.Errorf("the process ended with %v", err)
		}
	case <-time.After(most + slack):
		t.Errorf("it still runs %v after SIGTERM", time.Since(start))
		_ = cmd.Process.Kill()
		<-gone
	}
	if t.Failed() {
		t.Logf("the log:\n%s", log.text.String())
	}
}
