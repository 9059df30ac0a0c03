package routing

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
)

func TestMethodMismatch(t *testing.T) {
	t.Parallel()
	allow := func(t *testing.T, s chiproxy.Spec, line, want string) {
		t.Helper()
		r := send(mustBuild(t, s), ask(line))
		if r.String() != "405" || r.Header().Get("Allow") != want {
			t.Errorf("%s: got %s with Allow %q, want 405 with %q", line, r, r.Header().Get("Allow"), want)
		}
	}
	t.Run("Allow is the union over all that were asked", func(t *testing.T) {
		t.Parallel()
		s := chiproxy.Spec{
			Tenants: []chiproxy.Tenant{{Name: "t", PathPrefix: "/a", Root: root(
				at("GET /x", say("")), at("PUT /{id}", say(""), header("Never")), in(chiproxy.Scope{Kind: chiproxy.Layer}, at("DELETE /*", say(""))),
			)}},
			Default: chiproxy.Tenant{Root: root(at("PATCH /a/*", say("")))},
		}
		allow(t, s, "POST /a/x", "DELETE, GET, HEAD, PATCH, PUT")
	})
	t.Run("Allow has methods that a route for all methods does not name", func(t *testing.T) {
		t.Parallel()
		s := only(at("/{id}", say("")), at("PURGE /*", say("")))
		allow(t, s, "CONNECT /a", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PURGE, PUT, TRACE")
	})
	t.Run("a scope that has the path answers, also behind a more specific route outside of it", func(t *testing.T) {
		t.Parallel()
		inner := chiproxy.Scope{Kind: chiproxy.Owner, Pattern: "/{p}", NotFound: saying(say("none")), MethodNotAllowed: saying(say("refused"))}
		expect{"POST /admin/x": "refused", "POST /a/x": "refused", "POST /a/z": "none", "/admin/x": "x"}.check(t,
			only(at("GET /admin/x", say("x")), in(inner, at("GET /x", say("inner")))))
	})
	t.Run("a layer whose guard says no adds nothing", func(t *testing.T) {
		t.Parallel()
		allow(t, only(in(chiproxy.Scope{Kind: chiproxy.Layer, Guards: []chiproxy.Guard{header("Never")}}, at("PUT /a", say(""))), at("GET /a", say(""))), "POST /a", "GET, HEAD")
	})
	t.Run("decline goes on as if the path were unknown", func(t *testing.T) {
		t.Parallel()
		s := only(at("GET /a", say("a")))
		s.MethodMismatch = chiproxy.DeclineMismatch
		expect{"POST /a": "next", "GET /a": "a"}.check(t, s)
	})
	t.Run("a scope's own answer gets Allow too", func(t *testing.T) {
		t.Parallel()
		s := only(in(chiproxy.Scope{Kind: chiproxy.Owner, Pattern: "/a", MethodNotAllowed: saying(static.Respond{Status: 405, Body: "own"})}, at("GET /x", say(""))))
		r := send(mustBuild(t, s), ask("PUT /a/x"))
		if r.Body.String() != "own" || r.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("got %q with Allow %q", r.Body, r.Header().Get("Allow"))
		}
	})
	t.Run("a scope that would say not found says method not allowed, inside its middleware", func(t *testing.T) {
		t.Parallel()
		s := only(in(chiproxy.Scope{Kind: chiproxy.Owner, Pattern: "/a", Middleware: []chiproxy.Middleware{key}, NotFound: saying(say("no"))}, at("GET /x", say("x"))))
		expect{"PUT /a/x": "401", "PUT /a/x | Key: 1": "405", "/a/y | Key: 1": "no", "/a/y": "401"}.check(t, s)
	})
	t.Run("a WebSocket over HTTP/2 or HTTP/3 is a GET", func(t *testing.T) {
		t.Parallel()
		table := mustBuild(t, only(at("GET /ws", say("ws"))))
		two := ask("CONNECT /ws")
		two.ProtoMajor = 2
		two.Header[":protocol"] = []string{"websocket"}
		three := ask("CONNECT /ws")
		three.ProtoMajor, three.Proto = 3, "websocket"
		for _, r := range []*http.Request{two, three} {
			if got := send(table, r).String(); got != "ws" {
				t.Errorf("HTTP/%d: got %s", r.ProtoMajor, got)
			}
		}
	})
}

func TestThe405OfAScopeDoesWhatItsTraitsSay(t *testing.T) {
	t.Parallel()
	rq, w := new(request), httptest.NewRecorder()
	rq.Begin(w, ask("PUT /a"), nextNothing, place{rq}, nil)
	defer rq.End()
	traits := refuse{rq}.Traits()
	if traits.Declines || traits.Forwards || !traits.Pure || traits.Open() || traits.Refuses() || traits.Status != http.StatusMethodNotAllowed {
		t.Errorf("%+v", traits)
	}
	v, err := rq.Act(refuse{rq})
	failed, _ := errors.AsType[caddyhttp.HandlerError](err)
	if v != chiproxy.Done || failed.StatusCode != traits.Status {
		t.Errorf("it answered %v, %v", v, err)
	}
}
