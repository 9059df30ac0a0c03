package policytest_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/apikey"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/attribute"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/bearer"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/credential"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/forwardauth"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/internal/testcaddy"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// What a request shows: the key of ann, that of somebody without a plan, one that is wrong, and one that nobody can judge.
const (
	goodKey     = "the key of somebody known"
	namelessKey = "a key of somebody nameless"
	wrongKey    = "a key of nobody whatsoever"
	brokenKey   = "a key that breaks judgement"
)

// identifiers are the policies that say who a request is from, in X-User-Plan.
var identifiers = map[string]func(t testing.TB) chiproxy.Middleware{
	"forward_auth": func(testing.TB) chiproxy.Middleware {
		return made(forwardauth.New(forwardauth.Config{Pool: "auth", Path: "/", Copies: []forwardauth.Copy{{From: "X-User-Plan", To: "X-User-Plan"}}}))
	},
	"forward_auth, open": func(testing.TB) chiproxy.Middleware {
		return made(forwardauth.New(forwardauth.Config{Pool: "auth", Path: "/", Open: true, Copies: []forwardauth.Copy{{From: "X-Other", To: "X-User-Plan"}}}))
	},
	"bearer": func(t testing.TB) chiproxy.Middleware {
		return made(bearer.New(bearer.Config{From: source(t), Verifier: verifier{}, Headers: []bearer.Header{{Name: "X-User-Plan", Claim: "plan"}}}))
	},
	"bearer, optional": func(t testing.TB) chiproxy.Middleware {
		return made(bearer.New(bearer.Config{From: source(t), Verifier: verifier{}, Optional: true, Strip: true, Headers: []bearer.Header{{Name: "x-user-plan", Claim: "plan"}}}))
	},
	"keys": func(t testing.TB) chiproxy.Middleware {
		consumers, err := apikey.Parse([]byte(`[{"name":"ann","key":"`+goodKey+`","plan":"gold"},{"name":"bob","key":"`+namelessKey+`"}]`), false, apikey.JSON)
		if err != nil {
			t.Fatal(err)
		}
		return made(apikey.New(apikey.Config{From: source(t), Consumers: consumers, Set: []apikey.Header{{Name: "X-User-Plan", Field: "plan"}}}))
	},
}

// made is middleware that could be made.
func made[M chiproxy.Middleware](m M, err error) chiproxy.Middleware {
	if err != nil {
		panic(err)
	}
	return m
}

func source(t testing.TB) credential.Source {
	s, err := credential.Parse("header:Authorization", "Bearer")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// verifier knows the keys as tokens.
type verifier struct{}

func (verifier) Verify(_ *chiproxy.Exchange, token string) (bearer.Claims, error) {
	switch token {
	case goodKey:
		return claims{attribute.Set{"sub": "ann", "plan": "gold"}}, nil
	case namelessKey:
		return claims{attribute.Set{}}, nil
	case brokenKey:
		return nil, bearer.ErrUnavailable
	}
	return nil, errors.New("signature")
}

// claims are those of a token.
type claims struct{ attribute.Set }

func (claims) Name() string            { return "claims" }
func (claims) JSON() string            { return "{}" }
func (c claims) ID() string            { id, _ := c.Text("sub"); return id }
func (claims) HasScopes([]string) bool { return true }

// judge is a server of forward authentication that knows the keys.
func judge(w http.ResponseWriter, r *http.Request) {
	switch strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") {
	case goodKey:
		w.Header().Set("X-User-Plan", "gold")
	case namelessKey:
	case brokenKey:
		w.WriteHeader(http.StatusInternalServerError)
	default:
		w.WriteHeader(http.StatusUnauthorized)
	}
}

// witness notes the requests in which somebody claims to be somebody, and counts all.
type witness struct {
	mu    sync.Mutex
	saw   map[string]int
	spoof []string
}

func (w *witness) see(where string, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.saw == nil {
		w.saw = map[string]int{}
	}
	w.saw[where]++
	for _, h := range []http.Header{r.Header, r.Trailer} {
		for name, values := range h {
			if slices.Contains(values, "eve") {
				w.spoof = append(w.spoof, where+" saw "+name)
			}
		}
	}
}

// origin is an upstream that sees requests.
func (w *witness) origin(t testing.TB, where string, then http.HandlerFunc) string {
	return testkit.Upstream(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			w.see(where, r)
			rw.Header().Set("Connection", "Upgrade")
			rw.Header().Set("Upgrade", "websocket")
			rw.WriteHeader(http.StatusSwitchingProtocols)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // the trailers come behind it
		w.see(where, r)
		then(rw, r)
	})
}

// action sees requests that come to it, and then ends with an error, or declines without one.
type action struct {
	w     *witness
	where string
	err   error
}

func (a action) Do(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
	a.w.see(a.where, ex.R)
	if a.err == nil {
		return chiproxy.Declined, nil
	}
	return chiproxy.Done, a.err
}

func (action) Traits() chiproxy.Traits { return chiproxy.Traits{Changes: true} }

// streams is an app that answers in pieces.
func streams(w http.ResponseWriter, _ *http.Request) {
	for range 3 {
		_, _ = io.WriteString(w, "piece")
		w.(http.Flusher).Flush()
	}
}

