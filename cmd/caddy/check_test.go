package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
	"github.com/luaroute/caddy-luaroute/internal/ports"
)

// written writes files, and returns their folder. In them $dir is that folder.
func written(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(text, "$dir", dir)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// doubtful is a site whose scripts load and have something of everything that is a mistake, most likely.
var doubtful = map[string]string{
	"Caddyfile": `http://:8080 {
	luaroute {
		script $dir/main.lua
		pool used 127.0.0.1:1
		pool spare 127.0.0.1:1
		pool forgotten 127.0.0.1:1
		on_error pool spare
	}
}
`,
	"main.lua": `local route, counter = require("luaroute"), require("counter")
local json = require("json")
greeting = "hello"
route:use(counter.count)
route:get("/", function(req) last = req.path return "used" end)
route:tenant("acme", { hosts = "acme.example", script = "acme.lua" })
`,
	"counter.lua": `local hits = 0
return { count = function(req) hits = hits + 1 end }
`,
	"acme.lua": `local route = require("luaroute")
route:pool("own", "10.0.0.1:1")
route:get("/", { body = "acme" })
`,
}

func TestCheckReportsLikelyMistakesWithTheirPlace(t *testing.T) {
	t.Parallel()
	dir := written(t, doubtful)
	out, code := caddyCommand(t, "luaroute", "check", "--config", filepath.Join(dir, "Caddyfile"))
	want := strings.ReplaceAll(`$dir/acme.lua:2:12: warning: pool "own" is declared, and nothing names it (unused-pool)
$dir/counter.lua:2:32: warning: "hits" is changed while a request runs, but each virtual machine has its own; use req.ctx, or name it cache if it is one (shared-state)
$dir/main.lua:3:1: warning: global "greeting" is assigned; write local greeting, unless another script of the tenant reads it (global)
$dir/main.lua:5:30: warning: global "last" is assigned while a request runs, which is an error; write local last, or use req.ctx (request-global)
pools.forgotten: warning: pool "forgotten" is declared, and nothing names it (unused-pool)
`, "$dir", dir)
	if code != 1 || !strings.Contains(out, want) || !strings.Contains(out, "findings: 5") {
		t.Errorf("exit code %d and\n%s\nwant 1 and\n%s", code, out, want)
	}
}

func TestCheckReportsJSON(t *testing.T) {
	t.Parallel()
	dir := written(t, doubtful)
	out, code := caddyCommand(t, "luaroute", "check", "--config", filepath.Join(dir, "Caddyfile"), "--name", "main", "--format", "json")
	start := strings.Index(out, "\n[") // after what Caddy logs
	end := strings.Index(out, "\n]")
	if code != 1 || start < 0 || end < start {
		t.Fatalf("exit code %d and %s", code, out)
	}
	var found []map[string]any
	if err := json.Unmarshal([]byte(out[start:end+2]), &found); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"severity": "warning", "instance": "main", "script": filepath.Join(dir, "acme.lua"), "line": 2.0, "column": 12.0, "kind": "unused-pool",
		"message": `pool "own" is declared, and nothing names it`,
	}
	if len(found) != 5 || !reflect.DeepEqual(found[0], want) {
		t.Errorf("got %v", found)
	}
}

func TestCheckFindsNothingInTheQuickstart(t *testing.T) {
	t.Parallel()
	out, code := caddyCommand(t, "luaroute", "check", "--config", "testdata/quickstart/Caddyfile")
	if code != 0 || !strings.Contains(out, "no findings\n") {
		t.Errorf("exit code %d and %s", code, out)
	}
}

func TestCheckNotesAModuleThatHidesALibrary(t *testing.T) {
	t.Parallel()
	dir := written(t, map[string]string{
		"Caddyfile": "http://:8080 {\n\tluaroute {\n\t\tscript $dir/main.lua\n\t}\n}\n",
		"main.lua":  "local json, route = require('json'), require('luaroute')\nroute:get('/', { status = 200, body = json.own })",
		"json.lua":  "return { own = 'mine' }",
	})
	out, code := caddyCommand(t, "luaroute", "check", "--config", filepath.Join(dir, "Caddyfile"))
	want := dir + `/json.lua:1: note: require("json") of ` + dir + `/main.lua finds this file; the library of that name is require("luaroute.json")`
	if code != 0 || !strings.Contains(out, want) {
		t.Errorf("exit code %d and\n%s\nwant 0 and\n%s", code, out, want)
	}
}

