package main

import (
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestWhatIsNotThereIsSaidWithWhereItWasLookedFor(t *testing.T) {
	c := e2e.New(t)
	c.File("routes/other.lua", "")
	for script, want := range map[string]string{
		`require("lib.auth")`:                   "$dir/main.lua:1: module \"lib.auth\" is not found: there is no $dir/lib/auth.lua, $dir/lib/auth/init.lua; libraries are: base64, ",
		`require("auth.lua")`:                   `; the name of a module has no suffix: require("auth"); libraries are: `,
		`require("luaroute").read("hosts.txt")`: "$dir/main.lua:1: file \"hosts.txt\" is not beside the script: there is no $dir/hosts.txt",
		"\n" + `require("luaroute"):tenant("acme", { path_prefix = "/a", script = "routes/acme.lua" })`:   "$dir/main.lua:2: tenant \"acme\": script routes/acme.lua: no such file or directory in $dir/routes, nor in ",
		"\n" + `require("luaroute"):tenant("acme", { path_prefix = "/a", script = "$dir/routes/a.lua" })`: "$dir/main.lua:2: tenant \"acme\": script $dir/routes/a.lua: no such file or directory in $dir/routes; there are other.lua",
		"\n" + `require("luaroute"):tenant("acme", { path_prefix = "/a", script = "none/*.lua" })`:        "$dir/main.lua:2: tenant \"acme\": script \"none/*.lua\": no file matches in $dir/none, nor in ",
	} {
		c.File("main.lua", script)
		if err := c.Load(c.Caddyfile(e2e.Site(""))); err == nil || !strings.Contains(err.Error(), c.Expand(want)) {
			t.Errorf("%s: got %v; want %s", script, err, c.Expand(want))
		}
	}
}
