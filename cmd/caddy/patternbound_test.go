package main

import (
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// TestALongPathIsNotMatchedByTheExpressionsOfAStranger asks a tenant that has as many of them as it may.
func TestALongPathIsNotMatchedByTheExpressionsOfAStranger(t *testing.T) {
	const script = head + `for i = 1, 250 do route:get("/{a:(a|b|ab|ba)*c" .. i .. "}", { body = "x" }) end route:get("/*", { body = "all" })`
	for name, row := range map[string]struct {
		site string
		want int
	}{
		"a stranger": {"tenant acme {\nhost acme.example\nscript $dir/main.lua\n}", 414},
		"trusted":    {"script $dir/main.lua", 200},
	} {
		t.Run(name, func(t *testing.T) {
			c := e2e.New(t)
			c.File("main.lua", script)
			c.Start("http:// {\nluaroute {\n" + row.site + "\n}\n}")
			c.Get("/ab", "Host: acme.example").Want(200, "all")
			if got := c.Get("/"+strings.Repeat("ab", 4000), "Host: acme.example"); got.Status != row.want {
				t.Errorf("a long path: got %d, want %d", got.Status, row.want)
			}
		})
	}
}
