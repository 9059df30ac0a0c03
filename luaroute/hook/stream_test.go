package hook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// streamed is how many bytes the streams of tests have. Their budget is a small part of what that takes.
const streamed = 64 << 20

// streamSite is a site whose paths stream for long, and whose Lua may run for a few milliseconds.
func streamSite(t *testing.T) *luatest.Site {
	long := luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
		piece := []byte(strings.Repeat("a", 32<<10))
		for n := 0; r.URL.Path == "/endless" || n < streamed; n += len(piece) {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	})
	return luatest.Setup{Limits: config.Limits{CPU: caddy.Duration(5 * time.Millisecond)}}.Serve(t, fmt.Sprintf(`local route = require("luaroute")
		route:pool("long", %q)
		local function upper(req, res) res:on_body(function(chunk) return chunk:upper() end) end
		local function threads(req, res)
			res:on_body(function(chunk) return coroutine.wrap(function() return chunk:upper() end)() end)
		end
		local piece = ("A"):rep(32768)
		local function write(res, size) while size > 0 do res:write(piece) size = size - #piece end end
		route:with(upper):any("/endless", "long")
		route:with(upper):get("/middleware", "long")
		route:with(function(req, res, next) upper(req, res) next() end):get("/wrapped", "long")
		route:with(function(req, res, next) next() end, upper):get("/inside", "long")
		route:with(upper, upper):get("/twice", "long")
		route:with(threads):get("/threads", "long")
		route:get("/handler", function(req, res) upper(req, res) return "long" end)
		route:any("/writes", function(req, res) write(res, %d) end)
		route:with(function(req, res, next) write(res, %d) end):get("/around", "long")
		route:with(upper):get("/both", function(req, res) write(res, %d) end)
		route:any("/generated", function(req, res) while true do res:write(piece) end end)
		route:get("/lost", function(req, res) res:write("x") while true do end end)
		route:get("/drops", function(req, res) while true do res:write("") res:flush() end end)`, long, streamed, streamed, streamed))
}

func TestALongStreamArrivesWhole(t *testing.T) {
	site := streamSite(t)
	for _, path := range []string{"/middleware", "/wrapped", "/inside", "/twice", "/threads", "/handler", "/writes", "/around", "/both"} {
		res, err := luatest.Client.Get(site.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(all("A"), res.Body)
		res.Body.Close()
		if n != streamed || err != nil {
			t.Errorf("%s: got %d bytes, %v; want %d", path, n, err, streamed)
			for _, entry := range site.Logs.TakeAll() {
				t.Log(entry.Message, entry.ContextMap())
			}
		}
	}
}

// all is a writer that takes one letter only.
type all string

// Write checks the letters.
func (a all) Write(p []byte) (int, error) {
	if n := strings.Count(string(p), string(a)); n != len(p) {
		return 0, fmt.Errorf("%d of %d bytes are %s", n, len(p), a)
	}
	return len(p), nil
}

func TestAStreamWithoutAnEndGoesOnUntilItsClientLeaves(t *testing.T) {
	site := streamSite(t)
	for _, path := range []string{"/endless", "/generated"} {
		ctx, leave := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, site.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := luatest.Client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(all("A"), res.Body, streamed); err != nil {
			t.Errorf("%s: %s", path, err)
		}
		leave()
		res.Body.Close()
		until(t, "the virtual machine is back", func() bool { s := site.VMs.Stats(); return s.Idle == s.Size })
	}
}

// What sends nothing, or to nobody, is no stream.
func TestWhatStreamsNothingEndsWithItsBudget(t *testing.T) {
	site := streamSite(t)
	for _, line := range []string{"GET /lost", "GET /drops", "HEAD /generated"} {
		_, _ = site.Try(line, "") // the header has left, so that the connection ends in the middle
		if err := <-site.Errors; !errors.Is(err, vm.ErrBudget) {
			t.Errorf("%s: got %v, want the end of the budget", line, err)
		}
	}
}
