package routing

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
)

var (
	errScript  = &chiproxy.HookError{Err: errors.New("a.lua:3: attempt to call nil")}
	errBudget  = &chiproxy.HookError{Err: errors.New("a.lua:3: out of time"), Budget: true}
	failGuard  = guardFunc(func(*chiproxy.Exchange) (bool, error) { return false, errScript })
	failAction = actionFunc(func(*chiproxy.Exchange) (chiproxy.Verdict, error) { return chiproxy.Done, errScript })
)

// around is middleware that writes into a header before and after what is inside.
func around(name string) chiproxy.Middleware {
	return middlewareFunc(func(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
		ex.W.Header().Add("Trace", name+" in")
		v, err := next()
		ex.W.Header().Add("Trace", name+" out")
		return v, err
	})
}

func TestMiddlewareRunsOuterScopeFirstAsWritten(t *testing.T) {
	t.Parallel()
	s := only(in(chiproxy.Scope{Middleware: []chiproxy.Middleware{around("a"), around("b")}},
		in(chiproxy.Scope{Kind: chiproxy.Owner, Pattern: "/x", Middleware: []chiproxy.Middleware{around("c")}}, at("/y", say("y"))),
	))
	r := send(mustBuild(t, s), ask("/x/y"))
	want := []string{"a in", "b in", "c in", "c out", "b out", "a out"}
	if got := r.Header()["Trace"]; !slices.Equal(got, want) || r.String() != "y" {
		t.Errorf("got %q and %s", got, r)
	}
	r = send(mustBuild(t, s), ask("/x/z"))
	if got := r.Header()["Trace"]; got != nil || r.String() != "next" {
		t.Errorf("a scope's miss that leaves keeps no header: got %q and %s", got, r)
	}
}

func TestMiddlewareMayStop(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mw   middlewareFunc
		want string
	}{
		"by answering": {func(ex *chiproxy.Exchange, _ func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
			return ex.Perform(say("stopped"))
		}, "stopped"},
		"by declining": {func(*chiproxy.Exchange, func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
			return chiproxy.Declined, nil
		}, "next"},
		"with an error": {func(*chiproxy.Exchange, func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
			return chiproxy.Done, caddyhttp.Error(http.StatusForbidden, nil)
		}, "403"},
		"by answering what declined": {func(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
			if v, err := next(); v == chiproxy.Done || err != nil {
				return v, err
			}
			return ex.Perform(say("instead"))
		}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := only(in(chiproxy.Scope{Middleware: []chiproxy.Middleware{c.mw}}, at("/a", say("a"))))
			expect{"/a": c.want}.check(t, s)
		})
	}
}

