package declare_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

func TestABreakerOfAPoolStopsAskingItsUpstream(t *testing.T) {
	t.Parallel()
	failing := luatest.Origin(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	site := luatest.Setup{}.Serve(t, `local route = require("luaroute")
		route:pool("p", { "`+failing+`", breaker = { errors = 2, of = 4, open = 3600, slow = "1m" } })
		route:get("/x", "p")
		route:get("/y", route.split{ { "p", 1 }, { { body = "instead" }, 0 }, { { body = "other" }, 1 }, when_down = "others" })`)
	for _, want := range []string{"500", "500", "503", "503"} {
		if a := site.Do(t, "/x", ""); !strings.HasPrefix(a.String(), want) {
			t.Errorf("got %s; want %s", a, want)
		}
	}
	if a := site.Do(t, "/y", ""); a.String() != "200 other" {
		t.Errorf("the split got %s; want the other part", a)
	}
}

func TestABreakerThatIsWrongSaysWhere(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		`5`:                    `pool "p": breaker is 5; expected a table`,
		`{ error = 5 }`:        `breaker: unknown key "error"; allowed are errors, of, open, slow; did you mean "errors"?`,
		`{ errors = "5" }`:     `breaker: errors is "5"; expected a number`,
		`{ slow = "quickly" }`: `main.lua:1`,
		`{ errors = 9, of=2 }`: `of is 2; expected 9 (errors) to 10000`,
	} {
		_, err := luatest.Setup{}.Load(t, `require("luaroute"):pool("p", { "127.0.0.1:9", breaker = `+code+` }) require("luaroute"):get("/", "p")`)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", code, err, want)
		}
	}
}
