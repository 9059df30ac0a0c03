package declare

import (
	"context"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// FuzzAMatcherOfQueriesAnswersAsCaddys compares ours with Caddy's own.
func FuzzAMatcherOfQueriesAnswersAsCaddys(f *testing.F) {
	for _, query := range []string{"", "a", "a=b", "a=b&c=d", "%61=b", "a=b;c=d", "a=%zz&a=b", "a=b&%zz=1", "a+b=c", "x=a&x=b", "=b", "&&a=b&", "{a}=b", "%7Ba%7D=b", "a;b=c"} {
		for _, name := range []string{"a", "", "a b", "{http.request.method}", "{a}", "a;b", "%zz"} {
			f.Add(query, name, "b", "c")
		}
	}
	f.Fuzz(func(t *testing.T, query, name, value, other string) {
		repl := caddy.NewReplacer()
		repl.Set("http.request.method", "a")
		r := httptest.NewRequest("GET", "/", nil)
		r.URL = &url.URL{Path: "/", RawQuery: query}
		r = r.WithContext(context.WithValue(r.Context(), caddy.ReplacerCtxKey, repl))
		for _, m := range []caddyhttp.MatchQuery{{}, {name: {value}}, {name: {"*"}}, {name: {value}, other: {"*", name}}} {
			want, wantErr := m.MatchWithError(r)
			got, err := queryMatcher{m}.MatchWithError(r)
			if got != want || (err == nil) != (wantErr == nil) {
				t.Errorf("%q with %v: got %t, %v; want %t, %v", query, m, got, err, want, wantErr)
			}
		}
	})
}

func TestAMatcherOfQueriesMakesNoGarbageOfAQueryWithoutItsNames(t *testing.T) {
	m := queryMatcher{caddyhttp.MatchQuery{"x": {"1"}}}
	r := httptest.NewRequest("GET", "/?a=b&c=d&e=f", nil)
	if n := testkit.Allocs(100, func() { _, _ = m.MatchWithError(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