// TestErrorPolicy has a row for each mode, and columns for what fails.
func TestErrorPolicy(t *testing.T) {
	t.Parallel()
	pools := newTestPools(t)
	spare := pool.Spec{Name: "spare", Config: json.RawMessage(dials("", named(t, "spare")))}
	failBefore := middlewareFunc(func(*chiproxy.Exchange, func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
		return chiproxy.Done, errScript
	})
	failAfter := middlewareFunc(func(_ *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
		if v, err := next(); err != nil {
			return v, err
		}
		return chiproxy.Done, errScript
	})
	bodies := actionFunc(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
		ex.W.Header().Set("Late", "1")
		return chiproxy.Done, nil
	})
	for name, c := range map[string]struct {
		policy                       chiproxy.ErrorPolicy
		guard, before, after, action string
	}{
		"closed answers 500":                {chiproxy.ErrorPolicy{}, "500", "500", "500", "500"},
		"open goes on without the hook":     {chiproxy.ErrorPolicy{Mode: chiproxy.FailOpen}, "route", "route", "", "fallback"},
		"decline goes on to the next route": {chiproxy.ErrorPolicy{Mode: chiproxy.FailDecline}, "fallback", "fallback", "fallback", "fallback"},
		"pool forwards there":               {chiproxy.ErrorPolicy{Mode: chiproxy.FailToPool, Pool: "spare"}, "spare", "spare", "spare", "spare"},
	} {
		check := func(t *testing.T, want string, mw chiproxy.Middleware, item chiproxy.Item) {
			t.Helper()
			for _, level := range []string{"table", "tenant", "route"} {
				scope := chiproxy.Scope{Items: []chiproxy.Item{item}}
				if mw != nil {
					scope.Middleware = []chiproxy.Middleware{mw}
				}
				s := only(chiproxy.Item{Scope: &scope}, at("/*", say("fallback")))
				s.Pools = []pool.Spec{spare}
				route := *item.Route
				scope.Items[0].Route = &route
				switch level {
				case "table":
					s.OnError = c.policy
				case "tenant":
					s.OnError, s.Default.OnError = chiproxy.ErrorPolicy{Mode: chiproxy.FailDecline}, &c.policy
				case "route":
					s.Default.OnError, route.OnError = &chiproxy.ErrorPolicy{Mode: chiproxy.FailDecline}, &c.policy
				}
				table, err := Build(s, pools)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(table.Retire)
				if got := send(table, ask("/a")).String(); got != want {
					t.Errorf("policy of the %s: got %q, want %q", level, got, want)
				}
			}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("a guard fails", func(t *testing.T) { check(t, c.guard, nil, at("/a", say("route"), failGuard)) })
			t.Run("middleware fails before next", func(t *testing.T) { check(t, c.before, failBefore, at("/a", say("route"))) })
			t.Run("middleware fails after next", func(t *testing.T) { check(t, c.after, failAfter, at("/a", bodies)) })
			t.Run("an action fails", func(t *testing.T) { check(t, c.action, nil, at("/a", failAction)) })
		})
	}
}

// failingModule is a handler whose hooks fail, as those of a pool may.
type failingModule struct{}

func (failingModule) ServeHTTP(_ http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	r.Header.Set("X-Spoiled", "yes")
	return errScript
}

func TestAnActionThatNeverDeclinesMayStillFailAndBeDeclined(t *testing.T) {
	t.Parallel()
	clean := actionFunc(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
		if ex.R.Header.Get("X-Spoiled") != "" {
			t.Error("the failed action has left its changes")
		}
		return ex.Perform(say("rest"))
	})
	s := only(at("GET /a", chiproxy.Module{Handler: failingModule{}}), at("GET /*", clean))
	s.OnError.Mode = chiproxy.FailDecline
	expect{"/a": "rest"}.check(t, s)
}

func TestTheEndOfABudgetAnswers503WithRetryAfter(t *testing.T) {
	t.Parallel()
	table := mustBuild(t, only(at("/", actionFunc(func(*chiproxy.Exchange) (chiproxy.Verdict, error) { return chiproxy.Done, errBudget }))))
	r := send(table, ask("/"))
	if r.String() != "503" || r.Header().Get("Retry-After") == "" {
		t.Errorf("got %s with Retry-After %q", r, r.Header().Get("Retry-After"))
	}
	if !errors.Is(r.err, errBudget) {
		t.Errorf("the log misses the cause: %v", r.err)
	}
}

func TestALayersGuardFollowsTheTenantsPolicy(t *testing.T) {
	t.Parallel()
	for mode, want := range map[chiproxy.Mode]string{chiproxy.FailClosed: "500", chiproxy.FailOpen: "layer", chiproxy.FailDecline: "base"} {
		s := only(in(chiproxy.Scope{Kind: chiproxy.Layer, Guards: []chiproxy.Guard{failGuard}}, at("/", say("layer"))), at("/", say("base")))
		s.OnError.Mode = mode
		expect{"/": want}.check(t, s)
	}
}

