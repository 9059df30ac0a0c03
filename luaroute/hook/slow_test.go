package hook_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// client is one that sends, and takes, as it likes.
type client struct {
	net.Conn
	in *bufio.Reader
}

// connect opens a connection to a site. It ends with the test.
func connect(t testing.TB, site *luatest.Site) *client {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(site.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{conn, bufio.NewReader(conn)}
}

// send sends a request as text, without the line of the protocol and the empty one before the body.
func (c *client) send(line, header, body string) {
	fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: a.example\r\n%s\r\n%s", line, header, body)
}

// answer reads an answer.
func (c *client) answer() (luatest.Answer, error) {
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return luatest.Answer{}, err
	}
	body, err := io.ReadAll(res.Body)
	return luatest.Answer{Status: res.StatusCode, Header: res.Header, Body: string(body)}, err
}

// dawdle sends one byte of a body of two, once somebody reads it.
func dawdle(t *testing.T, site *luatest.Site, path string) *client {
	t.Helper()
	c := connect(t, site)
	c.send("POST "+path, "Expect: 100-continue\r\nContent-Length: 2\r\nContent-Type: application/x-www-form-urlencoded\r\n", "")
	if line, err := c.in.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%s: got %q, %v", path, line, err)
	}
	_, _ = c.in.ReadString('\n')
	_, _ = io.WriteString(c, "1")
	return c
}

// bodies are functions that read the body, and whether they do so first of all. Each answers with what it read, of "12".
var bodies = map[string]bool{
	`function(req) return 200, req:body() end`:                                              true,
	`function(req) return 200, tostring(req:json()) end`:                                    true,
	`function(req) return 200, (next(req:form())) end`:                                      true,
	`{ when = function(req) return req:body() == "12" end }, { status = 200, body = "12" }`: true,
	`function(req) if req.path ~= "" then return 200, req:body() end end`:                   false,
	`function(req) return 200, tostring(math.max(0, req:body())) end`:                       true,
	`function(req) tostring(1) return 200, req:body() end`:                                  false,
}

func few(vms int, queue time.Duration) config.Limits {
	return config.Limits{VMs: vms, Queue: caddy.Duration(queue)}
}

// rests waits until no virtual machine runs, which may be a moment after the answer has come. The next request need not wait for one then.
func rests(t *testing.T, site *luatest.Site) {
	t.Helper()
	until(t, "all virtual machines rest", func() bool { s := site.VMs.Stats(); return s.Size == s.Idle+s.Slow+s.Streams })
}

// The clients are waited for, and each request waits for a virtual machine for an hour, so nothing here depends on the time.
func TestClientsThatSendABodySlowlyHoldNoVirtualMachineUpWhereItIsReadFirst(t *testing.T) {
	t.Parallel()
	const vms = 5
	for code, first := range bodies {
		if !first {
			continue
		}
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{Limits: few(vms, time.Hour)}.Serve(t, `local route = require("luaroute")
				route:get("/other", function() return 200, "other" end)
				route:post("/body", `+code+`)`)
			var slow []*client
			for range 3 * vms {
				slow = append(slow, dawdle(t, site, "/body"))
			}
			for range vms {
				if a := site.Do(t, "/other", ""); a.String() != "200 other" {
					t.Errorf("got %s", a)
				}
			}
			if s := site.VMs.Stats(); s.Size != 1 {
				t.Errorf("there are %+v, want one virtual machine", s)
			}
			for _, c := range slow {
				_, _ = io.WriteString(c, "2")
				if a, err := c.answer(); err != nil || a.String() != "200 12" {
					t.Errorf("got %s, %v", a, err)
				}
			}
		})
	}
}

func TestAsManyVirtualMachinesMoreThereAreForClientsThatAreSlowElsewhere(t *testing.T) {
	t.Parallel()
	const vms = 2
	for code, first := range bodies {
		if first {
			continue
		}
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{Limits: few(vms, 100*time.Millisecond)}.Serve(t, `local route = require("luaroute")
				route:get("/other", function() return 200, "other" end)
				route:post("/body", `+code+`)`)
			var slow []*client
			for n := range 2 * vms {
				slow = append(slow, dawdle(t, site, "/body"))
				until(t, "it is slow", func() bool { return site.VMs.Stats().Slow == n+1 })
				if n == 2*vms-1 {
					break
				}
				if a := site.Do(t, "/other", ""); a.String() != "200 other" {
					t.Errorf("beside %d slow clients: got %s", n+1, a)
				}
				rests(t, site)
			}
			if a := site.Do(t, "/other", ""); a.Status != http.StatusServiceUnavailable {
				t.Errorf("beside %d slow clients: got %s", len(slow), a)
			}
			for _, c := range slow[:vms+1] {
				_, _ = io.WriteString(c, "2")
				if a, err := c.answer(); err != nil || a.String() != "200 12" {
					t.Errorf("got %s, %v", a, err)
				}
			}
			for _, c := range slow[vms+1:] {
				c.Close()
			}
			until(t, "all is over", func() bool { return site.VMs.Stats() == vm.Stats{Size: vms, Idle: vms} })
		})
	}
}

