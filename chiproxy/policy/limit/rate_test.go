package limit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/failure"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
)

// bookOf returns the book of a test, whose states nobody else has.
func bookOf(t testing.TB) *limit.Book {
	t.Helper()
	book := limit.NewBook(fmt.Sprint(t.Name(), books.Add(1)))
	t.Cleanup(book.Close)
	return book
}

var books atomic.Int64

func burst(n int) *int { return &n }

// rate returns a limit that lets some requests through, and then one an hour.
func rate(t testing.TB, book *limit.Book, n int, more func(*limit.Options)) *limit.Rate {
	t.Helper()
	o := limit.Options{Name: "api", Rate: 1, Per: caddy.Duration(time.Hour), Burst: burst(n), Key: []string{"client_ip"}}
	if more != nil {
		more(&o)
	}
	l, err := limit.NewRate(o, book, "", origin.Origin{Script: "main.lua", Line: 7})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func get() *http.Request { return policytest.Request("GET", "/items/1") }

// field returns the values of a field as they are.
func field(w *httptest.ResponseRecorder, name string) string {
	return strings.Join(w.Result().Header.Values(name), " | ")
}

func TestRequestsBeyondTheBudgetAreRefusedWithTheirFields(t *testing.T) {
	t.Parallel()
	table := policytest.Table(t, policytest.Answer(200), rate(t, bookOf(t), 2, nil))
	for i, want := range []string{
		`200 "api";q=1;w=3600 "api";r=1;t=3600  `,
		`200 "api";q=1;w=3600 "api";r=0;t=7200  `,
		`429 "api";q=1;w=3600 "api";r=0;t=7200 3600 no-store`,
	} {
		w := policytest.Serve(table, get())
		got := fmt.Sprint(w.Code, " ", field(w, "RateLimit-Policy"), " ", field(w, "RateLimit"), " ", field(w, "Retry-After"), " ", field(w, "Cache-Control"))
		if got != want {
			t.Errorf("request %d:\n%s\nwant\n%s", i, got, want)
		}
	}
	if w := policytest.ServeFrom(table, get(), "192.0.2.2"); w.Code != 200 {
		t.Errorf("another client: %d", w.Code)
	}
}

// answers are ways in which a response comes about, below a limit.
var answers = map[string]chiproxy.Action{
	"an answer":         policytest.Answer(200),
	"an answer as data": static.Respond{Status: 201, Body: "x"},
	"a redirect":        static.Redirect{Location: "/"},
	"an error":          chiproxy.Error{Status: 418},
	"the next handler":  chiproxy.Next{},
	"nothing":           policytest.Action(func(*chiproxy.Exchange) error { return nil }),
	"a body only":       policytest.Action(func(ex *chiproxy.Exchange) error { _, err := ex.W.Write([]byte("x")); return err }),
	"a flush":           policytest.Action(func(ex *chiproxy.Exchange) error { return http.NewResponseController(ex.W).Flush() }),
	"an upstream's own": policytest.Action(ownFields),
	"an error with its": policytest.Action(func(ex *chiproxy.Exchange) error { addOwn(ex); return errors.New("x") }),
	"a reader": policytest.Action(func(ex *chiproxy.Exchange) error {
		addOwn(ex)
		_, err := io.Copy(ex.W, strings.NewReader("x"))
		return err
	}),
	"fields set too late": policytest.Action(func(ex *chiproxy.Exchange) error { ex.W.WriteHeader(200); addOwn(ex); return nil }),
}

func addOwn(ex *chiproxy.Exchange) {
	for _, name := range []string{"RateLimit", "RateLimit-Policy", "X-RateLimit-Remaining", "X-RateLimit-Limit", "X-RateLimit-Reset"} {
		ex.W.Header().Add(name, "upstream")
		ex.W.Header().Add(name, "twice")
	}
}

func ownFields(ex *chiproxy.Exchange) error {
	addOwn(ex)
	ex.W.WriteHeader(204)
	return nil
}

func TestTheFieldsAreOnEveryAnswerAndReplaceThoseOfAnUpstream(t *testing.T) {
	t.Parallel()
	for name, action := range answers {
		table := policytest.Table(t, action, rate(t, bookOf(t), 5, func(o *limit.Options) { o.Headers, o.Name = "both", strings.ReplaceAll(name, " ", "_")[:6] }))
		for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
			w := policytest.Serve(table, policytest.Request(method, "/items/1"))
			h := w.Result().Header
			for _, field := range []string{"RateLimit", "RateLimit-Policy", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} {
				if v := h.Values(field); len(v) != 1 || v[0] == "upstream" {
					t.Errorf("%s, %s: %s is %q", name, method, field, v)
				}
			}
		}
	}
}

