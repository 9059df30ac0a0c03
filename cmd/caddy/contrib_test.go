package main

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// The files for Prometheus and Grafana name metrics and labels that a running Caddy has, so that a new name for one breaks this test.
func TestTheFilesForMonitoringNameMetricsAndLabelsThatThereAre(t *testing.T) {
	c := e2e.New(t)
	c.Origin("app")
	c.Route(c.Expand(`local route = require("luaroute")
		route:pool("app", { "$app" })
		route:use(route.limit{ name = "all", rate = 1000, key = "all" })
		route:get("/", "app")
		route:get("/lua", function() return 204 end)`))
	c.Get("/")
	c.Get("/lua").Want(204, "")
	labels := map[string]string{} // of each metric, those of all its series
	sample := regexp.MustCompile(`(?m)^(caddy_luaroute_\w+)\{([^}]*)\}`)
	for _, m := range sample.FindAllStringSubmatch(c.Admin(http.MethodGet, "/metrics", "").Body, -1) {
		labels[m[1]] += "," + m[2]
	}
	labels["caddy_luaroute_kv_redis_up"] = ",addresses=" // there is no Redis here
	selector := regexp.MustCompile(`(caddy_luaroute_\w+)(?:\{([^}]*)\})?`)
	name := regexp.MustCompile(`(\w+)(?:=~|!=|=)\\?"`)
	found := 0
	for _, path := range []string{"../../contrib/grafana/luaroute.json", "../../contrib/prometheus/alerts.yml"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range selector.FindAllStringSubmatch(string(text), -1) {
			has, known := labels[m[1]]
			if !known {
				t.Errorf("%s: there is no metric %s", path, m[1])
				continue
			}
			for _, label := range name.FindAllStringSubmatch(m[2], -1) {
				if found++; !strings.Contains(has, ","+label[1]+"=") {
					t.Errorf("%s: the metric %s has no label %s, but %s", path, m[1], label[1], has)
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("the files have %d conditions on labels; some were not read", found)
	}
}
