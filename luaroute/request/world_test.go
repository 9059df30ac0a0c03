package request_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// seen is what an upstream got.
type seen struct {
	Method, URI, Host, Body string
	Header                  http.Header
}

// echo starts an upstream that answers with what it got.
func echo(t testing.TB) string {
	return luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_ = json.NewEncoder(w).Encode(seen{r.Method, r.RequestURI, r.Host, string(body), r.Header})
	})
}

// site serves a handler for everything, from the second line of its script.
func site(t testing.TB, body string) *luatest.Site {
	t.Helper()
	return luatest.Setup{}.Serve(t, fmt.Sprintf("local route, json = require('luaroute'), require('json') route:pool('p', %q)\n", echo(t))+
		"route:any('/p/{id}/{rest:[a-z]+}/*', { name = 'named' }, function(req, res) "+body+" end) route:any('/*', function(req, res) "+body+" end)")
}

// upstreamGets sends a request to a script that changes it, and returns what its upstream got.
func upstreamGets(t testing.TB, change, line, body string, fields ...string) seen {
	t.Helper()
	a := site(t, change+" return 'p'").Do(t, line, body, fields...)
	var got seen
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil {
		t.Fatalf("got %s: %v", a, err)
	}
	return got
}

// refused checks that a script fails on a request with a text, and that nobody is told.
func refused(t testing.TB, call, want string) {
	t.Helper()
	s := site(t, call+" return 204")
	if a := s.Do(t, "/x?q=1", ""); a.String() != "500" {
		t.Errorf("%s: got %s, want 500", call, a)
		return
	}
	if err := <-s.Errors; !strings.HasSuffix(err.Error(), ": HTTP 500: main.lua:2: "+want) {
		t.Errorf("%s:\ngot  %v\nwant %s", call, err, want)
	}
}
