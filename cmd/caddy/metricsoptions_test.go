package main

import (
	"net/http"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestRequestsAreCountedByMethodWhereThatIsAskedFor(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `require("luaroute"):any("/x", { status = 204 })`)
	c.Start(`http:// {
		handle_path /by/* {
			luaroute {
				script $dir/main.lua
				metrics {
					methods
				}
			}
		}
		handle_path /all/* {
			luaroute {
				name all
				script $dir/main.lua
			}
		}
	}`)
	for _, method := range []string{"GET", "POST", "PURGE", "BREW"} {
		c.Send(method, "/by/x", nil).Want(204, "")
		c.Send(method, "/all/x", nil).Want(204, "")
	}
	got := samples(t, c, "caddy_luaroute_requests_total")
	for labels, want := range map[string]float64{
		`code="2xx",instance="main",method="GET",outcome="responded",pattern="/x",tenant=""`:    1,
		`code="2xx",instance="main",method="POST",outcome="responded",pattern="/x",tenant=""`:   1,
		`code="2xx",instance="main",method="_other",outcome="responded",pattern="/x",tenant=""`: 2,
		`code="2xx",instance="all",outcome="responded",pattern="/x",tenant=""`:                  4,
	} {
		if got[labels] != want {
			t.Errorf("%s is %g, want %g", labels, got[labels], want)
		}
	}
	if len(got) != 4 {
		t.Errorf("the counts are %v", got)
	}
}

func TestTheHistogramHasTracesAndFineBuckets(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `require("luaroute"):get("/x", { status = 204 })`)
	c.Start(`http:// {
		route {
			metrics /metrics
			e2e_span
			luaroute {
				script $dir/main.lua
				metrics {
					buckets 0.5 100
					native
				}
			}
		}
	}`)
	c.Get("/x").Want(204, "")
	<-spans
	text := c.Send(http.MethodGet, "/metrics", nil, "Accept: application/openmetrics-text;version=1.0.0").Body
	if !strings.Contains(text, `caddy_luaroute_request_duration_seconds_bucket{instance="main",pattern="",tenant="",le="0.5"} 1 # {trace_id="01000000000000000000000000000000"} `) {
		t.Errorf("the histogram has no trace:\n%s", text)
	}
	answer := c.Send(http.MethodGet, "http://$admin/metrics", nil, "Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
	families := expfmt.NewDecoder(strings.NewReader(answer.Body), expfmt.ResponseFormat(answer.Header))
	for {
		var family dto.MetricFamily
		if err := families.Decode(&family); err != nil {
			t.Fatalf("there is no histogram: %v", err)
		}
		if family.GetName() != "caddy_luaroute_request_duration_seconds" {
			continue
		}
		h := family.GetMetric()[0].GetHistogram()
		if h.GetSampleCount() != 1 || h.GetSchema() != 3 || len(h.GetPositiveSpan()) != 1 || len(h.GetBucket()) != 2 || len(h.GetExemplars()) != 1 {
			t.Errorf("the histogram is %v", h)
		}
		return
	}
}

func TestEachFunctionHasASpanWhereThatIsAskedFor(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `local route = require("luaroute")
		route:use(function(req) end)
		route:get("/x", { when = function() return true end }, function(req, res)
			res:on_headers(function() end)
			return 204
		end)
		route:get("/fails", function() error("secret words") end)`)
	start := func(more string) {
		c.Start(`http:// {
			route {
				e2e_span
				luaroute {
					script $dir/main.lua
					` + more + `
				}
			}
		}`)
	}
	functions := func(path string) (all []string) {
		c.Get(path)
		for _, said := range <-spans {
			if strings.HasPrefix(said, "span ") {
				all = append(all, said)
			}
		}
		return all
	}
	start("")
	if got := functions("/x"); got != nil {
		t.Errorf("without the option there are %v", got)
	}
	start("telemetry {\nspans hooks\n}")
	want := ""
	for _, line := range []string{"3", "2", "3", "4"} {
		want += c.Expand("span luaroute $dir/main.lua:" + line + " luaroute.script=$dir/main.lua:" + line + "\n")
	}
	if got := strings.Join(functions("/x"), "\n") + "\n"; got != want {
		t.Errorf("the spans are\n%s\nwant\n%s", got, want)
	}
	got := strings.Join(functions("/fails"), "\n")
	if !strings.Contains(got, "main.lua:7") || !strings.Contains(got, "failed") || strings.Contains(got, "secret") {
		t.Errorf("the spans of a failure are\n%s", got)
	}
}

func TestCallsKeysAndTheStoreAreCounted(t *testing.T) {
	c := e2e.New(t)
	c.Serve("keys", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/x" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	c.File("main.lua", c.Expand(`local route, http, kv, jwt = require("luaroute"), require("http"), require("kv"), require("jwt")
		local idp = jwt.issuer{ issuer = "https://idp.example", audience = "me", algorithms = { "RS256" }, jwks = "http://$keys/keys" }
		local token = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"
		route:get("/call", function() assert(http.get("http://$keys/x")) return 204 end)
		route:get("/bad", function() http.get("http://127.0.0.1:1/") http.get("ftp://x/") return 204 end)
		route:get("/kv", function() kv.set("a", ("x"):rep(500)) kv.set("b", ("x"):rep(500)) return 204 end)
		route:get("/jwt", function() local claims, why = idp:verify(token) return 200, tostring(why) end)`))
	c.Start(`http:// {
		luaroute {
			script $dir/main.lua
			libs http {
				allow 127.0.0.1
			}
			kv memory {
				size 700
			}
		}
	}`)
	c.Get("/call").Want(204, "")
	c.Get("/bad").Want(204, "")
	c.Get("/kv").Want(204, "")
	c.Get("/jwt").Want(200, "keys unavailable")
	metrics := c.Admin(http.MethodGet, "/metrics", "").Body
	for _, want := range []string{
		`http_calls_total{instance="main",outcome="ok",tenant=""} 1`,
		`http_calls_total{instance="main",outcome="refused",tenant=""} 1`,
		`http_calls_total{instance="main",outcome="invalid",tenant=""} 1`,
		`jwt_fetches_total{instance="main",outcome="failed",tenant=""} 1`,
		`kv_keys{instance="main",tenant=""} 1`,
		`kv_bytes{instance="main",tenant=""} 565`,
		`kv_evicted_total{instance="main",tenant=""} 1`,
	} {
		if !strings.Contains(metrics, "caddy_luaroute_"+want+"\n") {
			t.Errorf("the metrics have no %s", want)
		}
	}
}

func TestNamesOfScriptsThatAreNoTextBreakNoMetrics(t *testing.T) {
	c := e2e.New(t)
	c.Route(`local route = require("luaroute")
		route:tenant("t\255", { path_prefix = "/t" }, function(t) t:get("/*", function() return 204 end) end)`)
	c.Get("/t/x").Want(204, "")
	if got := c.Admin(http.MethodGet, "/metrics", "").Body; !strings.Contains(got, `tenant="\"t\\xff\"`) {
		t.Errorf("the metrics do not name the tenant:\n%s", got)
	}
}