func TestSeveralLimitsAreJoinedAndTheFirstRefusalEndsThem(t *testing.T) {
	t.Parallel()
	book := bookOf(t)
	outer := rate(t, book, 4, func(o *limit.Options) { o.Name, o.Headers = "outer", "both" })
	silent := rate(t, book, 9, func(o *limit.Options) { o.Name, o.Headers = "silent", "off" })
	inner := rate(t, book, 2, func(o *limit.Options) { o.Name, o.Headers = "inner", "both" })
	last := rate(t, book, 9, func(o *limit.Options) { o.Name = "last" })
	table := policytest.Table(t, policytest.Action(ownFields), outer, silent, inner, last)
	var w *httptest.ResponseRecorder
	for range 3 {
		w = policytest.Serve(table, get())
	}
	if got := fmt.Sprint(w.Code, " ", field(w, "RateLimit"), " ", field(w, "X-RateLimit-Limit"), "-", field(w, "X-RateLimit-Remaining")); got != `429 "outer";r=1;t=10800, "inner";r=0;t=7200 2-0` {
		t.Error(got)
	}
	for range 2 {
		w = policytest.Serve(table, get())
	}
	if got := fmt.Sprint(w.Code, " ", field(w, "RateLimit"), " ", field(w, "RateLimit-Policy")); got != `429 "outer";r=0;t=14400 "outer";q=1;w=3600` {
		t.Error("what the outer one took for refusals of the inner one stays taken: ", got)
	}
	counts := map[string]string{}
	for _, c := range book.Counts() {
		counts[c.Name] = fmt.Sprint(c.Outcomes["allowed"], "/", c.Outcomes["refused"])
	}
	if got := fmt.Sprint(counts); got != "map[inner:2/2 last:2/0 outer:4/1 silent:4/0]" {
		t.Error(got)
	}
}

// deciding is a table with a route that declines after its limit, and a second one behind it.
func deciding(t *testing.T, mw chiproxy.Middleware, first chiproxy.Action, both bool) *routing.Table {
	t.Helper()
	scope := chiproxy.Scope{Kind: chiproxy.Group, Middleware: []chiproxy.Middleware{mw}, Items: []chiproxy.Item{
		{Route: &chiproxy.Route{Pattern: "/items/{id}", Action: first, Origin: origin.Origin{Script: "main.lua", Line: 1}}},
	}}
	second := chiproxy.Item{Route: &chiproxy.Route{Pattern: "/items/*", Action: policytest.Answer(200), Origin: origin.Origin{Script: "main.lua", Line: 2}}}
	root := chiproxy.Scope{Items: []chiproxy.Item{{Scope: &scope}}}
	if both {
		scope.Items = append(scope.Items, second)
	} else {
		root.Items = append(root.Items, second)
	}
	return policytest.Build(t, chiproxy.Spec{Default: chiproxy.Tenant{Root: root}})
}

func TestARequestThatDeclinesLaterHasBeenCountedOnce(t *testing.T) {
	t.Parallel()
	for _, both := range []bool{true, false} {
		book := bookOf(t)
		l := rate(t, book, 2, nil)
		table := deciding(t, l, chiproxy.Decline{}, both)
		for i, want := range []int{200, 200, 429} {
			w := policytest.Serve(table, get())
			if w.Code != want {
				t.Errorf("both %v, request %d: %d, want %d", both, i, w.Code, want)
			}
			if shown := field(w, "RateLimit") != ""; shown != (both || want == 429) {
				t.Errorf("both %v, request %d: RateLimit is %q", both, i, field(w, "RateLimit"))
			}
		}
		if c := book.Counts()[0].Outcomes; c["allowed"] != 2 || c["refused"] != 1 {
			t.Errorf("both %v: %v", both, c)
		}
	}
}

