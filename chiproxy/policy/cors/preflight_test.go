package cors_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/explain"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/condition"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/cors"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

const app = "https://app.example"

// site is a policy that shows by what it exposes and allows which one has answered.
func site(t testing.TB, name string) chiproxy.Middleware {
	return build(t, cors.Options{Origins: []string{app}, Headers: []string{"X-" + name}, Expose: []string{"X-" + name}})
}

// route is a route whose action answers with its pattern.
func route(methods, pattern string, guards ...chiproxy.Guard) chiproxy.Item {
	var list []string
	if methods != "" {
		list = strings.Fields(methods)
	}
	return chiproxy.Item{Route: &chiproxy.Route{Methods: list, Pattern: pattern, Guards: guards, Action: static.Respond{Status: 200, Body: pattern}}}
}

// with is a scope with middleware around items.
func with(kind chiproxy.ScopeKind, pattern string, mw []chiproxy.Middleware, items ...chiproxy.Item) chiproxy.Item {
	return chiproxy.Item{Scope: &chiproxy.Scope{Kind: kind, Pattern: pattern, Middleware: mw, Items: items}}
}

func tableOf(t testing.TB, mw []chiproxy.Middleware, items []chiproxy.Item, tenants ...chiproxy.Tenant) *routing.Table {
	t.Helper()
	return policytest.Build(t, chiproxy.Spec{Default: chiproxy.Tenant{Root: chiproxy.Scope{Middleware: mw, Items: items}}, Tenants: tenants})
}

// function is middleware and a guard that is no data.
type function func(ex *chiproxy.Exchange) error

func (f function) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	if err := f(ex); err != nil {
		return chiproxy.Done, err
	}
	return next()
}
func (f function) Traits() chiproxy.Traits                   { return chiproxy.Traits{} }
func (f function) Allow(ex *chiproxy.Exchange) (bool, error) { return f(ex) == nil, nil }

// denied is what answers 401.
var denied = function(func(*chiproxy.Exchange) error { return caddyhttp.Error(http.StatusUnauthorized, nil) })

func header(name, value string) *chiproxy.DataGuard {
	return &chiproxy.DataGuard{Conditions: []chiproxy.Condition{{In: chiproxy.InHeader, Name: name, Values: []string{value}}}}
}

func query(name, value string) *chiproxy.DataGuard {
	return &chiproxy.DataGuard{Conditions: []chiproxy.Condition{{In: chiproxy.InQuery, Name: name, Values: []string{value}}}}
}