func TestALayersGuardIsAskedOnceAndSeesNoRoute(t *testing.T) {
	t.Parallel()
	asked := 0
	g := guardFunc(func(ex *chiproxy.Exchange) (bool, error) {
		asked++
		if _, ok := ex.Param("id"); ok || ex.Route() != nil || ex.Pattern() != "" {
			t.Error("the guard of a layer sees a route")
		}
		return true, nil
	})
	s := only(in(chiproxy.Scope{Kind: chiproxy.Layer, Guards: []chiproxy.Guard{g}}, at("/{id}", chiproxy.Decline{}), at("/*", chiproxy.Decline{}), in(chiproxy.Scope{Kind: chiproxy.Layer}, at("/{id}", chiproxy.Decline{}))))
	table := mustBuild(t, s)
	if got := send(table, ask("/7")).String(); got != "next" || asked != 1 {
		t.Errorf("got %s, the guard was asked %d times", got, asked)
	}
	if send(table, ask("/a/b")); asked != 2 {
		t.Errorf("the guard was asked %d times, want once for each of two requests", asked)
	}
	none := mustBuild(t, only(in(chiproxy.Scope{Kind: chiproxy.Layer, Guards: []chiproxy.Guard{g}}, at("/{id}", chiproxy.Decline{}))))
	if send(none, ask("/a/b")); asked != 2 {
		t.Error("the guard was asked for a path that the layer has not")
	}
}

func TestFailedAnswersTheErrorsOfItsScope(t *testing.T) {
	t.Parallel()
	sorry := actionFunc(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
		if ex.Err() == nil {
			return chiproxy.Declined, nil
		}
		he, _ := errors.AsType[caddyhttp.HandlerError](ex.Err())
		return ex.Perform(static.Respond{Status: 503, Body: fmt.Sprintf("sorry: %d %v", he.StatusCode, he.Err)})
	})
	s := only(in(chiproxy.Scope{Failed: saying(sorry)},
		at("/action", failAction), at("/guard", say(""), failGuard), at("/raise", chiproxy.Error{Status: 404}), at("/fine", say("fine")),
		at("/late", actionFunc(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
			_, err := io.WriteString(ex.W, "half")
			return chiproxy.Done, errors.Join(err, errors.New("broken"))
		})),
		in(chiproxy.Scope{Failed: saying(chiproxy.Decline{})}, at("/declines", chiproxy.Error{Status: 418})),
		in(chiproxy.Scope{Failed: saying(chiproxy.Error{Status: 507})}, at("/again", failAction)),
	), at("/outside", failAction))
	expect{
		"/action": "sorry: 500 the script failed", "/guard": "sorry: 500 the script failed",
		"/raise": "sorry: 404 Not Found", "/fine": "fine", "/declines": "418", "/again": "507", "/outside": "500", "/late": "500",
	}.check(t, s)
	r := send(mustBuild(t, s), ask("/late"))
	if !errors.Is(r.err, chiproxy.ErrHeaderSent) || r.Body.String() != "half" {
		t.Errorf("an error after the header left: %v with %q", r.err, r.Body)
	}
}

