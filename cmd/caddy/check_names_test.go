package main

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

// checked runs check on files with a Caddyfile, and returns its findings without the folder.
func checked(t *testing.T, files map[string]string) (found string, code int) {
	t.Helper()
	dir := written(t, files)
	out, code := caddyCommand(t, "luaroute", "check", "--config", filepath.Join(dir, "Caddyfile"))
	var lines []string
	for line := range strings.Lines(strings.ReplaceAll(out, dir+"/", "")) {
		if strings.Contains(line, ": warning: ") || strings.Contains(line, ": error: ") || strings.Contains(line, ": note: ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, ""), code
}

func TestCheckKnowsWhichPoolsAndHandlersATenantSees(t *testing.T) {
	t.Parallel()
	out, code := checked(t, map[string]string{
		"Caddyfile": `http://:8080 {
	luaroute {
		script $dir/main.lua
		pool shared 127.0.0.1:1
		handler for_all {
			encode gzip
		}
		tenant config {
			host config.example
			script $dir/config.lua
			allow {
				pools shared
			}
			pool mine 127.0.0.1:2
			handler own {
				encode gzip
			}
		}
	}
}
`,
		"main.lua": `local route = require("luaroute")
local function answer(req) return req.path == "/" and "acme" or "globex" end
route:pool("base", "127.0.0.1:3")
route:get("/", function(req) return req.path == "/" and "base" or req.path == "/a" and "shared" or "own" end)
route:tenant("acme", { hosts = "acme.example" }, function(r)
  r:pool("acme", "127.0.0.1:4")
  r:get("/", answer)
  r:get("/{id}", function(req) return req.params.id == "1" and "acme" or "base" end)
  r:get("/x", function(req) return req.path == "/" and "globex" or "shared" end)
end)
route:tenant("globex", { hosts = "globex.example" }, function(r)
  r:pool("globex", "127.0.0.1:5")
  r:get("/x", function(req) return req.path == "/" and "globex" or "acme" end)
end)
route:tenant("own", { hosts = "own.example", script = "own.lua", allow = { pools = { "base" } } })
`,
		"own.lua": `local route, shared = require("luaroute"), require("shared")
route:pool("own", "10.0.0.6:1")
route:get("/", function(req) return req.path == "/" and "own" or req.path == "/a" and "base" or "shared" end)
route:get("/x", shared.answer)
`,
		"config.lua": `local route, shared = require("luaroute"), require("shared")
route:get("/", function(req) return req.path == "/" and "mine" or req.path == "/a" and "shared" or "base" end)
route:with(route.handler("own"), route.handler("for_all")):get("/x", shared.answer)
`,
		"shared.lua": `return { answer = function(req) return req.path == "/" and "own" or req.path == "/a" and "mine" or "acme" end }
`,
	})
	want := `config.lua:2:100: warning: there is no pool "base" here; the default tenant has one (unknown-pool)
main.lua:4:100: warning: there is no pool "own" here; tenant "own" has one (unknown-pool)
main.lua:9:56: warning: there is no pool "globex" here; tenant "globex" has one (unknown-pool)
main.lua:13:68: warning: there is no pool "acme" here; tenant "acme" has one (unknown-pool)
own.lua:3:97: warning: there is no pool "shared" here; the default tenant has one (unknown-pool)
shared.lua:1:100: warning: there is no pool "acme" here; tenant "acme" has one (unknown-pool)
`
	if code != 1 || out != want {
		t.Errorf("exit code %d and\n%s\nwant 1 and\n%s", code, out, want)
	}
}

// The load stops in line 4 of the script, behind which there are more names.
var stopsEarly = map[string]string{
	"Caddyfile": `http://:8080 {
	luaroute {
		script $dir/main.lua
		env TOKEN
		pool users 127.0.0.1:1
		tenant config {
			host config.example
			pool mine 127.0.0.1:2
			use_pool mine
		}
	}
}
`,
	"main.lua": `local route = require("luaroute")
route:get("/", function(req) return req.tenant == "configg" and "usres" or req.tenant == "acme" and "later" or "users" end)
route:get("/x", function(req) return req.tenant == "acmee" and "latre" or "in_acme" end)
error("there is no token")
route:pool("later", "127.0.0.1:3")
local token = route.env("TOKN")
route:use(route.handler("encod"))
route:tenant("acme", { hosts = "acme.example" }, function(r)
  r:pool("in_acme", "127.0.0.1:4")
  r:get("/", function(req) return req.path == "/" and "in_amce" or "users" end)
end)
`,
}

func TestCheckKnowsNamesAfterALoadThatStopsEarly(t *testing.T) {
	t.Parallel()
	files := maps.Clone(stopsEarly)
	out, code := checked(t, files)
	want := `main.lua:4: error: there is no token (load)
main.lua:2:51: warning: there is no tenant "configg"; did you mean "config"? (unknown-name)
main.lua:2:65: warning: there is no pool "usres"; did you mean "users"? (unknown-pool)
main.lua:3:52: warning: there is no tenant "acmee"; did you mean "acme"? (unknown-name)
main.lua:3:64: warning: there is no pool "latre"; did you mean "later"? (unknown-pool)
main.lua:6:25: warning: there is no environment variable in the configuration "TOKN"; did you mean "TOKEN"? (unknown-name)
main.lua:7:25: warning: there is no handler "encod"; did you mean "encode"? (unknown-name)
main.lua:10:55: warning: there is no pool "in_amce"; did you mean "in_acme"? (unknown-pool)
`
	if code != 1 || out != want {
		t.Errorf("exit code %d and\n%s\nwant 1 and\n%s", code, out, want)
	}
	// One that the script names otherwise may be any.
	files["main.lua"] = strings.ReplaceAll(files["main.lua"], `route:pool("later"`, `route:pool(names[1]`)
	if out, _ = checked(t, files); strings.Contains(out, "unknown-pool") || !strings.Contains(out, "unknown-name") {
		t.Errorf("pools are unknown:\n%s", out)
	}
	files["main.lua"] = strings.ReplaceAll(files["main.lua"], `route:tenant("acme"`, `route:tenant(names[1]`)
	if out, _ = checked(t, files); strings.Contains(out, "there is no tenant") {
		t.Errorf("tenants are unknown:\n%s", out)
	}
}

func TestAnErrorOfALoadIsIgnoredByItsKind(t *testing.T) {
	t.Parallel()
	files := map[string]string{"Caddyfile": "http://:8080 {\n\tluaroute {\n\t\tscript $dir/main.lua\n\t}\n}\n"}
	for script, want := range map[string]string{
		`error("no token") -- luaroute: ignore load: there is one where it serves`: "",
		`error("no token") -- luaroute: ignore`:                                    "main.lua:1: error: no token (load)\nmain.lua:1:19: warning: there is nothing to ignore (unused-ignore)\n",
		`error("no token") -- luaroute: ignore left-out`:                           "main.lua:1: error: no token (load)\nmain.lua:1:19: warning: there is no left-out to ignore (unused-ignore)\n",
		`require("luaroute"):get("/", { body = "a" }) -- luaroute: ignore load`:    "main.lua:1:46: warning: there is no load to ignore (unused-ignore)\n",
	} {
		files["main.lua"] = script
		out, code := checked(t, files)
		if out != want || (code == 0) != (want == "") {
			t.Errorf("%s\nexit code %d and\n%s\nwant\n%s", script, code, out, want)
		}
	}
}