func TestClientsThatTakeNothingGiveTheirPlaceAway(t *testing.T) {
	t.Parallel()
	site := luatest.Setup{Limits: few(1, time.Second/2)}.Serve(t, `local route = require("luaroute")
		local piece = ("x"):rep(1048576)
		route:get("/other", function() return 200, "other" end)
		route:get("/endless", function(req, res) while true do res:write(piece) end end)
		route:get("/flushes", function(req, res) while true do res:write(piece) res:flush() end end)
		route:with(function(req, res) res:on_body(function(chunk) return chunk end) end):get("/filtered", function(req, res) while true do res:write(piece) end end)`)
	for _, path := range []string{"/endless", "/flushes", "/filtered"} {
		c := connect(t, site)
		c.send("GET "+path, "", "")
		until(t, "the client is slow", func() bool { return site.VMs.Stats().Slow == 1 })
		until(t, "another request is answered", func() bool { return site.Do(t, "/other", "").String() == "200 other" })
		c.Close()
		until(t, "all is over", func() bool { s := site.VMs.Stats(); return s.Size == s.Idle && s.Slow == 0 })
	}
}

func TestABodyThatNobodyReadsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	origin := luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %v", body, err)
	})
	site := luatest.Setup{}.Serve(t, fmt.Sprintf(`local route = require("luaroute")
		route:pool("p", %q)
		local function reads(req) return 200, req:body() end
		route:post("/refused", { when = function(req) return req:header("X-Key") end }, reads)
		route:with(function(req) if not req:header("X-Key") then return 401 end end):post("/private", reads)
		route:post("/streamed", function(req) if req:header("X-Key") then return reads(req) end return "p" end)`, origin))
	for path, want := range map[string]string{"/refused": "418 next", "/private": "401"} {
		c := connect(t, site)
		c.send("POST "+path, "Expect: 100-continue\r\nContent-Length: 2\r\n", "")
		if a, err := c.answer(); err != nil || a.String() != want {
			t.Errorf("%s: got %s, %v; want %s", path, a, err, want)
		}
	}
	c := connect(t, site)
	c.send("POST /streamed", "Content-Length: 2\r\n", "1")
	<-begun // the upstream, with one byte
	_, _ = io.WriteString(c, "2")
	if a, err := c.answer(); err != nil || a.String() != "200 12 <nil>" {
		t.Errorf("got %s, %v", a, err)
	}
}

func TestNoClientIsWaitedForBeyondTheEndOfTheServer(t *testing.T) {
	t.Parallel()
	const endless = `while true do res:write(("x"):rep(1048576)) end`
	for name, end := range map[string]func(*vm.Life){"for good": (*vm.Life).End, "for what runs": (*vm.Life).EndCalls} {
		for script, reads := range map[string]bool{
			`route:post("/", function(req) return 200, req:body() end)`:                                                                      true, // ahead
			`route:post("/", function(req) tostring(1) return 200, req:body() end)`:                                                          true, // with a virtual machine
			`function on_route_request() end`:                                                                                                true,
			`route:post("/", { when = function(req) req.ctx.f = print return false end }, { status = 204 }) function on_route_request() end`: true, // with one
			`route:get("/", function(req, res) ` + endless + ` end)`:                                                                         false,
			`route:with(function(req, res) res:on_body(function(p) return p end) end):get("/", function(req, res) ` + endless + ` end)`:      false,
		} {
			life := vm.NewLife()
			site := luatest.Setup{Life: life, Limits: few(1, 50*time.Millisecond)}.Serve(t, `local route = require("luaroute") `+script)
			if !reads {
				c := connect(t, site)
				c.send("GET /", "", "")
				until(t, "the client is waited for", func() bool { return site.VMs.Stats().Slow == 1 })
				end(life)
				until(t, script+" is over", func() bool { return site.VMs.Stats().Slow == 0 })
				continue
			}
			c := dawdle(t, site, "/")
			end(life)
			_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
			// Where the function itself has read, nothing can be written any more either.
			if a, err := c.answer(); errors.Is(err, os.ErrDeadlineExceeded) || err == nil && a.Status < 400 {
				t.Errorf("%s: %s: got %s, %v", name, script, a, err)
			}
		}
	}
}

