package request_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/request"
)

// reader is an upstream that answers with the body, or breaks the connection when it has read it.
func reader(t testing.TB, breaks bool) string {
	return luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if breaks {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprintf(w, "%d %s", r.ContentLength, body)
	})
}

func TestABodyThatACandidateHasSetIsNotThatOfTheNext(t *testing.T) {
	t.Parallel()
	p := reader(t, false)
	for _, row := range []struct{ name, first, next, want string }{
		{"an unread one", "req:set_body('other')", "return 'p'", "200 6 client"},
		{"one that was read before", "req:body() req:set_body('other')", "return 'p'", "200 6 client"},
		{"one that was set twice", "req:set_body('other') req:set_body('another')", "return 'p'", "200 6 client"},
		{"one that was read after it was set", "req:set_body('other') assert(req:body() == 'other')", "return 'p'", "200 6 client"},
		{"one that the next reads", "req:set_body('other')", "return 200, req:body()", "200 client"},
		{"one that was only read", "req:body()", "return 'p'", "200 6 client"},
		{"one that the next sets", "req:set_body('other')", "req:set_body('new') return 'p'", "200 3 new"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := luatest.Setup{}.Serve(t, fmt.Sprintf(`local route = require("luaroute") route:pool("p", %q)
				route:post("/x", function(req) %s return route.decline end)
				route:post("/*", function(req) %s end)`, p, row.first, row.next))
			if a := s.Do(t, "POST /x", "client"); a.String() != row.want {
				t.Errorf("got %s, want %s", a, row.want)
			}
		})
	}
}

func TestTheStreamOfAConnectIsNoBody(t *testing.T) {
	t.Parallel()
	stream, _ := io.Pipe() // on which nobody sends
	r := &http.Request{Method: http.MethodConnect, Body: stream, ContentLength: -1}
	if body, err := request.ReadBody(r, 10); body != nil || err != nil || r.Body != io.ReadCloser(stream) {
		t.Errorf("got %q, %v", body, err)
	}
}

func TestABodyInMemoryIsSentAgainWhenAPoolHasFailed(t *testing.T) {
	t.Parallel()
	p, breaks := reader(t, false), reader(t, true)
	for _, row := range []struct{ name, code, want string }{
		{"by a wrapper", `route:with(function(req, res, next) req:body() if not pcall(next) then return "p" end end):post("/x", "breaks")`, "200 6 client"},
		{"by a wrapper, one that was set", `route:with(function(req, res, next) req:set_body("other") if not pcall(next) then return "p" end end):post("/x", "breaks")`, "200 5 other"},
		{"by on_error of the proxy", `route:post("/x", function(req) req:body() return route.proxy("breaks", { on_error = { pool = "p" } }) end)`, "200 6 client"},
		{"by on_error of the proxy, one that was set", `route:post("/x", function(req) req:set_body("other") return route.proxy("breaks", { on_error = { pool = "p" } }) end)`, "200 5 other"},
		{"by the next candidate", `route:post("/x", function(req) req:set_body("other") return route.proxy("breaks", { on_error = "decline" }) end) route:post("/*", "p")`, "200 6 client"},
		{"by on_error", `route:on_error(function() return "p" end) route:post("/x", function(req) req:body() return "breaks" end)`, "200 6 client"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := luatest.Setup{}.Serve(t, fmt.Sprintf(`local route = require("luaroute") route:pool("p", %q) route:pool("breaks", %q)
				%s`, p, breaks, row.code))
			if a := s.Do(t, "POST /x", "client"); a.String() != row.want {
				t.Errorf("got %s, want %s", a, row.want)
			}
		})
	}
}
