package routing_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	caddyheaders "github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/explain"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
)

// placed is a hook of a script, with its place.
type placed struct {
	at origin.Origin
	routing.GuardFunc
	routing.MiddlewareFunc
	routing.ActionFunc
}

func (p placed) Describe() origin.Origin { return p.at }

func (placed) Traits() chiproxy.Traits { return chiproxy.Traits{Declines: true, Changes: true} }

func fnAt(n int) origin.Origin { return origin.Origin{Script: "main.lua", Line: n, Kind: "function"} }

// explainedPools is a specification with two pools that count what reaches them.
func explainedPools(t *testing.T, hits *atomic.Int64, items ...chiproxy.Item) *routing.Table {
	t.Helper()
	s := routing.Only(items...)
	for _, name := range []string{"users", "spare"} {
		address := routing.UpstreamAt(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
		s.Pools = append(s.Pools, pool.Spec{Name: name, Config: json.RawMessage(routing.Dials("", address))})
	}
	table, err := routing.Build(s, routing.NewTestPools(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Retire)
	return table
}

func TestADecisionShowsTheRequestAsThePoolGetsItAndSendsNothing(t *testing.T) {
	t.Parallel()
	var hits atomic.Int64
	query := "a=1"
	table := explainedPools(t, &hits, routing.At("/acme/{id}", chiproxy.Proxy{
		Pool: "users", StripPrefix: "/acme", Method: "PUT", Query: &query,
		Headers: &field.Ops{Set: http.Header{"X-User": {"ann"}, "Host": {"inside.example"}}, Remove: []string{"Cookie"}},
	}))
	r := routing.Ask("http://a.example/acme/7?b=2", "Cookie: x", "X-Keep: y")
	d := explain.Decide(table, r, false)
	want := &explain.Handed{
		Method: "PUT", URI: "/7?a=1", Host: "inside.example",
		Header:  http.Header{"X-User": {"ann"}, "X-Keep": {"y"}},
		Changed: http.Header{"X-User": {"ann"}}, Removed: []string{"Cookie"},
	}
	if !reflect.DeepEqual(d.Request, want) || d.Pool != "users" || d.Params["id"] != "7" || d.Err != nil || d.Stops != "" {
		t.Errorf("the decision is %+v with %+v; expected %+v", d, d.Request, want)
	}
	if r.Method != http.MethodGet || r.URL.Path != "/acme/7" {
		t.Errorf("the request that was asked about is now %s %s", r.Method, r.URL)
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d requests reached the pool", n)
	}
}

// asked is a table with something of every kind of candidate. The functions of its hooks must not run without run.
func asked(t *testing.T, ran *[]string) *routing.Table {
	note := func(name string) { *ran = append(*ran, name) }
	yes := func(n int, ok bool) chiproxy.Guard {
		return placed{at: fnAt(n), GuardFunc: func(*chiproxy.Exchange) (bool, error) { note("guard"); return ok, nil }}
	}
	mw := placed{at: fnAt(3), MiddlewareFunc: func(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
		note("middleware")
		ex.R.Header.Set("X-Seen", "1")
		return next()
	}}
	handler := placed{at: fnAt(12), ActionFunc: func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
		note("handler")
		return ex.Perform(static.Respond{Status: 201, Body: "made"})
	}}
	route := func(n int, rule string, a chiproxy.Action, guards ...chiproxy.Guard) chiproxy.Item {
		item := routing.At(rule, a, guards...)
		item.Route.Origin = origin.Origin{Script: "main.lua", Line: n, Kind: "route"}
		return item
	}
	layer := chiproxy.Scope{Kind: chiproxy.Layer, Guards: []chiproxy.Guard{yes(5, false)}, Origin: origin.Origin{Script: "main.lua", Line: 5, Kind: "layer"}}
	s := routing.Only(
		routing.In(layer, route(6, "/*", static.Respond{Status: 418})),
		routing.In(chiproxy.Scope{Middleware: []chiproxy.Middleware{mw}},
			route(8, "GET /a/{id}", chiproxy.Decline{}, yes(8, false)),
			route(9, "POST /a/{id}", static.Respond{Status: 204}),
			route(10, "GET /a/{id}", chiproxy.Decline{}, yes(10, true)),
			route(12, "GET /a/*", handler)),
		route(14, "/*", static.Respond{Status: 404}),
	)
	return routing.MustBuild(t, s)
}

func TestADecisionTellsWhatBecameOfEachCandidate(t *testing.T) {
	t.Parallel()
	var ran []string
	table := asked(t, &ran)
	for run, want := range map[bool]string{
		false: `not decided
  not certain  the middleware at main.lua:3 was not run, and may answer or change the request; the handler at main.lua:12 decides; ask with ?run=true, or --run
  pattern      /a/*
  param        * = 7
  at           main.lua:12
  action       function

candidates
  layer        main.lua:6   *     /*        respond 418
    layer      main.lua:5         function  no
  guard        main.lua:8   GET   /a/{id}   decline
    guard      main.lua:8         function  no
  method       main.lua:9   POST  /a/{id}   respond 204
  declined     main.lua:10  GET   /a/{id}   decline
    guard      main.lua:10        function  yes
    middleware  main.lua:3        function  not run
  decides      main.lua:12  GET   /a/*      function
    middleware  main.lua:3        function  not run
  not reached  main.lua:14  *     /*        respond 404
`,
		true: `answer 201
  pattern  /a/*
  param    * = 7
  at       main.lua:12
  action   function

candidates
  layer        main.lua:6   *     /*        respond 418
    layer      main.lua:5         function  no
  guard        main.lua:8   GET   /a/{id}   decline
    guard      main.lua:8         function  no
  method       main.lua:9   POST  /a/{id}   respond 204
  declined     main.lua:10  GET   /a/{id}   decline
    guard      main.lua:10        function  yes
    middleware main.lua:3         function  passed
  taken        main.lua:12  GET   /a/*      function
    middleware main.lua:3         function  passed
  not reached  main.lua:14  *     /*        respond 404
`,
	} {
		ran = nil
		d := explain.Decide(table, routing.Ask("/a/7"), run)
		var text strings.Builder
		if err := d.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		if spaced(text.String()) != spaced(want) {
			t.Errorf("run %v: the text is\n%s\nexpected\n%s", run, text.String(), want)
		}
		if hooks := strings.Contains(strings.Join(ran, " "), "middleware") || strings.Contains(strings.Join(ran, " "), "handler"); hooks != run {
			t.Errorf("run %v: %v ran", run, ran)
		}
	}
}

// spaced is a text whose words stand one blank apart.
func spaced(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = strings.Join(strings.Fields(l), " ")
	}
	return strings.Join(lines, "\n")
}

