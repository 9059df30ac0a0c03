package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// inlineConfig is a JSON configuration that routes by an inline script.
func inlineConfig(t *testing.T, c *e2e.Caddy, code string) string {
	t.Helper()
	text, err := json.Marshal(code)
	if err != nil {
		t.Fatal(err)
	}
	return string(c.JSON(`{"apps": {"http": {"servers": {"srv0": {
		"listen": ["127.0.0.1:$port"],
		"routes": [{"handle": [{
			"handler": "luaroute",
			"sources": [{
				"@id": "script", "source": "inline", "name": "main.lua", "code": ` + string(text) + `,
				"modules": {"greeting": "return { text = 'hello' }"}
			}]
		}]}]
	}}}}}`))
}

func TestTheAdminAPILoadsAndEditsInlineScripts(t *testing.T) {
	c := e2e.New(t)
	c.MustLoad(c.JSON(`{}`))
	config := inlineConfig(t, c, `
		local greeting = require("greeting")
		require("luaroute"):get("/", function() return 200, greeting.text end)`)

	c.Admin(http.MethodPost, "/load", config).Want(200, "")
	c.Get("/").Want(200, "hello")

	edited := `"require('luaroute'):get('/', function() return 200, 'edited' end)"`
	c.Admin(http.MethodPatch, "/id/script/code", edited).Want(200, "")
	c.Get("/").Want(200, "edited")

	whole := `{"@id": "script", "source": "inline", "code": "require('luaroute'):get('/', function() return 200, 'replaced' end)"}`
	c.Admin(http.MethodPatch, "/id/script", whole).Want(200, "")
	c.Get("/").Want(200, "replaced")
}

func TestABadConfigurationIsRefusedAndTheOldOneServes(t *testing.T) {
	c := e2e.New(t)
	const good = `require("luaroute"):get("/", function() return 200, "good" end)`
	c.MustLoad([]byte(inlineConfig(t, c, good)))
	kept := c.Admin(http.MethodGet, "/config/", "").Body

	for name, row := range map[string]struct{ code, want string }{
		"a syntax error":         {"local route =\nlocal", `main.lua:2: `},
		"an error while it runs": {"\n\nerror('no good')", `main.lua:3: no good`},
		"an unknown pool": {
			"local route = require('luaroute')\nroute:get('/', 'nowhere')",
			`main.lua:2: `,
		},
		"two routes of one shape": {
			"local route = require('luaroute')\nroute:get('/{a}', route.respond(200))\nroute:get('/{b}', route.respond(200))",
			`main.lua:3: `,
		},
		"a bad pattern":     {"require('luaroute'):get('/{a', 'p')", `main.lua:1: `},
		"an unknown module": {"\nlocal nothing = require('nothing')", `main.lua:2: `},
		"a failing on_load": {"require('luaroute').on_load(function()\n  error('not ready')\nend)", `main.lua:2: not ready`},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(row.code)
			if err != nil {
				t.Fatal(err)
			}
			// Both are Caddy's statuses: it takes a whole configuration that does not load for a bad request, and a
			// change that does not load for a failure of its own.
			refuses(t, c.Admin(http.MethodPost, "/load", inlineConfig(t, c, row.code)), http.StatusBadRequest, row.want)
			refuses(t, c.Admin(http.MethodPatch, "/id/script/code", string(text)), http.StatusInternalServerError, row.want)
			c.Get("/").Want(200, "good")
			if now := c.Admin(http.MethodGet, "/config/", "").Body; now != kept {
				t.Errorf("the admin API shows %s", now)
			}
		})
	}
}

// refuses checks that the admin API has refused a configuration with an error that says something.
func refuses(t *testing.T, answer e2e.Answer, status int, want string) {
	t.Helper()
	var problem struct{ Error string }
	if err := json.Unmarshal([]byte(answer.Body), &problem); err != nil {
		t.Fatalf("%q: %s", answer.Body, err)
	}
	if answer.Status != status || !strings.Contains(problem.Error, want) {
		t.Errorf("the answer is %d %q; want %d with %q", answer.Status, problem.Error, status, want)
	}
}
