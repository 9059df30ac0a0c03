package request_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// teller is an upstream that answers with what it was asked.
func teller(t testing.TB) string {
	return luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
		var fields []string
		for name, values := range r.Header {
			switch name {
			case "Accept-Encoding", "User-Agent", "X-Forwarded-For", "X-Forwarded-Host", "Via", "Content-Length":
			default:
				fields = append(fields, fmt.Sprintf("%s=%s", name, strings.Join(values, ",")))
			}
		}
		slices.Sort(fields)
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %s %d %s", r.Method, r.RequestURI, r.Host, fields, r.ContentLength, body)
	})
}

// changes are all ways in which a function changes a request.
var changes = map[string]string{
	"nothing":      ``,
	"method":       `req:set_method("PUT")`,
	"path":         `req:set_path("/zz")`,
	"query":        `req:set_query("a=b")`,
	"header":       `req:set_header("X-User", "admin")`,
	"its header":   `req:set_header("X-Mw", "2")`,
	"no header":    `req:remove_header("X-Mw")`,
	"more header":  `req:add_header("X-Mw", "2")`,
	"Host":         `req:set_header("Host", "evil.example")`,
	"forwarded":    `req:set_header("X-Forwarded-Proto", "gopher")`,
	"cookie":       `req:set_cookie("a", "b")`,
	"no cookie":    `req:remove_cookie("c")`,
	"body":         `req:set_body("other")`,
	"JSON":         `req:set_json({ 1 })`,
	"variable":     `req:var("who", "evil")`,
	"its variable": `req:var("mw", "evil")`,
	"read body":    `req:body()`,
	"all":          `req:body() req:set_method("PUT") req:set_path("/zz") req:set_header("X-User", "admin") req:set_header("Host", "evil.example") req:set_body("evil") req:var("mw", 1)`,
}

func TestWhatAFunctionChangesIsUndoneForThoseWhoAnswerInItsPlace(t *testing.T) {
	t.Parallel()
	p := teller(t)
	const (
		before = `req:set_header("X-Mw", "1") req:var("mw", "mw") `
		answer = `if req:var("who") or req:var("mw") ~= "mw" then return 200, "variables" end return "p"`
		plain  = `route:with(function(req, res, next) ` + before + `if not next() then ` + answer + ` end end)`
	)
	for way, script := range map[string]string{
		"one wrapper":      plain + `:any("/a", function(req) $change return route.decline end)`,
		"an error":         plain + `:any("/a", { on_error = "decline" }, function(req) $change error("x") end)`,
		"middleware":       plain + `:with(function(req) $change return route.decline end):any("/a", "p")`,
		"before it":        plain + `:with(function(req) $change end):any("/a", route.decline)`,
		"an inner wrapper": plain + `:with(function(req, res, next) $change next() return route.decline end):any("/a", function(req) req:set_header("X-In", "1") return route.decline end)`,
		"two levels": `route:with(function(req, res, next) next() end)` + strings.TrimPrefix(plain, "route") +
			`:with(function(req, res, next) $change next() end):any("/a", function(req) $change return route.decline end)`,
		"around a module":      plain + `:with(route.handler("headers", { request = { set = { ["X-In"] = { "1" } } } })):any("/a", function(req) $change return route.decline end)`,
		"the pool of an error": `route:with(function(req) ` + before + `end):any("/a", { on_error = { pool = "p" } }, function(req) $change error("x") end)`,
		"the pool of an error in middleware": `route:with(function(req) ` + before + `end):any("/a", { on_error = { pool = "p" } }, "p")
			route:with(function(req) ` + before + ` end):with(function(req) $change error("x") end):any("/b", { on_error = { pool = "p" } }, "p")`,
		"the pool of an error after next": `route:with(function(req) ` + before + `end):with(function(req, res, next) $change next() error("x") end):any("/a", { on_error = { pool = "p" } },
			function(req) $change return route.decline end)`,
	} {
		for body, set := range map[string]string{"client": "", "set": `req:set_body("set") `} {
			for name, change := range changes {
				code := strings.ReplaceAll(strings.ReplaceAll(script, "$change", change), before, set+before)
				s := luatest.Setup{}.Serve(t, fmt.Sprintf(`local route = require("luaroute") route:pool("p", %q)
				%s`, p, code))
				path := "/a"
				if strings.HasSuffix(way, "in middleware") {
					path = "/b"
				}
				want := fmt.Sprintf("200 POST %s gateway.example [Cookie=c=d X-Forwarded-Proto=http X-Mw=1] %d %s", path, len(body), body)
				a := s.Do(t, "POST "+path, body, "Host: gateway.example", "Cookie: c=d")
				if a.String() != want {
					t.Errorf("%s, %s, %s body: got %s\nwant %s", way, name, body, a, want)
				}
			}
		}
	}
}
