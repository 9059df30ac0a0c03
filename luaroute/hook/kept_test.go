package hook_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// keeping is how functions come to hold a body of 1000 bytes, and how many bytes the request keeps then.
var keeping = map[string]struct {
	code string
	kept int64
}{
	"read first":            {`function(req) req:body() return "p" end`, 1000},
	"read later":            {`function(req) tostring(1) req:body() return "p" end`, 1000},
	"read twice":            {`function(req) req:body() req:json() req:body() return "p" end`, 1000},
	"replaced":              {`function(req) req:set_body(("y"):rep(2000)) return "p" end`, 2000},
	"read and replaced":     {`function(req) req:body() req:set_body(("y"):rep(2000)) return "p" end`, 3000},
	"replaced twice":        {`function(req) req:set_body(("y"):rep(5000)) req:set_body(("y"):rep(2000)) return "p" end`, 2000},
	"replaced by JSON":      {`function(req) req:set_json(("y"):rep(1998)) return "p" end`, 2000},
	"read, a candidate ago": {`{ when = function(req) req:body() end }, { status = 204 }) route:post("/*", "p"`, 1000},
	"replaced, a candidate ago": {
		`{ when = function() return true end }, function(req) req:body() req:set_body(("y"):rep(7000)) return route.decline end) route:post("/*", function(req) req:set_body("") return "p" end`, 1000,
	},
	// It has a virtual machine, which req.ctx cannot leave.
	"by the old contract": {`{ when = function(req) req.ctx.f = print return false end }, "p")
		function on_route_request() return { selected_backend = "p" } end local _ = ({}`, 1000},
	"by what wraps": {`{ when = function() return false end }, "p") route:with(function(req, res, next) req:body() next() end):post("/", "p"`, 1000},
}

func TestBodiesInMemoryCountUntilTheirRequestHasEnded(t *testing.T) {
	t.Parallel()
	for how, row := range keeping {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			arrived, answer := make(chan struct{}), make(chan func(http.ResponseWriter, *http.Request))
			origin := luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
				arrived <- struct{}{}
				(<-answer)(w, r) // it has read nothing
			})
			site := luatest.Setup{}.Serve(t, fmt.Sprintf(`local route = require("luaroute")
				route:pool("p", %q) route:post("/*", %s)`, origin, row.code))
			over := func(end string) {
				t.Helper()
				until(t, end+": nothing is kept", func() bool { s := site.VMs.Stats(); return s.Kept == 0 && s.Size == s.Idle })
			}
			send := func(fields string) *client {
				c := connect(t, site)
				c.send("POST /", fields+"Content-Length: 1000\r\n", strings.Repeat("x", 1000))
				<-arrived
				if s := site.VMs.Stats(); s.Kept != row.kept {
					t.Errorf("while an upstream has it %+v, want %d bytes kept", s, row.kept)
				}
				return c
			}
			for end, f := range map[string]func(http.ResponseWriter, *http.Request){
				"an answer":   func(w http.ResponseWriter, r *http.Request) {},
				"a failure":   func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) },
				"a body read": func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) },
			} {
				c := send("")
				answer <- f
				if _, err := c.answer(); err != nil {
					t.Errorf("%s: %v", end, err)
				}
				over(end)
			}
			send("").Close()
			if strings.Contains(row.code, "req:body()") || strings.Contains(row.code, "on_route_request") { // else the server waits for it, and sees nothing of that
				over("a client that leaves")
			}
			answer <- func(http.ResponseWriter, *http.Request) {}
			over("a client that leaves, and an answer")

			c := send("Connection: Upgrade\r\nUpgrade: echo\r\n")
			answer <- func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Connection", "Upgrade")
				w.Header().Set("Upgrade", "echo")
				w.WriteHeader(http.StatusSwitchingProtocols)
				conn, rw, err := http.NewResponseController(w).Hijack()
				if err == nil {
					_, _ = rw.ReadString('\n')
					conn.Close()
				}
			}
			if res, err := http.ReadResponse(c.in, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
				t.Fatalf("got %v, %v", res, err)
			}
			if s := site.VMs.Stats(); s.Kept != row.kept {
				t.Errorf("behind an upgrade: %+v, want %d bytes kept", s, row.kept)
			}
			_, _ = io.WriteString(c, "end\n")
			c.Close()
			over("an upgrade")
		})
	}
}

