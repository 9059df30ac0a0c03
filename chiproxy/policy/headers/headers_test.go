package headers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/headers"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func build(t testing.TB, o headers.Options) *headers.Policy {
	t.Helper()
	p, err := headers.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var changes = headers.Changes{
	Ops: &field.Ops{
		Remove: []string{"x-gone"}, Set: http.Header{"X-Set": {"new"}, "X-Id": {"item {id}"}}, Add: http.Header{"x-more": {"two"}},
	},
	Replace: []headers.Replacement{{Name: "x-link", Pattern: `http://(\w+)`, With: "https://$1"}},
}

var before = http.Header{"X-Gone": {"1"}, "X-Set": {"old"}, "X-More": {"one"}, "X-Link": {"http://a http://b", "c"}}

const after = "X-Id=item 7 X-Link=https://a https://b|c X-More=one|two X-Set=new"

func shown(h http.Header) string {
	var parts []string
	for _, name := range []string{"X-Gone", "X-Id", "X-Link", "X-More", "X-Set"} {
		if len(h[name]) > 0 {
			parts = append(parts, name+"="+strings.Join(h[name], "|"))
		}
	}
	return strings.Join(parts, " ")
}

func given(h http.Header) {
	for name, values := range before {
		h[name] = append([]string(nil), values...)
	}
}

func TestAllResponsesHaveTheChangesHoweverTheyAreAnswered(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter) error{
		"a response":               func(w http.ResponseWriter) error { w.WriteHeader(201); return nil },
		"a body without a status":  func(w http.ResponseWriter) error { _, err := w.Write([]byte("x")); return err },
		"a stream":                 func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() },
		"an informational one too": func(w http.ResponseWriter) error { w.WriteHeader(103); w.WriteHeader(200); return nil },
		"an error":                 func(http.ResponseWriter) error { return caddyhttp.Error(502, nil) },
	} {
		for _, method := range []string{"GET", "HEAD"} {
			action := policytest.Action(func(ex *chiproxy.Exchange) error {
				given(ex.W.Header())
				return answer(ex.W)
			})
			table := policytest.Table(t, action, build(t, headers.Options{Response: changes}))
			if got := shown(policytest.Serve(table, policytest.Request(method, "/items/7")).Header()); got != after {
				t.Errorf("%s to %s: %s\nwant %s", name, method, got, after)
			}
		}
	}
}

func TestWhatIsInsideSeesTheChangedRequest(t *testing.T) {
	var got string
	action := policytest.Action(func(ex *chiproxy.Exchange) error { got = shown(ex.R.Header); return nil })
	table := policytest.Table(t, action, build(t, headers.Options{Request: changes}))
	r := policytest.Request("GET", "/items/7")
	given(r.Header)
	if policytest.Serve(table, r); got != after {
		t.Errorf("it sees %s\nwant %s", got, after)
	}
	large := policytest.Request("GET", "/items/7", "X-Link", strings.Repeat("x", 17<<10))
	if w := policytest.Serve(table, large); w.Code != 431 {
		t.Errorf("a value too large to be searched: %d", w.Code)
	}
}

func TestWhatAnswersAnErrorHasTheChangesToo(t *testing.T) {
	table := policytest.Build(t, chiproxy.Spec{Default: chiproxy.Tenant{Root: chiproxy.Scope{
		Middleware: []chiproxy.Middleware{build(t, headers.Options{Response: changes})},
		Items:      []chiproxy.Item{{Route: &chiproxy.Route{Pattern: "/items/{id}", Action: chiproxy.Error{Status: 503}}}},
		Failed: &chiproxy.Answer{Action: policytest.Action(func(ex *chiproxy.Exchange) error {
			given(ex.W.Header())
			ex.W.WriteHeader(503)
			return nil
		})},
	}}})
	if w := policytest.Serve(table, policytest.Request("GET", "/items/7")); w.Code != 503 || shown(w.Header()) != after {
		t.Errorf("%d %s\nwant %s", w.Code, shown(w.Header()), after)
	}
}

func TestAResponseThatIsDeclinedHasNoChanges(t *testing.T) {
	table := policytest.Table(t, chiproxy.Decline{}, build(t, headers.Options{Request: changes, Response: changes}))
	if w := policytest.Serve(table, policytest.Request("GET", "/items/7")); w.Code != http.StatusTeapot || shown(w.Header()) != "" {
		t.Errorf("%d %s", w.Code, shown(w.Header()))
	}
}