func TestARefusalHasItsOwnStatusAndBody(t *testing.T) {
	t.Parallel()
	l := rate(t, bookOf(t), 1, func(o *limit.Options) { o.Status, o.Body = 503, "slow down" })
	table := policytest.Table(t, policytest.Answer(200), l)
	policytest.Serve(table, get())
	w := policytest.Serve(table, get())
	if got := fmt.Sprint(w.Code, w.Body, field(w, "Content-Type"), field(w, "Retry-After"), field(w, "RateLimit")); got != `503 slow downtext/plain; charset=utf-83600"api";r=0;t=3600` {
		t.Error(got)
	}
}

func TestARefusalIsAnErrorOfKindLimitForTheScope(t *testing.T) {
	t.Parallel()
	var seen *chiproxy.Failure
	table := policytest.Build(t, chiproxy.Spec{Default: chiproxy.Tenant{Root: chiproxy.Scope{
		Middleware: []chiproxy.Middleware{rate(t, bookOf(t), 1, nil)},
		Failed: &chiproxy.Answer{Action: policytest.Action(func(ex *chiproxy.Exchange) error {
			seen = ex.Failure()
			addOwn(ex)
			ex.W.WriteHeader(429)
			return nil
		})},
		Items: []chiproxy.Item{{Route: &chiproxy.Route{Pattern: "/items/{id}", Action: policytest.Answer(200), Origin: origin.Origin{Script: "main.lua", Line: 1}}}},
	}}})
	policytest.Serve(table, get())
	w := policytest.Serve(table, get())
	if seen == nil || seen.Kind != failure.Limited || seen.Status != 429 || seen.Message != "Too Many Requests" {
		t.Errorf("the failure is %+v", seen)
	}
	if got := fmt.Sprint(field(w, "RateLimit"), field(w, "Retry-After"), field(w, "Cache-Control")); got != `"api";r=0;t=36003600no-store` {
		t.Error(got)
	}
}

func TestADryRunRefusesNothingAndCounts(t *testing.T) {
	t.Parallel()
	book := bookOf(t)
	table := policytest.Table(t, policytest.Answer(200), rate(t, book, 1, func(o *limit.Options) { o.DryRun = true }))
	for range 3 {
		if w := policytest.Serve(table, get()); w.Code != 200 || field(w, "Retry-After") != "" {
			t.Errorf("%d, %v", w.Code, w.Result().Header)
		}
	}
	if c := book.Counts()[0].Outcomes; c["dry"] != 2 || c["allowed"] != 1 || c["refused"] != 0 {
		t.Errorf("%v", c)
	}
}

// onlyGET is a guard.
type onlyGET struct{ err error }

func (g onlyGET) Allow(ex *chiproxy.Exchange) (bool, error) { return ex.R.Method == "GET", g.err }

func TestAGuardSaysWhichRequestsCount(t *testing.T) {
	t.Parallel()
	l := rate(t, bookOf(t), 1, nil)
	l.When = []chiproxy.Guard{onlyGET{}}
	table := policytest.Table(t, policytest.Answer(200), l)
	for range 3 {
		if w := policytest.Serve(table, policytest.Request("OPTIONS", "/items/1")); w.Code != 200 || field(w, "RateLimit") != "" {
			t.Errorf("OPTIONS: %d, %v", w.Code, w.Result().Header)
		}
	}
	policytest.Serve(table, get())
	if w := policytest.Serve(table, get()); w.Code != 429 {
		t.Errorf("GET: %d", w.Code)
	}
	if w := policytest.Serve(table, policytest.Request("HEAD", "/items/1")); w.Code != 200 {
		t.Errorf("HEAD: %d", w.Code)
	}
	l.When = []chiproxy.Guard{onlyGET{errors.New("broken")}}
	if w := policytest.ServeFrom(table, get(), "192.0.2.9"); w.Code != 500 {
		t.Errorf("a guard that fails: %d; what protects fails closed", w.Code)
	}
}

