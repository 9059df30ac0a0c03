package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestAMigratedConfigurationServesAsBefore(t *testing.T) {
	c := e2e.New(t)
	stable, canary := legacyOrigin(c, "stable"), legacyOrigin(c, "canary")
	legacyOrigin(c, "plain")
	script, err := filepath.Abs("../../testdata/legacy/canary.lua")
	if err != nil {
		t.Fatal(err)
	}
	c.Set("script", script)
	c.File("old.yaml", `
admin_base_path: /admin
lua_engine: {enabled: true, url: "http://127.0.0.1:8081", timeout: 2s}
tenants:
  - name: shop
    path_prefix: /api
    domains: [shop.example]
    health_interval: 10ms
    lua_script: $script
    services:
      - {name: stable, url: "http://$stable", health: /health}
      - {name: canary, url: "http://$canary/v2", health: "http://$canary/health"}
  - name: plain
    path_prefix: /api
    domains: [plain.example]
    services:
      - {name: only, url: "http://$plain/base"}
`)
	out := c.Expand("$dir/Caddyfile")
	printed, code := caddyCommand(t, "luaroute", "migrate", "--out", out, c.Expand("$dir/old.yaml"))
	if code != 0 || !strings.Contains(printed, "old.yaml: line 2: admin_base_path is dropped") {
		t.Fatalf("exit code %d: %s", code, printed)
	}
	if checked, code := caddyCommand(t, "luaroute", "check", "--config", out); code != 0 {
		t.Logf("the check has findings: %s", checked)
	}
	if validated, code := caddyCommand(t, "validate", "--adapter", "caddyfile", "--config", out); code != 0 {
		t.Fatalf("exit code %d: %s", code, validated)
	}
	caddyfile, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	c.Start(string(caddyfile))

	c.Get("/api/a", "Host: shop.example", "X-Canary: always").Want(200, "canary /v2/a canary")
	c.Get("/api", "Host: plain.example").Want(200, "plain /base ")
	c.Get("/api/x", "Host: other.example").Want(404, "")
	canary.Store(true)
	e2e.Until(t, "the stable service serves", answers(c, "/api/a", "stable /a stable", "Host: shop.example", "X-Canary: always"))
	stable.Store(true)
	e2e.Until(t, "no service is healthy", func() bool { return c.Get("/api/a", "Host: shop.example").Status == http.StatusBadGateway })
}

func TestMigratedWordsMeanWhatTheyMeant(t *testing.T) {
	t.Parallel()
	dir := written(t, map[string]string{"old.yaml": `
tenants:
  - name: 'two "words" \ #1'
    path_prefix: /a b
    domains: ["*.Acme.example"]
    services:
      - {name: "<<s", url: "http://h/b%20c/$1", health: "up?x=1#"}
`})
	caddyfile := filepath.Join(dir, "Caddyfile")
	if out, code := caddyCommand(t, "luaroute", "migrate", "--out", caddyfile, filepath.Join(dir, "old.yaml")); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	out, code := caddyCommand(t, "adapt", "--adapter", "caddyfile", "--config", caddyfile)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	for _, want := range []string{
		`"name":"two \"words\" \\ #1"`, `"path_prefix":"/a b"`, `"hosts":["*.acme.example"]`, `"use_pool":"\u003c\u003cs"`,
		`"path_regexp":[{"find":"^","replace":"/b%20c/$$1"}]`, `"uri":"/up?x=1#"`, `"dial":"h:80"`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is not in %s", want, out)
		}
	}
}

func TestMigrateUsedWronglySaysWhatIsAllowed(t *testing.T) {
	t.Parallel()
	dir := written(t, map[string]string{"bad.yaml": "tenants:\n- name: a", "good.yaml": "tenants: [{name: a, services: [{name: s, url: 'http://h'}]}]", "there": ""})
	for args, want := range map[string]string{
		"2 migrate":                                 "migrate takes the name of one YAML file",
		"2 migrate a b":                             "migrate takes the name of one YAML file",
		"1 migrate $dir/none.yaml":                  "no such file",
		"1 migrate $dir/bad.yaml":                   `bad.yaml: line 2: tenant \"a\" has no services`,
		"1 migrate --out $dir/there $dir/good.yaml": "file exists",
		"0 migrate --site :8080 $dir/good.yaml":     ":8080 {\n\tluaroute {\n\t\ttenant a {\n\t\t\tpool s http://h:80\n\t\t\tuse_pool s\n",
	} {
		words := strings.Fields(strings.ReplaceAll(args, "$dir", dir))
		if out, code := caddyCommand(t, append([]string{"luaroute"}, words[1:]...)...); fmt.Sprint(code) != words[0] || !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d and\n%s\nwant %s", args, code, out, want)
		}
	}
}
