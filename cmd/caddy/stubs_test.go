package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// read returns a file of a folder.
func read(t *testing.T, dir, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestStubsAreWrittenOnceAndCheckedAfterwards(t *testing.T) {
	t.Parallel()
	dir := written(t, map[string]string{".luacheckrc": "-- mine\n"})
	step := func(want int, said string, args ...string) {
		t.Helper()
		out, log, code := caddyOutputIn(t, dir, append([]string{"luaroute", "stubs"}, args...)...)
		if code != want || !strings.Contains(out+log, said) {
			t.Errorf("%v exits with %d and says %s%s; want %d and %q", args, code, out, log, want, said)
		}
	}
	step(1, "luaroute.lua: is missing", "--check")
	step(0, ".luarc.json")
	if got := read(t, dir, ".luacheckrc"); got != "-- mine\n" {
		t.Errorf("the user's .luacheckrc is overwritten: %s", got)
	}
	if got := read(t, dir, ".luarc.json"); !strings.Contains(got, `"workspace.library": [".luaroute/library"]`) {
		t.Errorf(".luarc.json is %s", got)
	}
	step(0, "no differences", "--check")

	library := filepath.Join(dir, ".luaroute", "library")
	gone := "---@meta gone\n-- Made by caddy luaroute stubs, which writes it anew. Do not edit.\n"
	for name, text := range map[string]string{"gone.lua": gone, "mine.lua": "---@meta\n", "json.lua": "---@meta json\n"} {
		if err := os.WriteFile(filepath.Join(library, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	step(1, "json.lua: is different", "--check")
	step(1, "gone.lua: is no longer written", "--check")
	step(0, "files")
	step(0, "no differences", "--check")
	if _, err := os.Stat(filepath.Join(library, "gone.lua")); err == nil {
		t.Error("the file of a library that is gone stays")
	}
	if got := read(t, library, "mine.lua"); got != "---@meta\n" {
		t.Errorf("a file of the user's is %q", got)
	}
	step(0, "files", "--out", "elsewhere/here")
	if got := read(t, dir, "elsewhere/here/library/json.lua"); got != read(t, library, "json.lua") {
		t.Error("another folder has other files")
	}
	step(2, "--config names", "--adapter", "caddyfile")
	step(2, "--out is empty", "--out", "")
	step(2, "takes no arguments", "x")
	step(1, "none.json", "--config", "none.json")
}

func TestStubsOfAConfigurationKnowItsNames(t *testing.T) {
	t.Parallel()
	dir := written(t, map[string]string{
		"Caddyfile": `http://:8080 {
	luaroute {
		script main.lua
		env REGION
		pool users 10.0.0.1:8080
		handler files {
			file_server
		}
	}
}
`,
		"main.lua": `local route = require("luaroute")
route:pool("beta", "10.0.0.2:8080")
route:tenant("acme", { hosts = "acme.example", pool = "users" })
route:get("/", "beta")
`,
	})
	out, log, code := caddyOutputIn(t, dir, "luaroute", "stubs", "--config", "Caddyfile")
	if code != 0 {
		t.Fatalf("exits with %d: %s%s", code, out, log)
	}
	got := read(t, dir, ".luaroute/library/luaroute.lua")
	for _, want := range []string{
		"---@alias luaroute.PoolName \"beta\"|\"users\"\n", "---@alias luaroute.TenantName \"\"|\"acme\"\n", "---@alias luaroute.EnvName \"REGION\"\n",
		"|\"file_server\"|\"files\"|", "|\"json\"|",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %s", want)
		}
	}
	if out, log, code := caddyOutputIn(t, dir, "luaroute", "stubs", "--check"); code != 1 {
		t.Errorf("without the configuration it exits with %d: %s%s", code, out, log)
	}
	if out, log, code := caddyOutputIn(t, dir, "luaroute", "stubs", "--check", "--config", "Caddyfile"); code != 0 {
		t.Errorf("with the configuration it exits with %d: %s%s", code, out, log)
	}
}

func TestToolsOfOthersAgreeWithStubs(t *testing.T) {
	t.Parallel()
	dir := written(t, map[string]string{
		"good.lua": "local route = require(\"luaroute\")\nroute:get(\"/\", function(req) return 200, string.upper(req.path) end)\n",
		"bad.lua":  "local route = require(\"luaroute\")\nroute:get(\"/\", function() return 200, io.open(\"x\") end)\n",
	})
	if out, log, code := caddyOutputIn(t, dir, "luaroute", "stubs"); code != 0 {
		t.Fatalf("exits with %d: %s%s", code, out, log)
	}
	for _, tool := range []struct {
		name string
		args []string
	}{
		{"luacheck", []string{"--no-color"}},
		{"lua-language-server", []string{"--checklevel=Hint", "--logpath", t.TempDir(), "--check"}},
	} {
		path, err := exec.LookPath(tool.name)
		if err != nil {
			t.Logf("%s is not in PATH, so nobody has asked it", tool.name)
			continue
		}
		for file, good := range map[string]bool{"good.lua": true, "bad.lua": false} {
			cmd := exec.Command(path, append(tool.args, file)...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); (err == nil) != good {
				t.Errorf("%s says of %s: %v\n%s", tool.name, file, err, out)
			}
		}
	}
}