func TestCheckNotesPoolsThatHideOthersAndFindsNoFaultInThem(t *testing.T) {
	t.Parallel()
	dir := written(t, map[string]string{
		"Caddyfile": `http://:8080 {
	luaroute {
		script $dir/main.lua
		pool app 127.0.0.1:1
		tenant config {
			host config.example
			pool app 127.0.0.1:2
			use_pool app
		}
	}
}
`,
		"main.lua": `local route = require("luaroute")
route:pool("app", "127.0.0.1:3")
route:get("/", "app")
route:tenant("acme", { hosts = "acme.example" }, function(r)
  r:pool("app", "127.0.0.1:4")
  r:get("/", "app")
end)
route:tenant("own", { hosts = "own.example", script = "own.lua" })
`,
		"own.lua": `local route = require("luaroute")
route:pool("app", "10.0.0.1:5")
route:get("/", "app")
`,
	})
	out, code := caddyCommand(t, "luaroute", "check", "--config", filepath.Join(dir, "Caddyfile"))
	want := strings.ReplaceAll(`$dir/main.lua:2: note: pool "app" hides the one at pools.app (hidden-pool)
$dir/main.lua:5: note: pool "app" hides the one at $dir/main.lua:2 (hidden-pool)
$dir/own.lua:2: note: pool "app" hides the one at $dir/main.lua:2 (hidden-pool)
tenants.config.pools.app: note: pool "app" hides the one at pools.app (hidden-pool)
`, "$dir", dir)
	if code != 0 || !strings.Contains(out, want) || strings.Contains(out, "findings") {
		t.Errorf("exit code %d and\n%s\nwant 0 and\n%s", code, out, want)
	}
}

func TestCheckReportsNoMoreThanTheLevelAskedFor(t *testing.T) {
	t.Parallel()
	dir := written(t, doubtful)
	for level, want := range map[string]string{"error": "no findings\n", "warning": "findings: 5", "note": "findings: 5"} {
		out, code := caddyCommand(t, "luaroute", "check", "--level", level, "--config", filepath.Join(dir, "Caddyfile"))
		if code != 1 && level != "error" || code != 0 && level == "error" || !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d and\n%s\nwant %s", level, code, out, want)
		}
	}
}

// The names of an instance are known, whoever declares them: the configuration, or a script by a name that it puts together.
func TestCheckKnowsWhatStringsCanName(t *testing.T) {
	t.Parallel()
	dir := written(t, map[string]string{
		"Caddyfile": `http://:8080 {
	luaroute {
		script $dir/main.lua
		env TOKEN
		pool config 127.0.0.1:1
		handler docs {
			respond ok
		}
		tenant acme {
			host acme.example
			use_pool config
		}
	}
}
`,
		"main.lua": `local route = require("luaroute")
for i = 1, 2 do route:pool("users-" .. i, "127.0.0.1:1") end
local token = route.env("TOKEN")
route:get("/", route.handler("docs"))
route:get("/{id}", function(req)
  if req.tenant == "acme" or token then return "users-1" end
  if req.tenant == "acne" then return "users-3" end
  return req:param("di") == "1" and "confg" or "config"
end)
`,
	})
	out, code := caddyCommand(t, "luaroute", "check", "--config", filepath.Join(dir, "Caddyfile"))
	want := strings.ReplaceAll(`$dir/main.lua:7:20: warning: there is no tenant "acne"; did you mean "acme"? (unknown-name)
$dir/main.lua:7:39: warning: there is no pool "users-3"; did you mean "users-1"? (unknown-pool)
$dir/main.lua:8:20: warning: no pattern of the function's routes has a parameter "di"; did you mean "id"? (unknown-param)
$dir/main.lua:8:37: warning: there is no pool "confg"; did you mean "config"? (unknown-pool)
`, "$dir", dir)
	if code != 1 || !strings.Contains(out, want) || !strings.Contains(out, "findings: 4") {
		t.Errorf("exit code %d and\n%s\nwant 1 and\n%s", code, out, want)
	}
}

// A script that does not load is read nevertheless, so that its other mistakes are found at once.
func TestCheckLooksAtScriptsThatDoNotLoad(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"Caddyfile": "http://:8080 {\n\tluaroute {\n\t\tscript $dir/main.lua\n\t}\n}\n",
		"main.lua": `local route, auth = require("luaroute"), require("auth")
route:get("/", function(req) return 200, req.pth end)
route:gett("/x", auth.check)
`,
		"auth.lua": "return { check = function(req) return 200, require('crypto').hahs() end }\n",
	}
	left := map[string]string{
		"Caddyfile": "http://:8080 {\n\tluaroute {\n\t\tisolate_failures\n\t\ttenant acme {\n\t\t\thost a.example\n\t\t\tscript $dir/main.lua\n\t\t}\n\t}\n}\n",
		"main.lua":  files["main.lua"], "auth.lua": files["auth.lua"],
	}
	for name, files := range map[string]map[string]string{"load": files, "left-out": left} {
		dir := written(t, files)
		out, code := caddyCommand(t, "luaroute", "check", "--config", filepath.Join(dir, "Caddyfile"))
		for _, want := range []string{
			dir + "/main.lua:3: error: ", " (" + name + ")\n",
			dir + `/main.lua:2:46: warning: req has no field "pth"; did you mean "path"? (unknown-field)`,
			dir + `/main.lua:3:7: warning: route has no method "gett"; did you mean "get"? (unknown-field)`,
			dir + `/auth.lua:1:62: warning: `,
		} {
			if code != 1 || !strings.Contains(out, want) {
				t.Errorf("%s: exit code %d and\n%s\nwant 1 and %s", name, code, out, want)
			}
		}
	}
}