func TestRequestsWithoutAKeyShareABudgetOrAreSkipped(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ missing, want string }{{"", "200 429 200 429"}, {"skip", "200 200 200 429"}} {
		table := policytest.Table(t, policytest.Answer(200), rate(t, bookOf(t), 1, func(o *limit.Options) { o.Key, o.Missing = []string{"header:X-Key"}, c.missing }))
		var got []string
		for _, r := range []*http.Request{get(), get(), policytest.Request("GET", "/items/1", "X-Key", "a"), policytest.Request("GET", "/items/1", "X-Key", "a")} {
			got = append(got, fmt.Sprint(policytest.Serve(table, r).Code))
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("missing %q: %s; want %s", c.missing, text, c.want)
		}
	}
}

func TestAnExplanationLooksAndTakesNothing(t *testing.T) {
	t.Parallel()
	book := bookOf(t)
	table := policytest.Table(t, policytest.Answer(200), rate(t, book, 2, nil))
	notes := func() string {
		s := policytest.Explain(table, get())
		return s[0].Middleware + ": " + s[0].Verdict + ": " + s[0].Note
	}
	for range 3 {
		if got := notes(); got != "limit api: passed: api: 2 of 2 left" {
			t.Error(got)
		}
	}
	policytest.Serve(table, get())
	policytest.Serve(table, get())
	if got := notes(); got != "limit api: failed: api: 0 of 2 left" {
		t.Error(got)
	}
	if c := book.Counts()[0].Outcomes; c["allowed"] != 2 || c["refused"] != 0 {
		t.Errorf("%v", c)
	}
}

func TestARefusalIsInTheAccessLogOnce(t *testing.T) {
	t.Parallel()
	for _, withKey := range []bool{false, true} {
		table := policytest.Table(t, policytest.Answer(200), rate(t, bookOf(t), 1, func(o *limit.Options) { o.LogKey = withKey }))
		ask := func() map[string]any {
			extra := new(caddyhttp.ExtraLogFields)
			r := policytest.From(get(), policytest.Client)
			r = r.WithContext(context.WithValue(r.Context(), caddyhttp.ExtraLogFieldsCtxKey, extra))
			_ = table.Serve(httptest.NewRecorder(), r, nil)
			return logged(extra)
		}
		if got := fmt.Sprint(ask()); got != "map[]" {
			t.Error("a request that passes: ", got)
		}
		want := "map[name:api]"
		if withKey {
			want = "map[key:192.0.2.1 name:api]"
		}
		if got := fmt.Sprint(ask()); got != want {
			t.Error(got)
		}
	}
}

// logged returns what the extra fields hold, which Caddy shows to its log only.
func logged(extra *caddyhttp.ExtraLogFields) map[string]any {
	fields := reflect.ValueOf(extra).Elem().FieldByName("fields")
	all := map[string]any{}
	for i := range fields.Len() {
		line := fields.Index(i).FieldByName("Interface").Elem()
		for f := range line.NumField() {
			if value := line.Field(f).String(); value != "" {
				all[line.Type().Field(f).Name] = value
			}
		}
	}
	return all
}

// silentStore is a store that fails, or answers what it was told.
type silentStore struct {
	err   error
	taken limit.Budget
	asked []limit.Ask
}

func countIn(t *testing.T, l *limit.Rate, store limit.Store) {
	t.Helper()
	if err := l.CountIn(store); err != nil {
		t.Fatal(err)
	}
}

func (s *silentStore) Take(_ context.Context, take limit.Ask) (limit.Budget, error) {
	s.asked = append(s.asked, take)
	return s.taken, s.err
}

func TestAStoreThatFailsIsWhatOnErrorSays(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]string{"local": "200 429", "open": "200 200", "closed": "503 503"} {
		book := bookOf(t)
		l := rate(t, book, 1, func(o *limit.Options) { o.Store, o.OnError = "kv", mode })
		countIn(t, l, &silentStore{err: errors.New("down")})
		table := policytest.Table(t, policytest.Answer(200), l)
		first, second := policytest.Serve(table, get()), policytest.Serve(table, get())
		if got := fmt.Sprint(first.Code, " ", second.Code); got != want {
			t.Errorf("%s: %s; want %s", mode, got, want)
		}
		if c := book.Counts()[0].Outcomes; (mode == "local") == (c["error"] > 0) {
			t.Errorf("%s: %v", mode, c)
		}
	}
}

