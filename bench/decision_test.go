package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
)

// decision is one place where a function decides, in Lua and in Go. Both look at the method, the path, a header and a
// parameter, and answer 404 if one of them is not as expected. The table and the action are the same.
type decision struct {
	name   string
	script string
	spec   func(action chiproxy.Action) chiproxy.Scope
}

const decided = `req.method == "GET" and req.path ~= "/" and req:header("X-Tenant") == "acme" and req:param("version") == "v1"`

// pattern is that of the route in every table.
const pattern = "/api/{version}/users/{id}"

// inGo is decided in Go.
func inGo(ex *chiproxy.Exchange) bool {
	version, _ := ex.Param("version")
	return ex.R.Method == http.MethodGet && ex.R.URL.Path != "/" && ex.R.Header.Get("X-Tenant") == "acme" && version == "v1"
}

var notFound = static.Respond{Status: http.StatusNotFound}

var decisions = []decision{
	{
		"none", `route:get(PATTERN, "origin")`,
		func(action chiproxy.Action) chiproxy.Scope { return scopeOf(chiproxy.Route{Action: action}) },
	},
	{
		"handler", `route:get(PATTERN, function(req) if DECIDED then return "origin" end return 404 end)`,
		func(action chiproxy.Action) chiproxy.Scope { return scopeOf(chiproxy.Route{Action: choosing{action}}) },
	},
	{
		"guard", `route:get(PATTERN, { when = function(req) return DECIDED end }, "origin") route:any("/*", route.respond(404))`,
		func(action chiproxy.Action) chiproxy.Scope {
			s := scopeOf(chiproxy.Route{Guards: []chiproxy.Guard{guarding{}}, Action: action})
			s.Items = append(s.Items, chiproxy.Item{Route: &chiproxy.Route{Pattern: "/*", Action: notFound}})
			return s
		},
	},
	{
		"before", `route:use(function(req) if not (DECIDED) then return 404 end end) route:get(PATTERN, "origin")`,
		func(action chiproxy.Action) chiproxy.Scope {
			s := scopeOf(chiproxy.Route{Action: action})
			s.Middleware = []chiproxy.Middleware{standing{}}
			return s
		},
	},
	{
		"around", `route:use(function(req, res, next) if not (DECIDED) then return 404 end next() end) route:get(PATTERN, "origin")`,
		func(action chiproxy.Action) chiproxy.Scope {
			s := scopeOf(chiproxy.Route{Action: action})
			s.Middleware = []chiproxy.Middleware{standing{}}
			return s
		},
	},
}

func scopeOf(r chiproxy.Route) chiproxy.Scope {
	r.Methods, r.Pattern = []string{http.MethodGet}, pattern
	return chiproxy.Scope{Items: []chiproxy.Item{{Route: &r}}}
}

// choosing is a handler in Go.
type choosing struct{ action chiproxy.Action }

// Traits are those of code that may do anything.
func (choosing) Traits() chiproxy.Traits { return chiproxy.Traits{Declines: true, Changes: true} }

// Do decides. A pool is found by its name, as a script names it.
func (c choosing) Do(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
	if !inGo(ex) {
		return notFound.Do(ex)
	}
	return c.action.Do(ex)
}

// named is an action that forwards to a pool found by its name.
type named string

// Traits are those of code that may do anything.
func (named) Traits() chiproxy.Traits { return chiproxy.Traits{Declines: true, Changes: true} }

// Do finds the pool.
func (n named) Do(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
	pool, err := ex.Pool(string(n))
	if err != nil {
		return chiproxy.Done, err
	}
	return pool.Do(ex)
}

// guarding is a guard in Go.
type guarding struct{}

// Allow decides.
func (guarding) Allow(ex *chiproxy.Exchange) (bool, error) { return inGo(ex), nil }

// standing is middleware in Go. What stands before and what stands around are the same there.
type standing struct{}

// Traits are those of code that may do anything.
func (standing) Traits() chiproxy.Traits { return chiproxy.Traits{Declines: true, Changes: true} }