// TestDecliningGivesEverythingBack lets a candidate change all there is, and looks at what the next one gets.
func TestDecliningGivesEverythingBack(t *testing.T) {
	t.Parallel()
	spoil := middlewareFunc(func(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
		r := ex.R
		r.Method, r.RequestURI, r.Host = "SPOILED", "/spoiled", "spoiled"
		r.URL.Path, r.URL.RawQuery = "/spoiled", "spoiled"
		r.Header["Accept"][0] = "spoiled"
		r.Header.Add("Accept", "more")
		r.Header.Del("X-Gone")
		r.Header.Set("X-New", "1")
		caddyhttp.SetVar(r.Context(), "new", 1)
		caddyhttp.SetVar(r.Context(), "old", "spoiled")
		ex.W.Header().Set("Set-Cookie", "a=b")
		ex.W.Header().Del("Server")
		ex.W = struct{ http.ResponseWriter }{ex.W}
		u := *r.URL
		r.URL = &u
		ex.R = r.Clone(r.Context())
		return next()
	})
	table := mustBuild(t, only(in(chiproxy.Scope{Middleware: []chiproxy.Middleware{spoil}}, at("/{x}", chiproxy.Decline{}))))
	w := httptest.NewRecorder()
	w.Header().Set("Server", "Caddy")
	r := prepared(w, ask("GET http://h.example/a?q=1", "Accept: one", "X-Gone: 1"))
	caddyhttp.SetVar(r.Context(), "old", "value")
	url, headers := r.URL, r.Header.Clone()
	before := *r
	err := table.Serve(w, r, caddyhttp.HandlerFunc(func(got http.ResponseWriter, after *http.Request) error {
		if after != r || got != http.ResponseWriter(w) {
			t.Error("the next handler got another request or writer")
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	if r.Method != before.Method || r.RequestURI != before.RequestURI || r.Host != before.Host || r.URL != url || r.URL.String() != "http://h.example/a?q=1" {
		t.Errorf("the request is now %s %s %s %s", r.Method, r.RequestURI, r.Host, r.URL)
	}
	if !maps.EqualFunc(r.Header, headers, slices.Equal) {
		t.Errorf("the header is now %v, was %v", r.Header, headers)
	}
	if caddyhttp.GetVar(r.Context(), "new") != nil || caddyhttp.GetVar(r.Context(), "old") != "value" {
		t.Error("variables were left behind")
	}
	if h := w.Header(); len(h) != 1 || h.Get("Server") != "Caddy" {
		t.Errorf("the response header is now %v", h)
	}
}

func TestDecliningAfterBytesWereWrittenIsAnError(t *testing.T) {
	t.Parallel()
	half := actionFunc(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
		_, err := io.WriteString(ex.W, "half")
		if !ex.Wrote() {
			t.Error("Wrote is false after a write")
		}
		return chiproxy.Declined, err
	})
	r := send(mustBuild(t, only(at("/", half), at("/*", say("other")))), ask("/"))
	if r.String() != "500" || r.Body.String() != "half" || !errors.Is(r.err, chiproxy.ErrHeaderSent) {
		t.Errorf("got %s with %q and %v", r, r.Body, r.err)
	}
}

func TestInformationalResponsesAreNoAnswer(t *testing.T) {
	t.Parallel()
	hints := actionFunc(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
		ex.W.WriteHeader(http.StatusEarlyHints)
		return chiproxy.Declined, nil
	})
	table := mustBuild(t, only(at("/", hints)))
	if err := table.Serve(noWriter{http.Header{}}, ask("/"), nextNothing); err != nil {
		t.Errorf("got %v", err)
	}
}

// holder counts what the table tells it.
type holder struct{ yields, left, releases int }

func (h *holder) Yield()   { h.yields++ }
func (h *holder) Left()    { h.left++ }
func (h *holder) Release() { h.releases++ }

func TestAHolderIsReleasedOnceBeforeTheNextTenantIsAsked(t *testing.T) {
	t.Parallel()
	var first, second holder
	hold := func(h, other *holder) chiproxy.Action {
		return actionFunc(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
			if ex.Hold != nil || other != nil && other.releases != 1 {
				t.Error("the slot is not free")
			}
			ex.Hold = h
			return chiproxy.Declined, nil
		})
	}
	table := mustBuild(t, chiproxy.Spec{
		Tenants: []chiproxy.Tenant{{Name: "t", Hosts: []string{"h.example"}, Root: root(at("/a", hold(&first, nil)), at("/*", chiproxy.Decline{}))}},
		Default: chiproxy.Tenant{Root: root(at("/*", chiproxy.Next{}), at("/a", hold(&second, &first)))},
	})
	if got := send(table, ask("http://h.example/a")).String(); got != "next" {
		t.Errorf("got %s", got)
	}
	if first.releases != 1 || second.releases != 1 || second.yields != 1 {
		t.Errorf("first %+v, second %+v", first, second)
	}
}

// sender takes everything, a stream from its connection too.
type sender struct{ noWriter }

func (sender) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }
func (sender) FlushError() error                            { return nil }