func TestTheInnerPolicyChangesFirst(t *testing.T) {
	set := func(value string) chiproxy.Middleware {
		return build(t, headers.Options{
			Request:  headers.Changes{Ops: &field.Ops{Set: http.Header{"X-Set": {value}}}},
			Response: headers.Changes{Ops: &field.Ops{Set: http.Header{"X-Set": {value}}, Add: http.Header{"X-More": {value}}}},
		})
	}
	var asked string
	for _, fails := range []bool{false, true} {
		action := policytest.Action(func(ex *chiproxy.Exchange) error {
			asked = ex.R.Header.Get("X-Set")
			if fails {
				return caddyhttp.Error(502, nil)
			}
			return nil
		})
		w := policytest.Serve(policytest.Table(t, action, set("outer"), set("inner")), policytest.Request("GET", "/items/7"))
		if got := shown(w.Header()); asked != "inner" || got != "X-More=inner|outer X-Set=outer" {
			t.Errorf("fails: %v: asked with %s, answered %s", fails, asked, got)
		}
	}
}

// fixed are changes without parameters.
var fixed = headers.Changes{Ops: &field.Ops{Set: http.Header{"X-A": {"a"}, "X-B": {"b", "c"}}, Remove: []string{"X-C"}}}

func TestEachResponseHasFixedValuesOfItsOwn(t *testing.T) {
	table := policytest.Table(t, policytest.Silent, build(t, headers.Options{Response: fixed}))
	r := policytest.From(policytest.Request("GET", "/items/1"), policytest.Client)
	w := policytest.Discard()
	_ = table.Serve(w, r, nil)
	h := w.Header()
	h["X-B"][0] = "changed"
	if h["X-B"] = append(h["X-B"], "more"); h.Get("X-A") != "a" {
		t.Error("fields share values")
	}
	_ = table.Serve(w, r, nil)
	if got := strings.Join(h["X-B"], " "); got != "b c" {
		t.Errorf("the next response has %q", got)
	}
}

func TestExplainNamesTheFields(t *testing.T) {
	table := policytest.Table(t, policytest.Answer(200), build(t, headers.Options{Request: changes, Response: headers.Changes{Ops: &field.Ops{Remove: []string{"server"}}}}))
	steps := policytest.Explain(table, policytest.Request("GET", "/items/7"))
	if want := "request: X-Gone, X-Id, X-Link, X-More, X-Set; response: Server"; len(steps) != 1 || steps[0].Note != want {
		t.Errorf("explain says %+v", steps)
	}
}

func TestWrongChangesSayWhatIsWrong(t *testing.T) {
	replace := func(name, pattern, with string) headers.Options {
		return headers.Options{Response: headers.Changes{Replace: []headers.Replacement{{Name: name, Pattern: pattern, With: with}}}}
	}
	for want, o := range map[string]headers.Options{
		"there are no changes":             {},
		`is not a header name`:             {Request: headers.Changes{Ops: &field.Ops{Remove: []string{"X A"}}}},
		"the header Host has one value":    {Request: headers.Changes{Ops: &field.Ops{Remove: []string{"host"}}}},
		"error parsing regexp":             replace("X-A", "(", ""),
		"the pattern is missing":           replace("X-A", "", ""),
		"expected at most 1000: use fewer": replace("X-A", "a{300}b{300}c{300}d{300}", ""),
		"its value cannot be replaced":     {Request: headers.Changes{Replace: []headers.Replacement{{Name: "host", Pattern: "a", With: "b"}}}},
		`has a { without a }`:              {Response: headers.Changes{Ops: &field.Ops{Set: http.Header{"X-A": {"{id"}}}}},
	} {
		if _, err := headers.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

func BenchmarkPolicy(b *testing.B) {
	fixed := headers.Changes{Ops: &field.Ops{Set: http.Header{"X-A": {"a"}}, Remove: []string{"X-B"}}}
	policytest.Benchmark(b, nil, map[string][]chiproxy.Middleware{"with": {build(b, headers.Options{Response: fixed})}, "without": nil})
}