func TestBodiesInMemoryAreForgottenHoweverTheRequestEnds(t *testing.T) {
	t.Parallel()
	for _, read := range []string{"req:body()", "tostring(1) req:body()", `req:set_body("new")`, `req:body() req:set_json({ 1 })`} {
		for end, want := range map[string]string{
			`error("no")`:                        "500",
			`return route.next`:                  "418 next",
			`return 204`:                         "204",
			`while true do end`:                  "503",
			`return "no such pool"`:              "500",
			`return "down"`:                      "502",
			`res:on_headers(error) return 204`:   "500",
			`req.ctx.x = 1 return 200, "x"`:      "200 x",
			`res:on_body(error) return 200, "x"`: "", // the header has left
		} {
			site := luatest.Setup{}.Serve(t, `local route = require("luaroute")
				route:pool("down", "http://127.0.0.1:1")
				route:post("/", function(req, res) `+read+` `+end+` end)`)
			if a, err := site.Try("POST /", `"body"`); a.String() != want && (err == nil || want != "") {
				t.Errorf("%s %s: got %s, %v; want %s", read, end, a, err, want)
			}
			until(t, "nothing is kept", func() bool { s := site.VMs.Stats(); return s.Kept == 0 && s.Size == s.Idle })
		}
	}
}

// Requests whose bodies an upstream does not take have no virtual machine; memory they have.
func TestRequestsWaitWhileBodiesThatAnUpstreamDoesNotTakeAreAllThatThereMayBe(t *testing.T) {
	t.Parallel()
	for _, code := range []string{`req:body()`, `tostring(1) req:body()`} {
		hold := make(chan struct{})
		arrived := make(chan struct{}, 100)
		origin := luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
			arrived <- struct{}{}
			<-hold
		})
		limits := config.Limits{TotalMemory: 4 << 20, Queue: few(1, time.Second/5).Queue}
		site := luatest.Setup{Limits: limits}.Serve(t, fmt.Sprintf(`local route = require("luaroute")
			route:pool("p", %q)
			route:get("/", function() return 204 end)
			route:post("/", function(req) %s return "p" end)`, origin, code))
		var clients []*client
		busy := false
		for len(clients) < 20 && !busy {
			c := connect(t, site)
			go c.send("POST /", "Content-Length: 1048576\r\n", strings.Repeat("x", 1<<20))
			answered := make(chan bool, 1)
			go func() {
				a, err := c.answer()
				answered <- err == nil && a.Status == http.StatusServiceUnavailable
			}()
			select {
			case <-arrived:
				clients = append(clients, c)
			case busy = <-answered:
				if !busy {
					t.Error("a client got no 503")
				}
			}
		}
		if s := site.VMs.Stats(); !busy || s.Kept < 4<<20 || s.Kept > 6<<20 || len(clients) < 4 {
			t.Errorf("%s: %d bodies of 1 MiB are at an upstream, and requests wait: %v; %+v", code, len(clients), busy, s)
		}
		if a := site.Do(t, "/", ""); a.Status != http.StatusServiceUnavailable {
			t.Errorf("beside them: got %s", a)
		}
		close(hold)
		until(t, "all is over", func() bool { s := site.VMs.Stats(); return s == vm.Stats{Size: s.Size, Idle: s.Size} })
		if a := site.Do(t, "/", ""); a.Status != http.StatusNoContent {
			t.Errorf("afterwards: got %s", a)
		}
	}
}

func TestARequestWhoseBodyIsAllThatThereMayBeIsServed(t *testing.T) {
	t.Parallel()
	site := luatest.Setup{Limits: config.Limits{TotalMemory: 1000}}.Serve(t, `local route = require("luaroute")
		route:pool("down", "http://127.0.0.1:1")
		route:on_error(function(req, res, failure) return 200, failure.status .. " " .. #req:body() end)
		route:post("/", function(req) tostring(1) req:body() return "down" end)`)
	for range 2 {
		if a := site.Do(t, "POST /", strings.Repeat("x", 5000)); a.String() != "200 502 5000" {
			t.Errorf("got %s", a)
		}
	}
}

// TestABodyCountsWhileItIsReadBeforeAFunctionHasAVirtualMachine sends half of one.
func TestABodyCountsWhileItIsReadBeforeAFunctionHasAVirtualMachine(t *testing.T) {
	t.Parallel()
	site := luatest.Setup{}.Serve(t, `require("luaroute"):post("/", function(req) return 200, tostring(#req:body()) end)`)
	c := connect(t, site)
	c.send("POST /", "Content-Length: 1000\r\n", strings.Repeat("x", 500))
	until(t, "the half is kept, without a virtual machine", func() bool { s := site.VMs.Stats(); return s.Kept == 500 && s.Size == 0 })
	if _, err := io.WriteString(c, strings.Repeat("x", 500)); err != nil {
		t.Fatal(err)
	}
	if a, err := c.answer(); err != nil || a.String() != "200 1000" {
		t.Errorf("got %s, %v", a, err)
	}
	until(t, "nothing is kept", func() bool { return site.VMs.Stats().Kept == 0 })
}