func TestCheckReportsTheErrorOfALoad(t *testing.T) {
	t.Parallel()
	dir := written(t, map[string]string{
		"Caddyfile": "http://:8080 {\n\tluaroute {\n\t\tscript $dir/main.lua\n\t}\n}\n",
		"main.lua":  "local route = require('luaroute')\nroute:get('/', 'nowhere')",
		"none.json": `{"apps": {"http": {}}}`,
	})
	for config, want := range map[string]string{
		"Caddyfile":    dir + `/main.lua:2: error: no pool "nowhere"`,
		"none.json":    "error: the configuration has no luaroute handler",
		"missing.json": "missing.json: no such file",
	} {
		if out, code := caddyCommand(t, "luaroute", "check", "--config", filepath.Join(dir, config)); code != 1 || !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d and\n%s\nwant 1 and %s", config, code, out, want)
		}
	}
}

func TestCheckUsedWronglySaysWhatIsAllowed(t *testing.T) {
	t.Parallel()
	const quickstart = "testdata/quickstart/Caddyfile"
	for args, want := range map[string]string{
		"chek":                                  `there is no command \"chek\"`,
		"check more":                            `check takes no arguments, found \"more\"`,
		"check --nowhere":                       "unknown flag: --nowhere",
		"check --format yaml":                   `--format \"yaml\": expected text, json, github or sarif`,
		"check --level fatal":                   `--level \"fatal\": expected error, warning or note`,
		"check --adapter caddyfile":             "--adapter is for the file that --config names, which is missing",
		"check --address x --config y":          "--address takes the configuration of a running Caddy",
		"check --name x --config " + quickstart: `--name \"x\": expected main`,
	} {
		if out, code := caddyCommand(t, append([]string{"luaroute"}, strings.Fields(args)...)...); code != 2 || !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d and\n%s\nwant 2 and %s", args, code, out, want)
		}
	}
	if out, code := caddyCommand(t, "luaroute"); code != 0 || !strings.Contains(out, "check") {
		t.Errorf("exit code %d and no help: %s", code, out)
	}
}

func TestCheckAsksARunningCaddyForItsConfiguration(t *testing.T) {
	c := e2e.New(t)
	c.Route(`require("luaroute"):get("/", function() hits = 1 return 204 end)`)
	out, code := caddyCommand(t, "luaroute", "check", "--address", c.Expand("$admin"))
	if want := c.Expand(`$dir/main.lua:1:41: warning: global "hits" is assigned`); code != 1 || !strings.Contains(out, want) {
		t.Errorf("exit code %d and\n%s\nwant 1 and %s", code, out, want)
	}
	if out, code := caddyCommand(t, "luaroute", "check", "--address", "127.0.0.1:"+ports.Free(t)); code != 1 {
		t.Errorf("nobody listens: exit code %d and %s", code, out)
	}
}

func TestCheckSaysWhatATenantWouldHaveToBeAllowed(t *testing.T) {
	t.Parallel()
	dir := written(t, map[string]string{
		"whole":    ":8080 {\n\tluaroute {\n\t\timport tenants\n\t}\n}\n",
		"isolated": ":8080 {\n\tluaroute {\n\t\tisolate_failures\n\t\timport tenants\n\t}\n}\n",
		"tenants":  "tenant acme {\n\tscript $dir/acme/main.lua\n}\ntenant modest {\n\thost modest.example\n\tscript $dir/modest/main.lua\n}\n",
		"acme/main.lua": `local route = require("luaroute")
route:pool("app", { "127.0.0.1:1", "10.0.0.1:1" })
route:pool("socket", { "unix//run/app.sock" })
route:host("a.example", function(r)
  r:get("/*", route.handler("file_server", { root = "{env.ROOT}" }))
end)
route:get("/", { when = route.matcher("expression", "file({'root': '/'}) && {system.hostname} == 'a'") }, "app")
route:get("/s", "socket")
`,
		"modest/main.lua": `require("luaroute"):get("/", { body = "x" })` + "\n",
	})
	want := `note: the scripts of tenant "acme" use more than is allowed; they need
allow {
	handlers safe file_server
	hosts a.example
	matchers safe expression file
	placeholders http time env system
	upstreams network 127.0.0.1 unix//run/app.sock
}
`
	for _, file := range []string{"whole", "isolated"} { // in the second the tenant is left out, and Caddy would start
		out, code := caddyCommand(t, "luaroute", "check", "--config", filepath.Join(dir, file), "--adapter", "caddyfile")
		if code != 1 || !strings.Contains(out, want) || strings.Contains(out, "modest") || !strings.Contains(out, "acme/main.lua:2: error: ") {
			t.Errorf("%s: exit code %d and\n%s\nwant 1 and\n%s", file, code, out, want)
		}
	}
}
