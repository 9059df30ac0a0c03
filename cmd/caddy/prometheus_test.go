package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
	"github.com/luaroute/caddy-luaroute/internal/ports"
)

var prometheus = flag.String("prometheus", "", "have this program, of the Debian package prometheus, evaluate what contrib has for it")

// panels returns the expressions of the dashboard for Grafana, with values for its variables.
func panels(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile("../../contrib/grafana/luaroute.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	values := strings.NewReplacer("$__rate_interval", "1m", "$instance", "main", "$tenant", ".*")
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			all = append(all, values.Replace(target.Expr))
		}
	}
	return all
}

// server is a Prometheus that reads the metrics of a Caddy, and has the alerts.
type server struct {
	t       *testing.T
	address string
}

func startPrometheus(t *testing.T, target string) *server {
	t.Helper()
	alerts, err := filepath.Abs("../../contrib/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// With honor_labels, the label instance is that of luaroute and not that of the target: docs/observe.md says so.
	config := fmt.Sprintf(`
global: { scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 100ms }
rule_files: [ %q ]
scrape_configs:
  - { job_name: caddy, honor_labels: true, static_configs: [ { targets: [ %q ] } ] }
`, alerts, target)
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &server{t, "127.0.0.1:" + ports.Free(t)}
	var out strings.Builder
	cmd := exec.Command(*prometheus, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+s.address)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; -prometheus names the program of the Debian package prometheus", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Prometheus says:\n%s", &out)
		}
	})
	e2e.Until(t, "Prometheus is ready", func() bool {
		answer, err := http.Get("http://" + s.address + "/-/ready")
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	return s
}

// get reads an answer of the API; it may be one that says what is wrong.
func (s *server) get(path string, into any) error {
	s.t.Helper()
	answer, err := http.Get("http://" + s.address + "/api/v1/" + path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	all := struct {
		Error string          `json:"error"`
		Data  json.RawMessage `json:"data"`
	}{}
	if err := json.NewDecoder(answer.Body).Decode(&all); err != nil {
		return err
	}
	if all.Error != "" {
		return fmt.Errorf("%s", all.Error)
	}
	return json.Unmarshal(all.Data, into)
}

// answers reports whether an expression has a result that is a number.
func (s *server) answers(expression string) bool {
	s.t.Helper()
	var data struct {
		Result []struct {
			Value [2]any `json:"value"`
		} `json:"result"`
	}
	if err := s.get("query?query="+url.QueryEscape(expression), &data); err != nil {
		s.t.Errorf("%s: %v", expression, err)
		return true
	}
	for _, r := range data.Result {
		if r.Value[1] != "NaN" {
			return true
		}
	}
	return false
}

// alerts returns the expressions of the alerts, which say 0 or 1 where a condition does not hold or does, instead of nothing.
func (s *server) alerts() (all []string) {
	s.t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Query string } `json:"rules"`
		} `json:"groups"`
	}
	if err := s.get("rules", &data); err != nil {
		s.t.Fatal(err)
	}
	comparison := regexp.MustCompile(`(>|==) ([0-9.]+)`)
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			all = append(all, comparison.ReplaceAllString(r.Query, "$1 bool $2"))
		}
	}
	return all
}

// absent are metrics that a Caddy without Redis does not have.
const absent = "caddy_luaroute_kv_redis_"

// With -prometheus, each expression of the files for monitoring has a result in a Prometheus that reads a Caddy to which all of it happens. The
// test without it looks at the names; see TestTheFilesForMonitoringNameMetricsAndLabelsThatThereAre.
func TestEveryExpressionOfTheFilesForMonitoringAnswers(t *testing.T) {
	expressions := panels(t)
	if len(expressions) < 15 {
		t.Fatalf("the dashboard has %d expressions; some were not read", len(expressions))
	}
	if *prometheus == "" {
		return
	}
	c := e2e.New(t)
	c.Origin("app")
	c.Route(c.Expand(`local route = require("luaroute")
		route:pool("app", { "$app" })
		route:pool("down", { "127.0.0.1:1" })
		route:use(route.limit{ name = "all", rate = 1, per = 60, burst = 2, key = "header:X-Who" })
		route:get("/", "app")
		route:get("/down", "down")
		route:get("/lua", function() return 204 end)
		route:get("/fails", function() error("x") end)`))
	s := startPrometheus(t, c.Expand("$admin"))
	alerts := s.alerts()
	if len(alerts) < 7 {
		t.Fatalf("there are %d alerts; some were not read", len(alerts))
	}
	round := 0
	e2e.Until(t, "all expressions have answered; see below which have not", func() bool {
		round++
		for _, path := range []string{"/", "/down", "/lua", "/fails", "/none"} {
			c.Get(path, fmt.Sprintf("X-Who: %s%d", path, round))
		}
		for range 3 {
			c.Get("/lua", "X-Who: the same")
		}
		c.Admin(http.MethodPost, "/luaroute/main/reload", "")
		var left []string
		for _, e := range append(expressions, alerts...) {
			if !strings.Contains(e, absent) && !s.answers(e) {
				left = append(left, e)
			}
		}
		if round%100 == 0 {
			t.Logf("without a result:\n%s", strings.Join(left, "\n"))
		}
		return len(left) == 0
	})
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		} `json:"groups"`
	}
	if err := s.get("rules", &data); err != nil {
		t.Fatal(err)
	}
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			if r.Health != "ok" {
				t.Errorf("%s: %s %s", r.Name, r.Health, r.LastError)
			}
		}
	}
}
