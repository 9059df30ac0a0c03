package declare_test

import (
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

func TestPoliciesOfAnIsolatedTenantAreBounded(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{
		`route.headers{ response = { set = { ["X-A"] = "{http.vars.secret}" } } }`:                   "http.vars.secret",
		`route.headers{ response = { replace = { Location = { pattern = "a{200}", with = "" } } } }`: "expected at most 100",
		`route.fault{ delay = "1h" }`: "route.fault: delay is \"1h\"; expected at most 30s",
	} {
		script = `local route = require("luaroute")
route:with(` + script + `):get("/x", route.respond(200))`
		_, err := luatest.Setup{Allow: &config.Allow{Placeholders: []string{"none"}}}.Load(t, script)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", script, err, want)
		}
		if _, err := (luatest.Setup{}).Load(t, script); err != nil {
			t.Errorf("%s of the operator: %v", script, err)
		}
	}
}
