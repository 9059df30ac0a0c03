package routing

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// acting is an action that is a function.
type acting func(*chiproxy.Exchange) (chiproxy.Verdict, error)

func (f acting) Do(ex *chiproxy.Exchange) (chiproxy.Verdict, error) { return f(ex) }
func (acting) Traits() chiproxy.Traits                              { return chiproxy.Traits{Declines: true, Changes: true} }

// reportSpec has a route for each outcome.
func reportSpec(t *testing.T) chiproxy.Spec {
	failing := func(budget bool) chiproxy.Action {
		return acting(func(*chiproxy.Exchange) (chiproxy.Verdict, error) {
			return chiproxy.Done, &chiproxy.HookError{Err: errors.New("oh no"), Budget: budget}
		})
	}
	route := func(pattern, name string, a chiproxy.Action, methods ...string) chiproxy.Item {
		return chiproxy.Item{Route: &chiproxy.Route{Pattern: pattern, Name: name, Action: a, Methods: methods, Origin: origin.Origin{Script: "main.lua", Line: 3}}}
	}
	limited := acting(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
		ex.Becomes(telemetry.Limited)
		return chiproxy.Done, caddyhttp.Error(http.StatusTooManyRequests, errors.New("too many"))
	})
	shop := chiproxy.Scope{
		Items: []chiproxy.Item{
			route("/items/{id}", "item", chiproxy.Proxy{Pool: "app"}),
			route("/down", "", chiproxy.Proxy{Pool: "down"}),
			route("/say", "", static.Respond{Body: "hello"}),
			route("/raise", "", chiproxy.Error{Status: 403}),
			route("/next", "", chiproxy.Next{}),
			route("/handler", "", chiproxy.Module{Name: "teapot", Handler: moduleFunc(func(w http.ResponseWriter, _ *http.Request, _ caddyhttp.Handler) error {
				w.WriteHeader(http.StatusTeapot)
				return nil
			})}),
			route("/script", "", failing(false)),
			route("/budget", "", failing(true)),
			route("/limited", "", limited),
			route("/post", "", static.Respond{}, http.MethodPost),
			route("/abort", "", acting(func(*chiproxy.Exchange) (chiproxy.Verdict, error) { panic(http.ErrAbortHandler) })),
			route("/both", "", static.Respond{Status: 201}, http.MethodGet),
			route("/both", "", static.Respond{Status: 202}, http.MethodPost),
		},
		NotFound: &chiproxy.Answer{Action: static.Respond{Status: 404}},
	}
	owner := chiproxy.Item{Scope: &chiproxy.Scope{
		Kind: chiproxy.Owner, Pattern: "/kept", Origin: origin.Origin{Script: "main.lua", Line: 9},
		Items:  []chiproxy.Item{route("/limited", "", limited)},
		Failed: &chiproxy.Answer{Action: static.Respond{Status: 200, Body: "a page"}},
	}}
	shop.Items = append(shop.Items, owner)
	return chiproxy.Spec{
		Pools: []pool.Spec{
			{Name: "app", Config: []byte(dials("", named(t, "app")))},
			{Name: "down", Config: []byte(dials("", "127.0.0.1:1"))},
		},
		Tenants: []chiproxy.Tenant{{Name: "shop", PathPrefix: "/shop", StripPrefix: true, Root: shop}},
		Default: chiproxy.Tenant{Root: chiproxy.Scope{Items: []chiproxy.Item{route("/", "", static.Respond{Body: "root"})}}},
	}
}

func TestEachRequestIsCountedOnceByWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	registry := telemetry.New(telemetry.Options{})
	s := reportSpec(t)
	s.Series = registry.Begin()
	table, err := Build(s, newTestPools(t))
	if err != nil {
		t.Fatal(err)
	}
	defer table.Retire()
	s.Series.Publish()
	seen := map[string]uint64{}
	for _, c := range []struct{ method, target, report, series string }{
		{"GET", "/shop/items/a%20b?x=1", "shop item /shop /items/{id} app proxied 200 id=a b", "shop /items/{id} proxied 2xx"},
		{"GET", "/shop/down", "shop - /shop /down down error 502", "shop /down error 5xx"},
		{"GET", "/shop/say", "shop - /shop /say - responded 200", "shop /say responded 2xx"},
		{"GET", "/shop/raise", "shop - /shop /raise - responded 403", "shop /raise responded 4xx"},
		{"GET", "/shop/next", "shop - /shop /next - declined 418", "shop /next declined 4xx"},
		{"GET", "/shop/handler", "shop - /shop /handler - handler 418", "shop /handler handler 4xx"},
		{"GET", "/shop/script", "shop - /shop /script - error 500", "shop /script error 5xx"},
		{"GET", "/shop/budget", "shop - /shop /budget - budget 503", "shop /budget budget 5xx"},
		{"GET", "/shop/limited", "shop - /shop /limited - limited 429", "shop /limited limited 4xx"},
		{"GET", "/shop/kept/limited", "shop - /shop /kept/limited - limited 200", "shop /kept/limited limited 2xx"},
		{"GET", "/shop/abort", "shop - /shop /abort - error 0", "shop /abort error "},
		{"GET", "/shop/post", "shop - /shop - - method 405", "shop  method 4xx"},
		{"GET", "/shop/both", "shop - /shop /both - responded 201", "shop /both GET responded 2xx"},
		{"POST", "/shop/both", "shop - /shop /both - responded 202", "shop /both POST responded 2xx"},
		{"GET", "/shop/none", "shop - /shop - - not_found 404", "shop  not_found 4xx"},
		{"GET", "/", "- -  / - responded 200", " / responded 2xx"},
		{"GET", "/nothing/here", "- -  - - declined 418", "  declined 4xx"},
		{"GET", "/nothing/there", "- -  - - declined 418", "  declined 4xx"},
	} {
		report := new(chiproxy.Report)
		w := httptest.NewRecorder()
		func() {
			defer func() { _ = recover() }()
			_ = table.ServeReporting(w, prepared(w, httptest.NewRequest(c.method, c.target, nil)), noNext, report)
		}()
		or := func(text string) string {
			if text == "" {
				return "-"
			}
			return text
		}
		name := ""
		if report.Route != nil {
			name = report.Route.Name
		}
		got := fmt.Sprintf("%s %s %s %s %s %s %d", or(report.Tenant), or(name), report.Prefix, or(report.Pattern), or(report.Pool), report.Outcome, report.Status)
		if id, ok := report.Param("id"); ok {
			got += " id=" + id
		}
		if got != c.report {
			t.Errorf("%s %s: the report is %q; want %q", c.method, c.target, got, c.report)
		}
		seen[c.series]++
	}
	counted := map[string]uint64{}
	all, _ := registry.All()
	for _, s := range all {
		s.Each(func(_, outcome, code string, n uint64) {
			counted[strings.TrimSuffix(fmt.Sprintf("%s %s %s", s.Tenant, s.Pattern, s.Methods), " ")+" "+outcome+" "+code] = n
		})
	}
	for line, n := range seen {
		if counted[line] != n {
			t.Errorf("%q has %d; want %d", line, counted[line], n)
		}
		delete(counted, line)
	}
	if len(counted) > 0 {
		t.Errorf("besides: %v", counted)
	}
}

func TestRequestsWithoutARouteMakeNoSeries(t *testing.T) {
	t.Parallel()
	registry := telemetry.New(telemetry.Options{})
	s := reportSpec(t)
	s.Series = registry.Begin()
	table, err := Build(s, newTestPools(t))
	if err != nil {
		t.Fatal(err)
	}
	defer table.Retire()
	s.Series.Publish()
	before, _ := registry.All()
	for i := range 10000 {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, fmt.Sprintf("http://host-%d.example/shop/items/%d", i, i), nil)
		if i%2 == 0 {
			r.URL.Path = fmt.Sprint("/random/", i)
		} else {
			r.URL.Path = fmt.Sprint("/shop/random/", i)
		}
		if err := table.Serve(w, prepared(w, r), noNext); err != nil && w.Code == http.StatusOK {
			w.Code = http.StatusNotFound
		}
	}
	if after, _ := registry.All(); len(after) != len(before) {
		t.Errorf("%d series have become %d", len(before), len(after))
	}
}

// BenchmarkCounting is what a data route costs with counters, and without.
func BenchmarkCounting(b *testing.B) {
	for _, counts := range []bool{false, true, false, true} {
		b.Run(map[bool]string{false: "off", true: "on"}[counts], func(b *testing.B) {
			var d *telemetry.Draft
			if counts {
				d = telemetry.New(telemetry.Options{}).Begin()
			}
			table, err := Build(chiproxy.Spec{Series: d, Default: chiproxy.Tenant{Root: chiproxy.Scope{Items: []chiproxy.Item{{Route: &chiproxy.Route{
				Pattern: "/items/{id}", Action: acting(func(*chiproxy.Exchange) (chiproxy.Verdict, error) { return chiproxy.Done, nil }),
			}}}}}}, newTestPools(b))
			if err != nil {
				b.Fatal(err)
			}
			defer table.Retire()
			w := httptest.NewRecorder()
			r := prepared(w, get("/items/5"))
			for b.Loop() {
				_ = table.Serve(w, r, noNext)
			}
		})
	}
}