func TestAHolderIsToldOnceThatTheHeaderHasLeft(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		send func(w http.ResponseWriter)
		want int
	}{
		"a header":             {func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) }, 1},
		"a header and a body":  {func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK); _, _ = io.WriteString(w, "x") }, 1},
		"a body":               {func(w http.ResponseWriter) { _, _ = io.WriteString(w, "x"); _, _ = io.WriteString(w, "y") }, 1},
		"a reader":             {func(w http.ResponseWriter) { _, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader("x")) }, 1},
		"a flush":              {func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }, 1},
		"another protocol":     {func(w http.ResponseWriter) { w.WriteHeader(http.StatusSwitchingProtocols) }, 1},
		"a hijacked response":  {func(w http.ResponseWriter) { _, _, _ = http.NewResponseController(w).Hijack() }, 1},
		"both of them":         {func(w http.ResponseWriter) { w.WriteHeader(101); _, _, _ = http.NewResponseController(w).Hijack() }, 1},
		"an informational one": {func(w http.ResponseWriter) { w.WriteHeader(http.StatusEarlyHints) }, 0},
		"nothing":              {func(http.ResponseWriter) {}, 0},
	} {
		var h holder
		left := -1
		table := mustBuild(t, only(at("/", actionFunc(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
			ex.Hold = &h
			row.send(ex.W)
			left = h.left
			return chiproxy.Done, nil
		}))))
		if err := table.Serve(sender{noWriter{http.Header{}}}, ask("/"), nextNothing); err != nil || left != row.want {
			t.Errorf("%s: told %d times, want %d (%v)", name, left, row.want, err)
		}
	}
}

func TestAPanicGivesEverythingBack(t *testing.T) {
	t.Parallel()
	var h holder
	released := 0
	s := only(at("/", actionFunc(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
		ex.Hold = &h
		panic(http.ErrAbortHandler)
	})))
	s.Release = func() { released++ }
	table := mustBuild(t, s)
	func() {
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("the panic is lost")
			}
		}()
		send(table, ask("/"))
	}()
	table.Retire()
	if h.releases != 1 || released != 1 {
		t.Errorf("the holder was released %d times, the table %d times", h.releases, released)
	}
}

func TestParamsAreDecodedAndNamedAsWritten(t *testing.T) {
	t.Parallel()
	var got []string
	show := actionFunc(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
		got = append(got, ex.Tenant()+" "+ex.Pattern()+" "+ex.Route().Name)
		for n, v := range ex.Params() {
			again, ok := ex.Param(n)
			if again != v || !ok {
				t.Errorf("Param(%q) is %q, Params has %q", n, again, v)
			}
			got = append(got, n+"="+v)
		}
		if v, ok := ex.Param("none"); ok || v != "" {
			t.Errorf("Param of an unknown name is %q", v)
		}
		return ex.Perform(say("ok"))
	})
	item := owner("/t/{id}", at("/*", show), at("POST /{a}-{b}", show), at("PUT /{x}-{y}", show))
	item.Scope.Items[0].Route.Name = "all"
	table := mustBuild(t, chiproxy.Spec{Tenants: []chiproxy.Tenant{{Name: "acme", PathPrefix: "/acme", Root: root(item)}}})
	for line, want := range map[string]string{
		"/acme/t/a%2Fb/c%252Fd/%C3%A4": "acme /t/{id}/* all|id=a/b|*=c%2Fd/ä",
		"/acme/t/1":                    "acme /t/{id}/* all|id=1|*=",
		"POST /acme/t/1/2-3":           "acme /t/{id}/{a}-{b} |id=1|a=2|b=3",
		"PUT /acme/t/1/2-3":            "acme /t/{id}/{x}-{y} |id=1|x=2|y=3",
	} {
		got = nil
		if r := send(table, ask(line)); r.String() != "ok" || strings.Join(got, "|") != want {
			t.Errorf("%s: got %q and %s, want %q", line, got, r, want)
		}
	}
}
