package request_test

import (
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

func TestExpandIsBoundedAndReadsNeitherFilesNorTheEnvironment(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, text, want string }{
		{"a placeholder", `"{http.request.method} x"`, "GET x"},
		{"a variable of the environment", `"{env.PATH}"`, "expand: placeholders {env.…} are not for scripts; use route.env"},
		{"a file", `"a {file./etc/hostname}"`, "expand: placeholders {file.…} are not for scripts; use route.read"},
		{"a long text", `("x"):rep(2^20 + 1)`, "expand: the text has 1048577 bytes; allowed are 1048576"},
		{"a long result", `("{http.vars.long}"):rep(20)`, "expand: the result is too large; allowed are 1048576 bytes"},
		{"braces without an end", `("{"):rep(1000)`, "expand: too many unclosed placeholders"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			site := luatest.Setup{}.Serve(t, `require("luaroute"):get("/", function(req)
				req:var("long", ("x"):rep(2^17))
				local ok, text = pcall(req.expand, req, `+row.text+`)
				return 200, text
			end)`)
			if a := site.Do(t, "/", ""); !strings.HasSuffix(a.Body, row.want) {
				t.Errorf("got %s, want %s", a, row.want)
			}
		})
	}
}
