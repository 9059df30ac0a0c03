package declare_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

func TestASplitOfAScriptDividesAmongWhatRoutesTake(t *testing.T) {
	t.Parallel()
	origin := luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Method+" "+r.RequestURI) })
	site := luatest.Setup{}.Serve(t, `local route = require("luaroute") route:pool("v1", "`+origin+`")
		local s = route.split{ { "v1", 0 }, { function() return 200, "lua" end, 0, name = "f" }, { { body = "data" }, 1 },
			by = { "client_ip", "header:X-User" }, sticky = { cookie = "v" }, when_down = "fail" }
		route:get("/x", s)
		route:get("/y", function() return s end)
		route:get("/{id}", route.split{ { route.proxy("v1", { path = "/is/{id}" }), 1 }, name = "param" })
		route:expect({ path = "/x" }, { status = 200 })`)
	for path, want := range map[string]string{"/x": "200 data", "/y": "200 data", "/z": "200 GET /is/z"} {
		if a := site.Do(t, path, ""); a.String() != want {
			t.Errorf("%s: got %s; want %s", path, a, want)
		}
	}
}

func TestASplitThatIsWrongSaysWhere(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		`{ "v1" }`:                                                     `part 1 is "v1"; expected a table such as { "pool", 90 }`,
		`{ { "v1" } }`:                                                 `part 1 has 1 values; expected two`,
		`{ { "v1", "90" } }`:                                           `part 1: the weight is "90"; expected a number`,
		`{ { "v1", 1, weight = 2 } }`:                                  `part 1: unknown key "weight"; allowed are name`,
		`{ { "v1", 0 } }`:                                              `all weights are 0`,
		`{ { "v1", 1 }, { "v1", 1 } }`:                                 `two parts are named "v1"`,
		`{ { "v1", 1 }, bye = "x" }`:                                   `unknown key "bye"; allowed are name, by, sticky, when_down; did you mean "by"?`,
		`{ { "v1", 1 }, by = "ip" }`:                                   `the key is "ip"`,
		`{ { "v1", 1 }, when_down = 1 }`:                               `when_down is 1; expected a string`,
		`{ { "v1", 1 }, when_down = "other" }`:                         `when_down is "other"; expected others or fail`,
		`{ { "v1", 1 }, sticky = { cookie = "a", secret = "" } }`:      `sticky: secret is ""; expected 16 bytes or more`,
		`{ { "v1", 1 }, sticky = { ttl = 1 } }`:                        `is not a cookie name`,
		`{ [1] = { "v1", 1 }, [0.5] = 1 }`:                             `the key 0.5 has no place in the list`,
		`{}`:                                                           `there are 0 parts`,
		`{ { "none", 1 } }`:                                            `the part "none": no pool "none"; there are "v1"`,
		`{ { route.proxy("v1", { path = "/{id}" }), 1 } }`:             `the part "v1"`,
		`{ { "v1", 1 }, name = "taken" }`:                              `route.split: the name "taken" is taken, first at main.lua:2`,
		`{ { function() return 1 end, 1 }, { { status = 1 }, 1 } }`:    `main.lua:3`,
		`{ { print, 1 } }`:                                             `a library function cannot be used here`,
		`{ { "v1", 0/0 } }`:                                            `expected 0 or more`,
		`{ { "v1", 1 }, sticky = { cookie = "a", ttl = 0.5 } }`:        `expected 1s or more`,
		`{ { "v1", 1 }, sticky = { cookie = "a", secret = "short" } }`: `the secret has 5 bytes`,
	} {
		_, err := luatest.Setup{}.Load(t, `local route = require("luaroute") route:pool("v1", "127.0.0.1:9")
			local s = route.split{ { "v1", 1 }, name = "taken" } route:get("/s", s)
			route:get("/x", route.split`+code+`)`)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "main.lua:") {
			t.Errorf("%s: %v; want %s", code, err, want)
		}
	}
}

func TestAnIsolatedTenantMayNotDivideByWhatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	_, err := luatest.Setup{Allow: &config.Allow{Placeholders: []string{"none"}}}.Load(t, `local route = require("luaroute")
		route:get("/x", route.split{ { { body = "a" }, 1 }, by = "var:original_request" })`)
	if err == nil || !strings.Contains(err.Error(), "original_request") {
		t.Errorf("%v; want an error about original_request", err)
	}
	_, err = luatest.Setup{Allow: &config.Allow{}}.Load(t, `local route = require("luaroute")
		for i = 1, 200 do route.split{ { { body = "a" }, 1 }, name = "s" .. i } end`)
	if err == nil || !strings.Contains(err.Error(), "there are more than 100") {
		t.Errorf("%v; want a bound", err)
	}
}