func TestAStoreDecidesAlone(t *testing.T) {
	t.Parallel()
	l := rate(t, bookOf(t), 1, func(o *limit.Options) { o.Store = "kv" })
	store := &silentStore{taken: limit.Budget{OK: true, Remaining: 7, Reset: 1500 * time.Millisecond}}
	countIn(t, l, store)
	table := policytest.Table(t, policytest.Answer(200), l)
	for range 3 {
		if w := policytest.Serve(table, get()); w.Code != 200 || field(w, "RateLimit") != `"api";r=7;t=2` {
			t.Errorf("%d %s", w.Code, field(w, "RateLimit"))
		}
	}
	store.taken.OK = false
	if w := policytest.Serve(table, get()); w.Code != 429 {
		t.Errorf("%d", w.Code)
	}
	policytest.Explain(table, get())
	last := store.asked[len(store.asked)-1]
	want := limit.Ask{Key: "api:192.0.2.1", Interval: time.Hour, Burst: 1}
	if last != want || store.asked[0].Cost != 1 {
		t.Errorf("an explanation asked for %+v, a request for %+v", last, store.asked[0])
	}
}

func TestAStoreThatCountsNoLimitsIsRefused(t *testing.T) {
	t.Parallel()
	l := rate(t, bookOf(t), 1, func(o *limit.Options) { o.Store = "kv" })
	if err := l.CountIn(nil); err == nil || !strings.Contains(err.Error(), "counts no limits") {
		t.Error(err)
	}
}

func TestAResetMakesABudgetWholeHereAndInTheStore(t *testing.T) {
	t.Parallel()
	l := rate(t, bookOf(t), 1, nil)
	for range 2 {
		if taken, err := l.Take(t.Context(), "k", 1); !taken.OK || err != nil {
			t.Errorf("%+v, %v", taken, err)
		}
		if err := l.Reset(t.Context(), "k"); err != nil {
			t.Error(err)
		}
	}
	l = rate(t, bookOf(t), 5, func(o *limit.Options) { o.Store = "kv" })
	store := &silentStore{}
	countIn(t, l, store)
	if err := l.Reset(t.Context(), "k"); err != nil || store.asked[0].Cost != -5 {
		t.Errorf("%v, %+v", err, store.asked)
	}
}

func TestWhatAScriptExpectsDoesNotDependOnTheTraffic(t *testing.T) {
	t.Parallel()
	l := rate(t, bookOf(t), 1, nil)
	table := policytest.Table(t, policytest.Answer(200), l)
	policytest.Serve(table, get())
	r := get()
	if s := policytest.Explain(table, r.WithContext(limit.AssumeWhole(r.Context()))); s[0].Note != "api: 1 of 1 left" || s[0].Verdict != "passed" {
		t.Errorf("%+v", s)
	}
}

// TestWhatAResponseSaysNeverChangesLater stamps several responses of one request, since an error has another header than what follows.
func TestWhatAResponseSaysNeverChangesLater(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"api", strings.Repeat("n", 64)} {
		l := rate(t, bookOf(t), 5, func(o *limit.Options) { o.Name = name })
		all := limit.Stamped(l, limit.Budget{OK: true, Remaining: 4}, limit.Budget{OK: true, Remaining: 3, Reset: time.Hour}, limit.Budget{OK: true, Remaining: 4})
		for i, want := range []string{`";r=4;t=0`, `";r=3;t=3600`, `";r=4;t=0`} {
			if got := all[i].Get("RateLimit"); got != `"`+name+want {
				t.Errorf("response %d says %s", i, got)
			}
		}
		all[0]["Ratelimit"][0] = "changed"
		if got := all[2].Get("RateLimit"); got != `"`+name+`";r=4;t=0` {
			t.Errorf("the last says %s", got)
		}
	}
}
