package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestAWebSocketIsCountedOnceWhenItEnds(t *testing.T) {
	c := e2e.New(t)
	c.Serve("app", func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		_, _, _ = conn.Read(r.Context()) // until the client leaves
	})
	c.Route(c.Expand(`local route = require("luaroute") route:pool("app", { "$app" }) route:get("/ws", "app") route:get("/x", { status = 204 })`))
	ctx := e2e.Context(t)
	conn, _, err := websocket.Dial(ctx, c.Expand("ws://127.0.0.1:$port/ws"), &websocket.DialOptions{HTTPClient: c.Client})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	c.Get("/x").Want(204, "")
	const stream, other = `code="1xx",instance="main",outcome="proxied",pattern="/ws",tenant=""`, `code="2xx",instance="main",outcome="responded",pattern="/x",tenant=""`
	if all := samples(t, c, "caddy_luaroute_requests_total"); all[stream] != 0 || all[other] != 1 {
		t.Errorf("while it is open the counts are %v", all)
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Logf("closing: %s", err) // the origin has gone first
	}
	e2e.Until(t, "the stream is counted", func() bool { return samples(t, c, "caddy_luaroute_requests_total")[stream] == 1 })
	if all := samples(t, c, "caddy_luaroute_requests_total"); len(all) != 2 || all[stream] != 1 {
		t.Errorf("the counts are %v", all)
	}
	if all := samples(t, c, "caddy_luaroute_request_duration_seconds_count"); all[`instance="main",pattern="",tenant=""`] != 1 {
		t.Errorf("durations: %v, want that of the other request alone", all)
	}
}

func TestTheSeriesOfATenantThatIsRemovedVanish(t *testing.T) {
	c := e2e.New(t)
	const stays = "local route = require(\"luaroute\")\nroute:get(\"/x\", { status = 204 })\n"
	c.Route(stays + `route.metric{ name = "seen" }
		route:tenant("acme", { hosts = { "acme.test" } }, function(acme)
			acme:pool("own", { "127.0.0.1:1" })
			acme:use(route.limit{ name = "few", rate = 100, key = "all" })
			acme:get("/lua", function(req) req:count("seen") return 204 end)
		end)`)
	c.Get("/lua", "Host: acme.test").Want(204, "")
	c.Get("/x").Want(204, "")
	before := c.Admin(http.MethodGet, "/metrics", "").Body
	for _, want := range []string{"requests_total", "request_duration_seconds_count", "pool_upstreams"} {
		if n := len(tenantSeries(before, want, "acme")); n == 0 {
			t.Errorf("the tenant has no %s", want)
		}
	}
	c.File("main.lua", stays)
	if answer := c.Admin(http.MethodPost, "/luaroute/main/reload", ""); answer.Status != http.StatusOK {
		t.Fatal(answer)
	}
	after := c.Admin(http.MethodGet, "/metrics", "").Body
	if !strings.Contains(before, `limit="few"`) || !strings.Contains(before, "custom_seen_total") {
		t.Errorf("what is declared for the tenant is not counted:\n%s", before)
	}
	if left := append(tenantSeries(after, "", "acme"), tenantSeries(after, "custom_seen", "")...); len(left) > 0 || strings.Contains(after, `limit="few"`) {
		t.Errorf("without the tenant there are\n%s", strings.Join(left, "\n"))
	}
	if got := samples(t, c, "caddy_luaroute_requests_total")[`code="2xx",instance="main",outcome="responded",pattern="/x",tenant=""`]; got != 1 {
		t.Errorf("what stays has the count %g", got)
	}
}

// tenantSeries returns the series of a tenant, of metrics with a beginning.
func tenantSeries(text, metric, tenant string) (all []string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "caddy_luaroute_"+metric) && strings.Contains(line, fmt.Sprintf("tenant=%q", tenant)) {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all
}

func TestALoadSaysThatThereAreMorePatternsThanSeries(t *testing.T) {
	const warning = "there are more patterns than metrics.max_series allows"
	c := e2e.New(t)
	c.File("main.lua", `local route = require("luaroute") for i = 1, 20 do route:get("/r" .. i, { status = 204 }) end`)
	block := func(most int) string {
		return fmt.Sprintf("http:// {\nluaroute {\nscript $dir/main.lua\nmetrics {\nmax_series %d\n}\n}\n}", most)
	}
	c.Start(block(30))
	if c.Logged(warning) != 0 {
		t.Error("it is said where there is room")
	}
	c.Start(block(10))
	if c.Logged(warning) != 1 || c.Logged(`"patterns":12`) != 1 {
		t.Error("it is not said once, with the number of patterns")
	}
	for i := range 20 {
		c.Get(fmt.Sprintf("/r%d", i+1)).Want(204, "")
	}
	all := samples(t, c, "caddy_luaroute_requests_total")
	if len(all) > 10 || all[`code="2xx",instance="main",outcome="responded",pattern="_other",tenant=""`] != 12 {
		t.Errorf("the counts are %v", all)
	}
}

func TestMetricsAreThereWithoutThoseOfCaddy(t *testing.T) {
	c := e2e.New(t)
	c.Route(`require("luaroute"):get("/x", { status = 204 })`)
	c.Get("/x").Want(204, "")
	text := c.Admin(http.MethodGet, "/metrics", "").Body
	if strings.Contains(text, "caddy_http_requests_total{") || !strings.Contains(text, "caddy_luaroute_requests_total{") {
		t.Errorf("the metrics are\n%s", text)
	}
}
