package hook_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// answers is an upstream that answers as the query says.
func answers(t *testing.T) string {
	return luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", `"v"`)
		w.Header().Set("X-Fields", strings.Join(sorted(r.Header), " "))
		switch r.URL.RawQuery {
		case "hints":
			w.Header().Set("Link", "</a>")
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusProcessing)
		case "204":
			w.WriteHeader(http.StatusNoContent)
			return
		case "304":
			w.WriteHeader(http.StatusNotModified)
			return
		case "empty":
			return
		case "101":
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "echo")
			w.WriteHeader(http.StatusSwitchingProtocols)
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, "raw")
				_ = conn.Close()
			}
			return
		case "pieces":
			_, _ = io.WriteString(w, "a")
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = io.WriteString(w, "b")
	})
}

func sorted(h http.Header) (names []string) {
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestResponseHooksAreCalledForFinalResponsesAndTheirBodies(t *testing.T) {
	t.Parallel()
	site := luatest.Setup{}.Serve(t, fmt.Sprintf(`local route, log = require("luaroute"), require("log")
		route:pool("p", %q)
		local function hooks(req, res)
			local calls, bytes, lasts = {}, 0, 0
			res:on_headers(function(res) calls[#calls + 1] = "headers " .. res.status end)
			res:on_body(function(piece, last)
				assert(lasts == 0, "a piece after the last")
				bytes = bytes + #piece
				if last then
					lasts = lasts + 1
					calls[#calls + 1] = "body " .. bytes .. " last"
				end
				return piece
			end)
			res:on_done(function() log.info("calls: " .. table.concat(calls, ", ")) end)
		end
		route:with(hooks):any("/pool", "p")
		route:with(function(req, res, next) hooks(req, res) assert(pcall(next)) end):any("/wrapped", "p")
		route:any("/handler", function(req, res) hooks(req, res) return "p" end)`, answers(t)))
	for _, row := range []struct{ line, want string }{
		{"GET ?one", "headers 200, body 1 last"},
		{"GET ?pieces", "headers 200, body 2 last"},
		{"GET ?empty", "headers 200, body 0 last"},
		{"GET ?hints", "headers 200, body 1 last"},
		{"HEAD ?one", "headers 200"},
		{"GET ?204", "headers 204"},
		{"GET ?304", "headers 304"},
		{"GET ?101", ""},
	} {
		for _, path := range []string{"/pool", "/wrapped", "/handler"} {
			method, query, _ := strings.Cut(row.line, " ")
			r, err := http.NewRequest(method, site.URL+path+query, nil)
			if err != nil {
				t.Fatal(err)
			}
			if query == "?101" {
				r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"echo"}}
			}
			informed := 0
			r = r.WithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
				Got1xxResponse: func(int, textproto.MIMEHeader) error { informed++; return nil },
			}))
			if _, err := luatest.Send(luatest.Client, r); err != nil {
				t.Errorf("%s%s: %s", path, row.line, err)
			}
			until(t, "on_done was called", func() bool { return site.Logs.FilterMessageSnippet("calls: ").Len() == 1 })
			if got := site.Logs.TakeAll(); len(got) != 1 || got[0].Message != "calls: "+row.want {
				t.Errorf("%s %s: got %v, want %s", row.line, path, got, row.want)
			}
			if hints := query == "?hints"; hints != (informed == 2) {
				t.Errorf("%s %s: %d informational responses", row.line, path, informed)
			}
		}
	}
}

func TestOnBodyGetsWholePlainBodies(t *testing.T) {
	t.Parallel()
	site := luatest.Setup{}.Serve(t, fmt.Sprintf(`local route = require("luaroute") route:pool("p", %q)
		route:get("/plain", "p")
		route:with(function(req, res) res:on_headers(function(res) res:on_body(function(piece) return piece end) end) end):get("/late", "p")
		route:with(function(req, res) res:on_body(function(piece) return piece end) return route.decline end):get("/x", "p")
		route:get("/*", "p")
		route:with(function(req, res) res:on_body(function(piece) return piece end) end):get("/filtered", "p")`, answers(t)))
	fields := []string{
		"Accept-Encoding: br", "If-Match: a", "If-Modified-Since: b", "If-None-Match: c", "If-Range: d", "If-Unmodified-Since: e", "Range: bytes=0-1",
	}
	const all = "Accept-Encoding If-Match If-Modified-Since If-None-Match If-Range If-Unmodified-Since Range"
	// The transport asks for gzip by itself where nothing is accepted, and unzips it.
	for path, want := range map[string]string{"/plain": all, "/late": all, "/x": all, "/filtered": "Accept-Encoding"} {
		a := site.Do(t, path, "", fields...)
		var got []string
		for _, name := range strings.Fields(a.Header.Get("X-Fields")) {
			if strings.Contains(all, name) {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: the upstream gets %v, want %s", path, got, want)
		}
		if kept := a.Header.Get("Etag") != ""; kept == (path == "/filtered" || path == "/late") {
			t.Errorf("%s: the validator is there: %t", path, kept)
		}
	}
}

// A panic is not mistaken for the way out of those who could not write any more.
func TestAPanicBehindAFailedHookStaysAPanic(t *testing.T) {
	t.Parallel()
	panics := handler(func(w http.ResponseWriter) error {
		_, _ = io.WriteString(w, "refused")
		panic("secret of Go")
	})
	site := luatest.Setup{Handlers: map[string]caddyhttp.MiddlewareHandler{"panics": panics}}.Serve(t, `local route = require("luaroute")
		route:with(function(req, res) res:on_headers(function() error("boom") end) end):get("/x", route.handler("panics"))`)
	if a, err := site.Try("/x", ""); err == nil {
		t.Errorf("got %s, want a connection that breaks", a)
	}
	until(t, "the panic is logged", func() bool { return site.Logs.FilterMessageSnippet("secret of Go").Len() == 1 })
}