// TestAPreflightComesToThePolicyOfTheRouteItAsksFor has tables in which a policy stands in all places where it can, and the answers to preflights: the
// status, and the name of the policy that has answered.
func TestAPreflightComesToThePolicyOfTheRouteItAsksFor(t *testing.T) {
	a, b := []chiproxy.Middleware{site(t, "A")}, []chiproxy.Middleware{site(t, "B")}
	group := func(mw []chiproxy.Middleware, items ...chiproxy.Item) chiproxy.Item {
		return with(chiproxy.Group, "", mw, items...)
	}
	var many []chiproxy.Item
	for _, tenant := range strings.Fields("a b c d e f g h i j") {
		many = append(many, group([]chiproxy.Middleware{site(t, strings.ToUpper(tenant))}, route("GET", "/x", query("t", tenant))))
	}
	for _, c := range []struct {
		name  string
		table *routing.Table
		asks  string // method and target
		want  string
	}{
		{"around the root", tableOf(t, a, []chiproxy.Item{route("GET", "/x")}), "GET /x", "204 A"},
		{"around the root, for what no route takes", tableOf(t, a, []chiproxy.Item{route("GET", "/x")}), "PUT /x", "405"},
		{"around the root, elsewhere", tableOf(t, a, []chiproxy.Item{route("GET", "/x")}), "GET /y", "418"},
		{"around one route", tableOf(t, nil, []chiproxy.Item{group(a, route("GET", "/x"))}), "GET /x", "204 A"},
		{"for HEAD of a route for GET", tableOf(t, a, []chiproxy.Item{route("GET", "/x")}), "HEAD /x", "204 A"},
		{"for a method of one's own", tableOf(t, a, []chiproxy.Item{route("PURGE", "/x")}), "PURGE /x", "204 A"},
		{"around another method", tableOf(t, nil, []chiproxy.Item{group(a, route("GET", "/x")), route("PUT", "/x")}), "PUT /x", "405"},
		{"different ones for two methods", tableOf(t, nil, []chiproxy.Item{group(a, route("GET", "/x")), group(b, route("PUT", "/x"))}), "PUT /x", "204 B"},
		{"around all methods", tableOf(t, a, []chiproxy.Item{route("", "/x")}), "PUT /x", "204 A"},
		{"a route for OPTIONS", tableOf(t, nil, []chiproxy.Item{route("OPTIONS", "/x"), group(a, route("GET", "/x"))}), "GET /x", "200"},
		{"a route for OPTIONS that is less specific", tableOf(t, nil, []chiproxy.Item{route("", "/*"), group(a, route("GET", "/x"))}), "GET /x", "204 A"},
		{"around what is less specific than the route", tableOf(t, nil, []chiproxy.Item{group(a, route("GET", "/*")), route("GET", "/x")}), "GET /x", "405"},
		{"around what is less specific, for another method", tableOf(t, nil, []chiproxy.Item{group(a, route("PUT", "/*")), route("GET", "/x")}), "PUT /x", "204 A"},
		{"around a prefix", tableOf(t, nil, []chiproxy.Item{with(chiproxy.Owner, "/api", a, route("GET", "/x"))}), "GET /api/x", "204 A"},
		{"around a prefix, for what it has not", tableOf(t, nil, []chiproxy.Item{with(chiproxy.Owner, "/api", a, route("GET", "/x"))}), "PUT /api/x", "204 A"},
		{"inside a prefix", tableOf(t, nil, []chiproxy.Item{with(chiproxy.Owner, "/api", nil, group(a, route("GET", "/x")))}), "GET /api/x", "204 A"},
		{"around a layer", tableOf(t, nil, []chiproxy.Item{
			{Scope: &chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"example.com"}, Middleware: a, Items: []chiproxy.Item{route("GET", "/x")}}},
			group(b, route("GET", "/x")),
		}), "GET /x", "204 A"},
		{"around a tenant", tableOf(t, b, []chiproxy.Item{route("GET", "/x")}, chiproxy.Tenant{
			Name: "t", Hosts: []string{"example.com"}, Root: chiproxy.Scope{Middleware: a, Items: []chiproxy.Item{route("GET", "/x")}},
		}), "GET /x", "204 A"},
		{"around the default tenant", tableOf(t, b, []chiproxy.Item{route("GET", "/x")}, chiproxy.Tenant{
			Name: "t", Hosts: []string{"example.com"}, Root: chiproxy.Scope{Middleware: a, Items: []chiproxy.Item{route("GET", "/y")}},
		}), "GET /x", "204 B"},
		{"a guard that says no", tableOf(t, nil, []chiproxy.Item{group(a, route("GET", "/x", query("v", "1"))), group(b, route("GET", "/x"))}), "GET /x", "204 B"},
		{"a guard that says yes", tableOf(t, nil, []chiproxy.Item{group(a, route("GET", "/x", query("v", "1"))), group(b, route("GET", "/x"))}), "GET /x?v=1", "204 A"},
		{"a function that says no", tableOf(t, nil, []chiproxy.Item{group(a, route("GET", "/x", denied)), group(b, route("GET", "/x"))}), "GET /x", "204 B"},
		{"a guard that asks for what no preflight has", tableOf(t, nil, []chiproxy.Item{group(a, route("GET", "/x", header("X-Version", "2")))}), "GET /x", "204 A"},
		{"a guard that asks for the method", tableOf(t, nil, []chiproxy.Item{
			group(a, route("GET", "/x", &chiproxy.DataGuard{Parts: []chiproxy.GuardPart{condition.Not{Guard: &chiproxy.DataGuard{Parts: []chiproxy.GuardPart{condition.Method{"OPTIONS"}}}}}})),
		}), "GET /x", "204 A"},
		{"a guard without a policy", tableOf(t, nil, []chiproxy.Item{route("GET", "/x", query("v", "1")), group(b, route("GET", "/*"))}), "GET /x?v=1", "405"},
		{"many routes of one shape", tableOf(t, nil, many), "GET /x?t=h", "204 H"},
		{"what answers before it", tableOf(t, []chiproxy.Middleware{denied, site(t, "A")}, []chiproxy.Item{route("GET", "/x")}), "GET /x", "401"},
		{"what would answer behind it", tableOf(t, []chiproxy.Middleware{site(t, "A"), denied}, []chiproxy.Item{route("GET", "/x")}), "GET /x", "204 A"},
	} {
		asked, target, _ := strings.Cut(c.asks, " ")
		w := policytest.Serve(c.table, policytest.Request("OPTIONS", "http://example.com"+target, origin, app, method, asked))
		got := strconv.Itoa(w.Code)
		if w.Header().Get("Access-Control-Allow-Headers") != "" {
			got += " " + strings.TrimPrefix(w.Header().Get("Access-Control-Allow-Headers"), "X-")
		}
		if got != c.want {
			t.Errorf("%s: %s, expected %s", c.name, got, c.want)
		}
	}
}

