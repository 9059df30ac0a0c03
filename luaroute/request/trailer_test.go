package request_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

func TestATrailerDoesNotGoAroundAChangedHeader(t *testing.T) {
	t.Parallel()
	p := luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		var names []string
		for name, values := range r.Trailer {
			names = append(names, name+"="+strings.Join(values, ","))
		}
		slices.Sort(names)
		fmt.Fprint(w, names)
	})
	const all = "[X-Admin=1 X-Sum=3 X-User=evil]"
	for code, want := range map[string]string{
		`route:post("/x", "p")`: all,
		`route:post("/x", function(req) req:set_header("x-user", "ann") req:remove_header("X-Admin") return "p" end)`:    "[X-Sum=3]",
		`route:post("/x", function(req) req:add_header("X-User", "ann") req:body() return "p" end)`:                      "[X-Admin=1 X-Sum=3]",
		`route:post("/x", route.proxy("p", { headers = { set = { ["X-User"] = "ann" }, remove = "X-Admin" } }))`:         "[X-Sum=3]",
		`route:post("/x", route.proxy("p", { headers = { add = { ["X-User"] = "ann" } } }))`:                             "[X-Admin=1 X-Sum=3]",
		`route:post("/x", function(req) req:set_body("x") return "p" end)`:                                               "[]",
		`route:post("/x", function(req) req:set_json({}) return "p" end)`:                                                "[]",
		`route:post("/x", function(req) req:set_header("X-User", "ann") return route.decline end) route:post("/*", "p")`: all,
		`route:post("/x", function(req) req:set_body("x") return route.decline end) route:post("/*", "p")`:               all,
		`route:use(function(req) req:remove_header("X-Admin") end) route:post("/x", function(req) return "p" end)`:       "[X-Sum=3 X-User=evil]",
	} {
		s := luatest.Setup{}.Serve(t, fmt.Sprintf("local route = require('luaroute') route:pool('p', %q)\n%s", p, code))
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-User, X-Admin, X-Sum\r\n\r\n"+
			"3\r\nabc\r\n0\r\nX-User: evil\r\nX-Admin: 1\r\nX-Sum: 3\r\n\r\n")
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(answer.Body)
		_ = conn.Close()
		if string(got) != want {
			t.Errorf("%s: got %s, want %s", code, got, want)
		}
	}
}