func TestADecisionSaysHowARequestEnds(t *testing.T) {
	t.Parallel()
	table := routing.MustBuild(t, routing.Only(
		routing.At("POST /users", routing.Say("made")),
		routing.At("GET /next", chiproxy.Next{}),
		routing.At("GET /error", chiproxy.Error{Status: 410, Message: "gone"}),
		routing.Owned("/owned", routing.At("GET /x", routing.Say("x"))),
	))
	for request, want := range map[string]string{
		"GET /users":   "error 405: HTTP 405",
		"GET /USERS":   "error 404: ",
		"GET /next":    "Caddy's next handler",
		"GET /error":   "error 410: ",
		"GET /nowhere": "Caddy's next handler",
		"GET /owned/y": "Caddy's next handler",
	} {
		d := explain.Decide(table, routing.Ask(request), false)
		if got := d.Summary(); !strings.HasPrefix(got, want[:strings.IndexAny(want+":", ":")]) {
			t.Errorf("%s: %s, expected %s", request, got, want)
		}
	}
	if d := explain.Decide(table, routing.Ask("GET /users"), false); !reflect.DeepEqual(d.Allow, []string{"POST"}) || d.Status != 405 {
		t.Errorf("the decision is %+v", d)
	}
	table.Retire()
	if d := explain.Decide(table, routing.Ask("/"), false); !errors.Is(d.Err, routing.ErrRetired) {
		t.Errorf("a retired table decides %+v", d)
	}
}

