package cli

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersionsAreThoseOfTheModulesInTheBinary(t *testing.T) {
	info := &debug.BuildInfo{
		Main: debug.Module{Path: "caddy"},
		Deps: []*debug.Module{
			{Path: ownModule, Version: "v0.1.0"},
			{Path: caddyPath, Version: "v2.11.9", Replace: &debug.Module{Path: "example.com/fork", Version: "v2.0.1"}},
			{Path: chiPath, Version: "v5.5.0"},
		},
	}
	var out strings.Builder
	printVersions(&out, info)
	lines := strings.Split(out.String(), "\n")
	want := []string{
		"luaroute   v0.1.0", "caddy      v2.11.9, replaced by example.com/fork v2.0.1", "chi        v5.5.0", "gopher-lua unknown",
	}
	for i, line := range want {
		if lines[i] != line {
			t.Errorf("line %d is %q; want %q", i+1, lines[i], line)
		}
	}
	if !strings.HasPrefix(lines[4], "go         go1.") {
		t.Errorf("the last line is %q", lines[4])
	}
}