// guarded is a real server with a policy around all kinds of ends.
func guarded(t *testing.T, w *witness, m chiproxy.Middleware) *httptest.Server {
	named := func(name string, then http.HandlerFunc) pool.Spec {
		return pool.Spec{Name: name, Config: []byte(testkit.Dials("", w.origin(t, name, then)))}
	}
	route := func(pattern string, a chiproxy.Action, policy *chiproxy.ErrorPolicy) chiproxy.Item {
		return chiproxy.Item{Route: &chiproxy.Route{Pattern: pattern, Action: a, OnError: policy, Origin: origin.Origin{Script: "main.lua", Line: 1}}}
	}
	failed := &chiproxy.HookError{Err: errors.New("a function has failed")}
	table := policytest.Build(t, chiproxy.Spec{
		Pools: []pool.Spec{named("app", streams), named("spare", streams), {Name: "auth", Config: []byte(testkit.Dials("", testkit.Upstream(t, judge)))}},
		Default: chiproxy.Tenant{Root: chiproxy.Scope{Items: []chiproxy.Item{
			{Scope: &chiproxy.Scope{Middleware: []chiproxy.Middleware{m}, Items: []chiproxy.Item{
				route("/app", chiproxy.Proxy{Pool: "app"}, nil),
				route("/declines", action{w, "what declines", nil}, nil),
				route("/next", action{w, "what declines", nil}, nil),
				route("/fails", action{w, "what fails", errors.New("failed")}, nil),
				route("/spare", action{w, "what fails", failed}, &chiproxy.ErrorPolicy{Mode: chiproxy.FailToPool, Pool: "spare"}),
				route("/decline", action{w, "what fails", failed}, &chiproxy.ErrorPolicy{Mode: chiproxy.FailDecline}),
			}, Failed: &chiproxy.Answer{Action: action{w, "what answers errors", errors.New("still")}}}},
			route("/{d:decline|declines}", chiproxy.Proxy{Pool: "app"}, nil), // without the policy
		}}},
	})
	t.Cleanup(table.Retire)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r = testcaddy.Prepared(rw, r)
		err := table.Serve(rw, r, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
			w.see("Caddy's next handler", r)
			return nil
		}))
		if err != nil {
			w.see("Caddy's handle_errors", r)
			rw.WriteHeader(http.StatusInternalServerError)
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// Nobody behind a policy that says who a request is from sees what the client says of that: in no spelling, whatever becomes of the request.
func TestWhoAClientClaimsToBeIsGoneBehindEachPolicyWhateverTheAnswer(t *testing.T) {
	t.Parallel()
	spellings := []string{"X-User-Plan", "x-user-plan", "X_User_Plan", "x-user.PLAN"}
	for name, policy := range identifiers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := new(witness)
			server := guarded(t, w, policy(t))
			h2 := server.Client()
			h1 := *server.Client()
			transport := server.Client().Transport.(*http.Transport).Clone()
			transport.ForceAttemptHTTP2, transport.TLSClientConfig.NextProtos = false, []string{"http/1.1"}
			h1.Transport = transport
			for _, target := range []string{"/app", "/declines", "/next", "/fails", "/spare", "/decline"} {
				for _, key := range []string{goodKey, namelessKey, wrongKey, brokenKey, ""} {
					for _, spelling := range spellings {
						for _, kind := range []string{"GET", "HEAD", "POST", "upgrade", "GET h2", "POST h2"} {
							method, protocol, _ := strings.Cut(kind, " ")
							client, major := &h1, 1
							if protocol != "" {
								client, major = h2, 2
							}
							send(t, client, server.URL+target, method, spelling, key, major)
							if w.mu.Lock(); len(w.spoof) > 0 {
								t.Fatalf("%s %s with %s and the key %q: %v", kind, target, spelling, key, w.spoof)
							}
							w.mu.Unlock()
						}
					}
				}
			}
			for _, where := range []string{"app", "spare", "what declines", "what fails", "what answers errors", "Caddy's next handler", "Caddy's handle_errors"} {
				if w.saw[where] == 0 && !(where == "Caddy's handle_errors" && name == "forward_auth, open") {
					t.Errorf("no request came to %s", where)
				}
			}
		})
	}
}

// send sends a request that claims to be of somebody.
func send(t *testing.T, client *http.Client, target, method, spelling, key string, major int) {
	t.Helper()
	upgrade := method == "upgrade"
	if upgrade {
		method = http.MethodGet
	}
	var body io.Reader
	if method == http.MethodPost {
		body = io.MultiReader(strings.NewReader("a body"), strings.NewReader(" in pieces"))
	}
	r, err := http.NewRequestWithContext(t.Context(), method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		r.Trailer = http.Header{"X-User-Plan": {"eve"}}
	}
	r.Header[spelling] = []string{"eve"}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if upgrade {
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
	}
	res, err := client.Do(r)
	if err != nil {
		var closed *net.OpError
		if upgrade && (errors.Is(err, io.EOF) || errors.As(err, &closed)) {
			return // the tunnel of an upstream that says nothing
		}
		t.Fatal(fmt.Errorf("%s %s: %w", method, target, err))
	}
	if res.ProtoMajor != major {
		t.Fatalf("it came by %s", res.Proto)
	}
	if !upgrade {
		_, _ = io.Copy(io.Discard, res.Body)
	}
	_ = res.Body.Close()
}