func TestOptionsThatIsNoPreflightIsRoutedAsBefore(t *testing.T) {
	table := tableOf(t, []chiproxy.Middleware{site(t, "A")}, []chiproxy.Item{route("GET", "/x")})
	for _, h := range [][]string{nil, {origin, app}, {method, "GET"}} {
		if w := policytest.Serve(table, policytest.Request("OPTIONS", "/x", h...)); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%q: %d, Allow %q", h, w.Code, w.Header().Get("Allow"))
		}
	}
}

func TestA405OfARouteSaysWhichSitesMayReadIt(t *testing.T) {
	notFound := &chiproxy.Answer{Action: chiproxy.Error{Status: 404}}
	owner := with(chiproxy.Owner, "/api", []chiproxy.Middleware{site(t, "A")}, route("GET", "/x"))
	owner.Scope.NotFound = notFound
	for name, c := range map[string]struct {
		table  *routing.Table
		target string
		status int
	}{
		"around the root":           {tableOf(t, []chiproxy.Middleware{site(t, "A")}, []chiproxy.Item{route("GET", "/x")}), "/x", 405},
		"around one route":          {tableOf(t, nil, []chiproxy.Item{with(chiproxy.Group, "", []chiproxy.Middleware{site(t, "A")}, route("GET", "/x"))}), "/x", 405},
		"around a prefix":           {tableOf(t, nil, []chiproxy.Item{owner}), "/api/x", 405},
		"not found below a prefix":  {tableOf(t, nil, []chiproxy.Item{owner}), "/api/y", 404},
		"not found below a prefix/": {tableOf(t, nil, []chiproxy.Item{owner}), "/api", 404},
	} {
		for from, want := range map[string]string{app: app + " X-A Origin", "https://evil.example": "  Origin", "": "  Origin"} {
			r := policytest.Request("PUT", c.target)
			if from != "" {
				r.Header.Set(origin, from)
			}
			w := policytest.Serve(c.table, r)
			h := w.Header()
			got := h.Get("Access-Control-Allow-Origin") + " " + h.Get("Access-Control-Expose-Headers") + " " + strings.Join(h["Vary"], "; ")
			if w.Code != c.status || got != want {
				t.Errorf("%s, from %q: %d %q, expected %d %q", name, from, w.Code, got, c.status, want)
			}
		}
	}
}

func TestARefusedPreflightIsCounted(t *testing.T) {
	table := tableOf(t, []chiproxy.Middleware{site(t, "A")}, []chiproxy.Item{route("GET", "/x")})
	for from, want := range map[string]telemetry.Outcome{app: telemetry.Responded, "https://evil.example": telemetry.Refused} {
		var report chiproxy.Report
		r := policytest.From(policytest.Request("OPTIONS", "/x", origin, from, method, "GET"), policytest.Client)
		_ = table.ServeReporting(httptest.NewRecorder(), r, nil, &report)
		if report.Outcome != want || report.Pattern != "/x" {
			t.Errorf("%s: %s of %q, expected %s of the route", from, report.Outcome, report.Pattern, want)
		}
	}
}

func TestExplainShowsTheRouteWhosePolicyAnswersAPreflight(t *testing.T) {
	table := tableOf(t, nil, []chiproxy.Item{
		route("PUT", "/x"),
		with(chiproxy.Group, "", []chiproxy.Middleware{site(t, "A")}, route("GET", "/x", header("X-Version", "2"))),
	})
	d := explain.Decide(table, policytest.From(policytest.Request("OPTIONS", "/x", origin, app, method, "GET"), policytest.Client), true)
	c := d.Answers()
	if d.Status != 204 || c == nil || c.Fate != explain.FateTaken || len(c.Methods) != 1 || c.Methods[0] != "GET" {
		t.Fatalf("%d %+v", d.Status, c)
	}
	if len(c.Middleware) != 1 || c.Middleware[0].Verdict != explain.StepAnswered || c.Middleware[0].Note != "allowed, preflight for GET" {
		t.Errorf("steps %+v", c.Middleware)
	}
	if len(c.Guards) != 1 || c.Guards[0].Verdict != explain.CheckYes {
		t.Errorf("guards %+v", c.Guards)
	}
}
