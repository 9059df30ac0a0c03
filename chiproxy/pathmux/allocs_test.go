package pathmux

import (
	"testing"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestTextBehindAParameterCostsNoAllocation(t *testing.T) {
	m := muxOf(t, "/files/{name}.pdf", "/files/{a}-{b}.txt", "/files/{name:[0-9]+}.md", "/users/{id}")
	var at Match
	for _, path := range []string{"/files/q1.2026.pdf", "/files/x-y-z.txt", "/files/7.md", "/users/7"} {
		find := func() {
			if m.First(&at, path) == nil {
				t.Fatalf("%s is not found", path)
			}
		}
		find()
		if n := testkit.Allocs(100, find); n != 0 {
			t.Errorf("%s: %v allocations", path, n)
		}
	}
}