// Handle decides.
func (standing) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	if !inGo(ex) {
		return notFound.Do(ex)
	}
	return next()
}

// lua returns the handler of the script. Without forward its action does nothing.
func (d decision) lua(tb testing.TB, forward bool) caddyhttp.MiddlewareHandler {
	script := strings.NewReplacer("PATTERN", `"`+pattern+`"`, "DECIDED", decided).Replace(d.script)
	v := variant{name: d.name, script: "\n" + script}
	if !forward {
		v = withNothing(v)
	}
	return provision(tb, v)
}

// inTable returns the handler of the same table in Go.
func (d decision) inTable(tb testing.TB, forward bool) caddyhttp.MiddlewareHandler {
	tb.Helper()
	var action chiproxy.Action = chiproxy.Module{Name: "bench_nothing", Handler: nothing{}}
	if forward {
		action = named("origin")
	}
	raw, err := merged(forwardTo("origin.example:80"), object{"transport": object{"protocol": "bench_canned"}}).json()
	if err != nil {
		tb.Fatal(err)
	}
	pools := pool.NewSet(caddyContext(tb))
	tb.Cleanup(pools.Close)
	table, err := routing.Build(chiproxy.Spec{
		Default: chiproxy.Tenant{Root: d.spec(action)},
		Pools:   []pool.Spec{{Name: "origin", Config: raw}},
	}, pools)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(table.Retire)
	return tableHandler{table}
}

// tableHandler serves a table, as the handler of luaroute does.
type tableHandler struct{ table *routing.Table }

// ServeHTTP serves.
func (h tableHandler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return h.table.Serve(w, r, next)
}

var languages = []struct {
	name string
	of   func(decision, testing.TB, bool) caddyhttp.MiddlewareHandler
}{{"go", decision.inTable}, {"lua", decision.lua}}

func TestADecisionIsTheSameInBothLanguages(t *testing.T) {
	for _, d := range decisions {
		for _, in := range languages {
			t.Run(d.name+" in "+in.name, func(t *testing.T) {
				for _, forward := range []bool{false, true} {
					h := in.of(d, t, forward)
					yes, no := 0, http.StatusNotFound
					if forward {
						yes = http.StatusOK
					}
					if d.name == "none" {
						no = yes
					}
					if w := asker(t, h, "http://bench.example"+path)(); w.status != yes {
						t.Errorf("status %d, expected %d", w.status, yes)
					}
					if w := asker(t, h, "http://bench.example"+path, "X-Tenant")(); w.status != no {
						t.Errorf("status %d without the header, expected %d", w.status, no)
					}
					if w := asker(t, h, "http://bench.example"+strings.Replace(path, "v1", "v2", 1))(); w.status != no {
						t.Errorf("status %d for another parameter, expected %d", w.status, no)
					}
				}
			})
		}
	}
}

// BenchmarkDecision asks for what a small decision costs in Lua beside the same in Go. What is called none decides nothing:
// its figures are to be taken off the others.
func BenchmarkDecision(b *testing.B) {
	for _, d := range decisions {
		for _, in := range languages {
			b.Run(d.name+"/"+in.name, func(b *testing.B) { benchAsking(b, in.of(d, b, false), path) })
		}
	}
}

// BenchmarkDecisionForwarded is BenchmarkDecision with a pool, found by its name, in place of the action that does nothing.
func BenchmarkDecisionForwarded(b *testing.B) {
	for _, d := range decisions {
		for _, in := range languages {
			b.Run(d.name+"/"+in.name, func(b *testing.B) { benchAsking(b, in.of(d, b, true), path) })
		}
	}
}

// caddyContext is that of a Caddy which serves nothing.
func caddyContext(tb testing.TB) caddy.Context {
	tb.Helper()
	base, err := caddy.ProvisionContext(&caddy.Config{
		Admin:   &caddy.AdminConfig{Disabled: true, Config: &caddy.ConfigSettings{Persist: new(bool)}},
		Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{"default": {BaseLog: caddy.BaseLog{Level: "ERROR"}}}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(base)
	tb.Cleanup(cancel)
	return ctx
}
