package hook_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// streamer is an upstream whose streams begin with a line, and end with another when the client says so: by a line on a connection that has
// another protocol, and else by a request for /end.
func streamer(t testing.TB) string {
	var all sync.Map // of channels that are closed, by number
	ends := func(r *http.Request) chan struct{} {
		end, _ := all.LoadOrStore(r.URL.RawQuery, make(chan struct{}))
		return end.(chan struct{})
	}
	return luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/end"):
			close(ends(r))
			return
		case r.Header.Get("Upgrade") != "":
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "echo")
			w.WriteHeader(http.StatusSwitchingProtocols)
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, "one\n")
			_, _ = rw.ReadString('\n')
			_, _ = io.WriteString(conn, "two\n")
			return
		case r.URL.Path == "/hints":
			w.WriteHeader(http.StatusEarlyHints)
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, "one\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-ends(r):
			_, _ = io.WriteString(w, "two\n")
		case <-r.Context().Done():
		}
	})
}

// stream is a response that goes on.
type stream struct {
	*client
	site  *luatest.Site
	query string
	body  *bufio.Reader
}

var streamsBegun struct {
	sync.Mutex
	n int
}

// begin opens a stream and reads its first line, in upper or lower case.
func begin(t testing.TB, site *luatest.Site, path string, upgrade bool) *stream {
	t.Helper()
	streamsBegun.Lock()
	streamsBegun.n++
	s := &stream{connect(t, site), site, fmt.Sprint("?", streamsBegun.n), nil}
	streamsBegun.Unlock()
	s.body = s.in
	if upgrade {
		s.send("GET "+path+s.query, "Connection: Upgrade\r\nUpgrade: echo\r\n", "")
		for line := "x"; line != "\r\n"; {
			var err error
			if line, err = s.in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
	} else {
		s.send("GET "+path+s.query, "", "")
		res, err := http.ReadResponse(s.in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: got %s", path, res.Status)
		}
		s.body = bufio.NewReader(res.Body)
	}
	if line, err := s.body.ReadString('\n'); err != nil || strings.ToLower(line) != "one\n" {
		t.Fatalf("%s: got %q, %v", path, line, err)
	}
	return s
}

// end lets the stream come to its end, and reads that.
func (s *stream) end(t testing.TB) {
	t.Helper()
	if s.body == s.in {
		_, _ = io.WriteString(s, "end\n")
	} else {
		s.site.Do(t, "/end"+s.query, "")
	}
	if rest, err := io.ReadAll(s.body); strings.ToLower(string(rest)) != "two\n" {
		t.Errorf("the stream ended with %q, %v", rest, err)
	}
	s.Close()
}

// streams are routes that keep their virtual machine while an upstream streams.
const streams = `local route = require("luaroute")
	route:pool("p", %q)
	route:get("/end", "p")
	route:get("/hints", "p")
	route:get("/other", function() return 200, "other" end)
	local function wrap(req, res, next) req.ctx.n = 1 next() print("behind " .. req.ctx.n) end
	route:with(wrap):get("/wrapped", "p")
	route:with(wrap, wrap):get("/twice", "p")
	route:with(wrap):get("/handler", function(req) return "p" end)
	route:with(function(req, res, next) pcall(next) end):get("/caught", function(req) return route.proxy("p") end)
	route:with(function(req, res) res:on_headers(function() end) end):get("/headers", "p")
	route:with(function(req, res) res:on_body(function(chunk) return chunk:upper() end) end):get("/body", "p")
	route:with(function(req, res) res:on_done(function() end) end):get("/done", "p")
	route:with(wrap, function(req, res) res:on_body(function(chunk) return chunk end) end):get("/both", "p")
	route:get("/kept", { when = function(req) req.ctx.f = print return true end }, "p")
	route:with(wrap):get("/hinted", route.proxy("p", { path = "/hints" }))`

var streamPaths = strings.Fields("/wrapped /twice /handler /caught /headers /body /done /both /kept")

func TestRequestsGetThroughBesideStreamsThatKeepTheirVirtualMachine(t *testing.T) {
	t.Parallel()
	origin := streamer(t)
	for _, path := range streamPaths {
		for name, upgrade := range map[string]bool{"events": false, "another protocol": true} {
			t.Run(path+" "+name, func(t *testing.T) {
				t.Parallel()
				site := luatest.Setup{Limits: few(1, time.Hour)}.Serve(t, fmt.Sprintf(streams, origin))
				var open []*stream
				for n := range 3 {
					open = append(open, begin(t, site, path, upgrade))
					if a := site.Do(t, "/other", ""); a.String() != "200 other" {
						t.Errorf("got %s", a)
					}
					if s := site.VMs.Stats(); s.Streams != n+1 {
						t.Errorf("beside %d streams there are %+v", n+1, s)
					}
				}
				open[0].end(t)
				open[1].Close() // a client that leaves
				if !upgrade {
					open[2].end(t)
				} else {
					open[2].Close()
				}
				until(t, "all is over", func() bool { return site.VMs.Stats() == vm.Stats{Size: 1, Idle: 1} })
				if a := site.Do(t, "/other", ""); a.String() != "200 other" {
					t.Errorf("got %s", a)
				}
			})
		}
	}
}

func TestBeyondItsLimitStreamsCountAsAllVirtualMachines(t *testing.T) {
	t.Parallel()
	limits := few(1, 100*time.Millisecond)
	limits.Streams = 2
	site := luatest.Setup{Limits: limits}.Serve(t, fmt.Sprintf(streams, streamer(t)))
	first := begin(t, site, "/wrapped", false)
	begin(t, site, "/body", false)
	if a := site.Do(t, "/other", ""); a.String() != "200 other" {
		t.Errorf("beside 2 streams: got %s", a)
	}
	rests(t, site)
	begin(t, site, "/wrapped", true)
	if a := site.Do(t, "/other", ""); a.Status != http.StatusServiceUnavailable {
		t.Errorf("beside 3 streams: got %s", a)
	}
	first.end(t)
	until(t, "a place is free", func() bool { return site.Do(t, "/other", "").String() == "200 other" })
}

func TestWhatRunsBehindAStreamCountsAsAllVirtualMachines(t *testing.T) {
	t.Parallel()
	found := make(chan vm.Stats)
	var site *luatest.Site
	look := vm.GoFunc(func(*lua.LState) int { found <- site.VMs.Stats(); return 0 })
	site = luatest.Setup{
		Limits: few(1, time.Hour), Libraries: map[string]vm.Library{"look": vm.LibraryFunc(func(*lua.LState) lua.LValue { return look })},
	}.Serve(t, fmt.Sprintf(streams+`
		local look = require("look")
		route:with(function(req, res) res:on_done(look) end):get("/behind", "p")
		route:with(function(req, res) res:on_done(function() look() end) end, wrap):get("/both-behind", "p")`, streamer(t)))
	for _, path := range []string{"/behind", "/both-behind"} {
		begin(t, site, path, false).end(t)
		if got, want := <-found, (vm.Stats{Size: 1}); got != want {
			t.Errorf("%s: there are %+v, want %+v", path, got, want)
		}
	}
}

// Who has not begun to answer yet does not stream.
func TestBeforeTheHeaderHasLeftAVirtualMachineThatIsKeptCounts(t *testing.T) {
	t.Parallel()
	site := luatest.Setup{Limits: few(1, 100*time.Millisecond)}.Serve(t, fmt.Sprintf(streams, streamer(t)))
	c := connect(t, site)
	c.send("GET /hinted?early", "", "")
	if line, err := c.in.ReadString('\n'); err != nil || !strings.Contains(line, "103") {
		t.Fatalf("got %q, %v", line, err)
	}
	if a := site.Do(t, "/other", ""); a.Status != http.StatusServiceUnavailable {
		t.Errorf("got %s", a)
	}
	if s := site.VMs.Stats(); s.Streams != 0 {
		t.Errorf("there are %+v", s)
	}
}

// TestWhateverClientsDoVirtualMachinesAreBoundedAndComeBack lets a generated crowd of clients that are fast, slow, or leave, use all kinds
// of routes at once.
func TestWhateverClientsDoVirtualMachinesAreBoundedAndComeBack(t *testing.T) {
	const vms, most, rounds = 3, 4, 12
	limits := few(vms, 20*time.Millisecond)
	limits.Streams = most
	site := luatest.Setup{Limits: limits}.Serve(t, fmt.Sprintf(streams+`
		local piece = ("x"):rep(65536)
		route:get("/large", function(req, res) for i = 1, 100 do res:write(piece) end end)
		route:post("/first", function(req) return 200, req:body() end)
		route:post("/then", function(req) tostring(1) return 200, req:body() end)
		route:with(wrap):post("/wrapper", function(req) return 200, req:body() end)
		route:post("/forward", function(req) tostring(req:json()) return "p" end)`, streamer(t)))
	pick := func(rng *rand.Rand, of ...string) string { return of[rng.IntN(len(of))] }
	one := func(rng *rand.Rand) {
		c := connect(t, site)
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(time.Duration(rng.IntN(60)) * time.Millisecond)) // for many it leaves early
		switch rng.IntN(4) {
		case 0:
			c.send("GET "+pick(rng, append(streamPaths, "/large", "/hinted")...)+fmt.Sprint("?crowd", rng.Int()), pick(rng, "", "Connection: Upgrade\r\nUpgrade: echo\r\n"), "")
		case 1:
			c.send("GET /other", "", "")
		default:
			c.send("POST "+pick(rng, "/first", "/then", "/wrapper", "/forward"), pick(rng, "Content-Length: 2\r\n", "Transfer-Encoding: chunked\r\n"), pick(rng, "", "1", "12", "1\r\n1\r\n"))
		}
		_, _ = io.Copy(io.Discard, c)
	}
	stop := make(chan struct{})
	var clients, watch sync.WaitGroup
	watch.Go(func() {
		for {
			if s := site.VMs.Stats(); s.Size > 2*vms+most {
				t.Errorf("there are %+v", s)
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	for n := range uint64(40) {
		clients.Go(func() {
			rng := rand.New(rand.NewPCG(n, 7))
			for range rounds {
				one(rng)
			}
		})
	}
	clients.Wait()
	close(stop)
	watch.Wait()
	until(t, "all is over", func() bool {
		s := site.VMs.Stats()
		return s.Size == s.Idle && s.Size <= vms && s.Waiting+s.Slow+s.Streams == 0
	})
	if a := site.Do(t, "/other", ""); a.String() != "200 other" {
		t.Errorf("got %s", a)
	}
}
