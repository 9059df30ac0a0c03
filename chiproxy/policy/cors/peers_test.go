package cors_test

import (
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/cors"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
)

// TestBrowsersAreToldWhatPeersTellThem has the cases that Traefik (pkg/middlewares/headers/header_test.go, CORSPreflights and CORSResponses) and
// Envoy (test/extensions/filters/http/cors, and the documentation of its filter) describe. Where we answer otherwise, differs says why.
func TestBrowsersAreToldWhatPeersTellThem(t *testing.T) {
	const foo, asks = "https://foo.bar.org", "Vary=Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network"
	methods := []string{"GET", "OPTIONS", "PUT"}
	says := func(name, value string) chiproxy.Action {
		return policytest.Action(func(ex *chiproxy.Exchange) error {
			ex.W.Header().Set(name, value)
			ex.W.WriteHeader(200)
			return nil
		})
	}
	for _, c := range []struct {
		peer, name string
		rules      cors.Options
		method     string
		header     []string
		action     chiproxy.Action
		status     int
		want       string
		differs    string
	}{
		{
			"Traefik", "a simple preflight",
			cors.Options{Origins: []string{foo}, Methods: methods, MaxAge: 600e9},
			"OPTIONS",
			[]string{origin, foo, method, "GET"},
			nil,
			204, "Allow-Origin=" + foo + " Allow-Methods=GET, OPTIONS, PUT Max-Age=600 " + asks, "204 for 200, and Vary",
		},
		{
			"Traefik", "a preflight of any origin",
			cors.Options{Origins: []string{"*"}, Methods: methods, MaxAge: 600e9},
			"OPTIONS",
			[]string{origin, foo, method, "GET"},
			nil,
			204, "Allow-Origin=* Allow-Methods=GET, OPTIONS, PUT Max-Age=600 " + asks, "204 for 200, and Vary",
		},
		{
			"Traefik", "a preflight with headers that are allowed",
			cors.Options{Origins: []string{"*"}, Methods: methods, Headers: []string{"origin", "X-Forwarded-For"}},
			"OPTIONS",
			[]string{origin, foo, method, "GET", "Access-Control-Request-Headers", "origin"},
			nil,
			204, "Allow-Origin=* Allow-Methods=GET, OPTIONS, PUT Allow-Headers=origin, X-Forwarded-For " + asks, "",
		},
		{
			"Traefik", "a preflight that asks for no headers",
			cors.Options{Origins: []string{"*"}, Methods: methods, Headers: []string{"origin", "X-Forwarded-For"}},
			"OPTIONS",
			[]string{origin, foo, method, "GET"},
			nil,
			204, "Allow-Origin=* Allow-Methods=GET, OPTIONS, PUT Allow-Headers=origin, X-Forwarded-For " + asks, "",
		},
		{"Traefik", "a request", cors.Options{Origins: []string{foo}}, "GET", []string{origin, foo}, nil, 200, "Allow-Origin=" + foo + " Vary=Origin", ""},
		{"Traefik", "a request of any origin", cors.Options{Origins: []string{"*"}}, "GET", []string{origin, foo}, nil, 200, "Allow-Origin=* Vary=Origin", ""},
		{"Traefik", "an origin by a pattern", cors.Options{Origins: []string{"https://*.bar.org"}}, "GET", []string{origin, foo}, nil, 200, "Allow-Origin=" + foo + " Vary=Origin", "a star for expressions, which match anywhere in an origin unless one says otherwise"},
		{"Traefik", "an origin that the pattern does not have", cors.Options{Origins: []string{"https://*.bar.org"}}, "GET", []string{origin, "https://bar.org"}, nil, 200, "Vary=Origin", ""},
		{"Traefik", "no origin", cors.Options{Origins: []string{foo}}, "GET", nil, nil, 200, "Vary=Origin", "Vary where there is no origin: the same URL has another answer for one"},
		{"Traefik", "headers that scripts may read", cors.Options{Origins: []string{"*"}, Expose: []string{"origin", "X-Forwarded-For"}}, "GET", []string{origin, foo}, nil, 200, "Allow-Origin=* Expose-Headers=origin, X-Forwarded-For Vary=Origin", ""},
		{"Traefik", "a response that varies by something", cors.Options{Origins: []string{foo}}, "GET", []string{origin, foo}, says("Vary", "Testing"), 200, "Allow-Origin=" + foo + " Vary=Testing; Origin", ""},
		{"Traefik", "a response that varies by the origin", cors.Options{Origins: []string{foo}}, "GET", []string{origin, foo}, says("Vary", "Origin"), 200, "Allow-Origin=" + foo + " Vary=Origin", ""},
		{"Traefik", "a response with an origin of its own", cors.Options{Origins: []string{"*"}}, "GET", []string{origin, foo}, says("Access-Control-Allow-Origin", "http://foo.bar.org"), 200, "Allow-Origin=* Vary=Origin", ""},
		{
			"Envoy", "a preflight",
			cors.Options{Origins: []string{"*"}, Methods: []string{"GET", "POST"}, Headers: []string{"content-type", "x-grpc-web"}},
			"OPTIONS",
			[]string{origin, "http://test-origin", method, "GET"},
			nil,
			204, "Allow-Origin=* Allow-Methods=GET, POST Allow-Headers=content-type, x-grpc-web " + asks, "a star, where Envoy names the origin",
		},
		{
			"Envoy", "a preflight of an origin that is listed",
			cors.Options{Origins: []string{"http://test-origin-1", "http://test-host-2"}, Methods: []string{"POST"}, Headers: []string{"content-type"}, MaxAge: 100e9},
			"OPTIONS",
			[]string{origin, "http://test-origin-1", method, "GET"},
			nil, 204, "Allow-Origin=http://test-origin-1 Allow-Methods=POST Allow-Headers=content-type Max-Age=100 " + asks, "",
		},
		{"Envoy", "a preflight of another origin", cors.Options{Origins: []string{"http://test-origin-1"}}, "OPTIONS", []string{origin, "http://test-origin", method, "GET"}, nil, 403, asks, "Envoy has the upstream answer it"},
		{"Envoy", "credentials", cors.Options{Origins: []string{"http://test-origin-1"}, Credentials: true}, "GET", []string{origin, "http://test-origin-1"}, nil, 200, "Allow-Origin=http://test-origin-1 Allow-Credentials=true Vary=Origin", ""},
		{"Envoy", "an origin by a pattern", cors.Options{Origins: []string{"https://*.envoyproxy.io"}, Credentials: true}, "GET", []string{origin, "https://www.envoyproxy.io"}, nil, 200, "Allow-Origin=https://www.envoyproxy.io Allow-Credentials=true Vary=Origin", ""},
		{"Envoy", "headers that scripts may read", cors.Options{Origins: []string{"http://test-origin-1"}, Expose: []string{"custom-header-1", "custom-header-2"}}, "GET", []string{origin, "http://test-origin-1"}, nil, 200, "Allow-Origin=http://test-origin-1 Expose-Headers=custom-header-1, custom-header-2 Vary=Origin", ""},
	} {
		if c.action == nil {
			c.action = policytest.Answer(200)
		}
		w := policytest.Serve(policytest.Table(t, c.action, build(t, c.rules)), policytest.Request(c.method, "/items/1", c.header...))
		if got := strings.TrimSpace(shown(w.Header())); w.Code != c.status || got != c.want {
			t.Errorf("%s, %s (%s): %d %s\nwant %d %s", c.peer, c.name, c.differs, w.Code, got, c.status, c.want)
		}
	}
	if _, err := cors.New(cors.Options{Origins: []string{"*"}, Credentials: true}); err == nil { // Traefik sends both, which browsers refuse
		t.Error("credentials for any origin are allowed")
	}
}
