package hook_test

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// Whatever else comes to the end of a budget, on_headers has its own for the answer of that.
func TestOnHeadersRunsAfterEachEndOfABudget(t *testing.T) {
	t.Parallel()
	const loop = "while true do end"
	for name, row := range map[string]struct{ handler, onError, want string }{
		"of the handler":             {loop, "", "503 yes"},
		"of the answer of an error":  {"error('x')", loop, "503 yes"},
		"of both":                    {loop, loop, "503 yes"},
		"of none":                    {"error('x')", "return 418, 'teapot'", "418 yes"},
		"of the handler only":        {loop, "return 418, 'teapot'", "418 yes"},
		"of on_headers itself, once": {"res:on_headers(function() " + loop + " end) return 204", "", "503 yes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code := `local route = require("luaroute")
				route:use(function(req, res) res:on_headers(function(res) res.headers["X-Seen"] = "yes" end) end)
				route:get("/x", function(req, res) ` + row.handler + ` end)`
			if row.onError != "" {
				code += "\nroute:on_error(function(req, res, failure) " + row.onError + " end)"
			}
			answer := luatest.Setup{}.Serve(t, code).Do(t, "/x", "")
			if got := answer.String()[:3] + " " + answer.Header.Get("X-Seen"); got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}