func TestStubsAnswerForPools(t *testing.T) {
	t.Parallel()
	var hits atomic.Int64
	wrap := routing.MiddlewareFunc(func(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
		h := ex.ResponseHooks()
		h.OnHeader(func(status int) (int, error) { return status + 1, nil })
		h.OnBody(func(p []byte, _ bool) ([]byte, error) { return []byte(strings.ToUpper(string(p))), nil })
		return ex.Around(h, next)
	})
	table := explainedPools(t, &hits,
		routing.In(chiproxy.Scope{Middleware: []chiproxy.Middleware{wrap}}, routing.At("/wrapped", chiproxy.Proxy{Pool: "users"})),
		routing.At("/fallback", chiproxy.Proxy{Pool: "users", OnError: &chiproxy.ErrorPolicy{Mode: chiproxy.FailToPool, Pool: "spare"}}),
		routing.At("/declines", chiproxy.Proxy{Pool: "users", OnError: &chiproxy.ErrorPolicy{Mode: chiproxy.FailDecline}}),
		routing.At("/fails", chiproxy.Proxy{Pool: "users"}),
	)
	answers := func(pool string) explain.Stub {
		return func(w http.ResponseWriter, r *http.Request) error {
			if pool == "users" && r.URL.Path != "/wrapped" {
				return caddyhttp.Error(http.StatusBadGateway, errors.New("no upstreams available"))
			}
			w.WriteHeader(202)
			_, err := w.Write([]byte("from " + pool))
			return err
		}
	}
	for path, want := range map[string]explain.Decision{
		"/wrapped":  {Pool: "users", Status: 203, Body: "FROM USERS"},
		"/fallback": {Pool: "spare", Status: 202, Body: "from spare"},
		"/declines": {Next: true},
		"/fails":    {Pool: "users", Status: 502},
	} {
		d := explain.Simulate(table, routing.Ask(path), answers)
		if d.Pool != want.Pool || d.Status != want.Status || d.Body != want.Body || d.Next != want.Next {
			t.Errorf("%s: %+v, expected %+v", path, d, want)
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d requests reached a pool", n)
	}
}

func TestOnlyHandlersThatSendNothingRunAsMiddleware(t *testing.T) {
	t.Parallel()
	called := false
	third := routing.ModuleFunc(func(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
		called = true
		return next.ServeHTTP(w, r)
	})
	known := &caddyheaders.Handler{Request: &caddyheaders.HeaderOps{Set: http.Header{"X-Set": {"1"}}}}
	table := routing.MustBuild(t, routing.Only(
		routing.In(chiproxy.Scope{Middleware: []chiproxy.Middleware{chiproxy.Module{Name: "headers", Handler: known}, chiproxy.Module{Name: "third", Handler: third, Origin: origin.Origin{Script: "main.lua", Line: 4}}}},
			routing.At("/", chiproxy.Next{})),
	))
	d := explain.Decide(table, routing.Ask("/"), true)
	if called || !d.Next || !strings.Contains(d.Stops, "third at main.lua:4 was not run") || d.Request.Changed.Get("X-Set") != "1" {
		t.Errorf("called %v, decided %+v with %+v", called, d, d.Request)
	}
	steps := d.Answers().Middleware
	if len(steps) != 2 || steps[0].Verdict != explain.StepPassed || steps[1].Verdict != explain.StepNotRun {
		t.Errorf("the steps are %+v", steps)
	}
}

func TestALongShapeListsWhatWasAskedAndCountsTheRest(t *testing.T) {
	t.Parallel()
	table := routing.MustBuild(t, routing.GuardsSpec(1000))
	d := explain.Decide(table, routing.Ask("/users/1", "X-Tenant: 500"), false)
	answered := d.Answers()
	if answered == nil || len(d.Candidates) > 2*20 || len(d.Candidates)+d.Omitted < 1000 {
		t.Errorf("%d candidates and %d more; %+v answers", len(d.Candidates), d.Omitted, answered)
	}
}

func TestAPathThatIsTooLongForExpressionsIsExplainedAsItIsServed(t *testing.T) {
	t.Parallel()
	open := routing.At("/*", static.Respond{Body: "open"})
	bound := &chiproxy.PatternBound{Allow: func(int) error { return nil }, Steps: 1000}
	table := routing.MustBuild(t, chiproxy.Spec{
		Tenants: []chiproxy.Tenant{
			{Name: "first", Fallthrough: true, PathPrefix: "/x", Root: chiproxy.Scope{Items: []chiproxy.Item{routing.At("/a", chiproxy.Next{})}}},
			{Name: "acme", Patterns: bound, Root: chiproxy.Scope{Items: []chiproxy.Item{routing.At("/x/{a:(a|b)*}", chiproxy.Next{}), open}}},
		},
		Default: chiproxy.Tenant{Root: chiproxy.Scope{Items: []chiproxy.Item{open}}},
	})
	if d := explain.Decide(table, routing.Ask("/x/a"), false); len(d.Candidates) < 3 {
		t.Errorf("a short path: %+v", d)
	}
	d := explain.Decide(table, routing.Ask("/x/"+strings.Repeat("a", 1000)), false)
	if d.Status != http.StatusRequestURITooLong || !strings.Contains(d.Failure, `the patterns of tenant "acme"`) {
		t.Errorf("got %d, %s", d.Status, d.Failure)
	}
	for _, c := range d.Candidates {
		if c.Tenant != "first" {
			t.Errorf("%+v is listed", c)
		}
	}
}
