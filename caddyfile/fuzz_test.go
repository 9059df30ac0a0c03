package caddyfile_test

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// FuzzDirective puts any text into a luaroute block: it is refused, or its JSON survives decoding.
func FuzzDirective(f *testing.F) {
	for _, parts := range goldenCases(f) {
		if _, block, found := strings.Cut(parts[0], "luaroute {\n"); found {
			f.Add(block)
		}
	}
	for _, block := range []string{"", "{", "}", "script", "pool a {", "tenant a { }", "limits {\nbody 1\n}", "script <<LUA\na\nLUA", "\"\n\" b"} {
		f.Add(block)
	}
	f.Fuzz(func(t *testing.T, block string) {
		if strings.Contains(block, "import") {
			return // it would read files
		}
		config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(":80 {\n\tluaroute {\n"+block+"\n\t}\n}\n"), nil)
		if err != nil {
			return
		}
		for _, raw := range handlersIn(config) {
			if err := survivesDecoding(raw); err != nil {
				t.Errorf("%q: %v", block, err)
			}
		}
	})
}