// errorID is what differs in every error.
var errorID = regexp.MustCompile(`\{id=\w*\}`)

// What is read before the function is called is to it, and to those behind it, as what it reads itself.
func TestReadingAheadChangesNothing(t *testing.T) {
	t.Parallel()
	origin := luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%d %q %q %q", r.ContentLength, r.TransferEncoding, body, r.Trailer)
	})
	site := luatest.Setup{Limits: config.Limits{Body: 8}}.Serve(t, fmt.Sprintf(`local route = require("luaroute")
		route:pool("p", %q)
		local function later(fn) return function(req, res) tostring(1) return fn(req, res) end end
		local function add(path, fn, options) route:post("/ahead/" .. path, fn) route:post("/later/" .. path, later(fn)) end
		add("answer", function(req) return 200, req:body() end)
		add("json", function(req) local v, err = req:json() return 200, tostring(v) .. tostring(err) end)
		add("form", function(req) local v, err = req:form() return 200, tostring(err) end)
		add("forward", function(req) local v = req:json() return "p" end)
		add("twice", function(req) return 200, req:body() .. req:body() end)
		add("set", function(req) local v = req:json() req:set_body("new") return "p" end)
		add("limited", function(req) local v = req:json() return 200, req:body(3) end)
		route:on_error(function(req, res, failure)
			return failure.status, failure.kind .. " " .. tostring(failure.reason) .. " " .. tostring(select(2, pcall(req.body, req)))
		end)`, origin))
	ask := func(path string, row [2]string, early bool) string {
		c := connect(t, site)
		c.send("POST "+path, row[0]+"Connection: close\r\n", row[1])
		if early { // else the request would end as soon as net/http sees it
			_ = c.Conn.(*net.TCPConn).CloseWrite()
		}
		all, err := io.ReadAll(c.in)
		status, text, _ := strings.Cut(string(all), "\r\n")
		if strings.Contains(status, "100") {
			t.Errorf("%s, %q: somebody waits for the body", path, row)
		}
		_, text, _ = strings.Cut(text, "\r\n\r\n")
		return errorID.ReplaceAllString(fmt.Sprint(status, " ", text, " ", err), "")
	}
	for name, row := range map[string][2]string{
		"nothing":                     {"", ""},
		"an empty body":               {"Content-Length: 0\r\n", ""},
		"a body":                      {"Content-Length: 3\r\n", "123"},
		"one of the largest size":     {"Content-Length: 8\r\n", "12345678"},
		"one that is too large":       {"Content-Length: 9\r\n", "123456789"},
		"too large, and not asked":    {"Expect: 100-continue\r\nContent-Length: 9\r\n", ""},
		"one in chunks":               {"Transfer-Encoding: chunked\r\n", "1\r\n1\r\n2\r\n23\r\n0\r\n\r\n"},
		"chunks and a trailer":        {"Transfer-Encoding: chunked\r\nTrailer: X-T\r\n", "1\r\n1\r\n0\r\nX-T: v\r\n\r\n"},
		"chunks that are too many":    {"Transfer-Encoding: chunked\r\n", "5\r\n12345\r\n5\r\n67890\r\n0\r\n\r\n"},
		"chunks that are none":        {"Transfer-Encoding: chunked\r\n", "1\r\n1\r\nx\r\n"},
		"one that ends early":         {"Content-Length: 3\r\n", "12"},
		"chunks that end early":       {"Transfer-Encoding: chunked\r\n", "3\r\n12"},
		"a form":                      {"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n", "a=1"},
		"what is no JSON and no form": {"Content-Length: 1\r\n", "{"},
	} {
		for _, path := range []string{"answer", "json", "form", "forward", "twice", "set", "limited"} {
			early := strings.HasSuffix(name, "early")
			ahead, later := ask("/ahead/"+path, row, early), ask("/later/"+path, row, early)
			if ahead != later || ahead == "" {
				t.Errorf("%s, %s: read ahead it comes to\n%s\nand else to\n%s", name, path, ahead, later)
			}
		}
	}
}
