package main

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// document returns the text of a document.
func document(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// found returns what a group of an expression finds in a text, sorted, each once.
func found(expression, text string) []string {
	var all []string
	for _, m := range regexp.MustCompile(expression).FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// same reports lists that differ.
func same(t *testing.T, what string, documented, there []string) {
	t.Helper()
	if len(there) == 0 || !slices.Equal(documented, there) {
		t.Errorf("%s: the document has %q; there are %q", what, documented, there)
	}
}

func TestTheAdminAPIIsDocumentedWhole(t *testing.T) {
	c := e2e.New(t)
	c.Route(`
		local route = require("luaroute")
		route:use(route.limit{ name = "all", rate = 1 })
		route:get("/", { status = 204 })
	`)
	text := document(t, "admin.md")
	listed := strings.ReplaceAll(c.Admin(http.MethodGet, "/luaroute/main/none", "").Body, "...}", "}")
	const endpoint = "([A-Z]+ /luaroute/main/[^\\s,\"`]+)"
	same(t, "endpoints", found("`"+endpoint+"`", strings.ReplaceAll(text, "{name}", "main")), found(endpoint, listed))

	documented := map[string]bool{}
	for _, name := range documents(t) {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, metric := range found("`(caddy_luaroute_[a-z_]+)`", string(raw)) {
			documented[metric] = true
		}
	}
	c.Get("/").Want(204, "")
	for _, metric := range found(`(?m)^# HELP (caddy_luaroute_\S+)`, c.Admin(http.MethodGet, "/metrics", "").Body) {
		if !documented[metric] {
			t.Errorf("no document has the metric %s", metric)
		}
	}

	source, err := os.ReadFile("../../chiproxy/explain/decision.go")
	if err != nil {
		t.Fatal(err)
	}
	_, fields, _ := strings.Cut(string(source), "type Decision struct {")
	fields, _, _ = strings.Cut(fields, "\n}")
	compare(t, "../../docs/admin.md", map[string][]string{"decision": append(found(`json:"(\w+)`, fields), "at", "error")})
}

func TestTheCommandsAreDocumentedWhole(t *testing.T) {
	t.Parallel()
	text := document(t, "commands.md")
	help, _ := caddyCommand(t, "luaroute", "--help")
	_, list, _ := strings.Cut(help, "Available Commands:")
	list, _, _ = strings.Cut(list, "Flags:")
	commands := found(`(?m)^  (\w+) `, list)
	same(t, "commands", found(`(?m)^## (\w+)$`, text), commands)

	common, _, _ := strings.Cut(text, "\n## ")
	for _, name := range commands {
		_, section, _ := strings.Cut(text, "\n## "+name+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		help, _ := caddyCommand(t, "luaroute", name, "--help")
		_, flags, _ := strings.Cut(help, "\nFlags:\n")
		if strings.Contains(flags, "--address") && strings.Contains(flags, "--config") { // then it takes what most take
			section = common + section
		}
		flags = strings.ReplaceAll(flags, "--help", "")
		documented, there := found("`(--[a-z]+)", section), found(`(?m)^ .*?(--[a-z]+)`, flags)
		if (name == "new" || name == "version") && len(documented) == 0 && len(there) == 0 {
			continue // it has none
		}
		same(t, "flags of "+name, documented, there)
	}
}
