package chiproxy

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/template"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestThePlaceholdersThatAreReadDirectlyAreThoseOfCaddy(t *testing.T) {
	for _, host := range []string{"a.example", "a.example:8080", "[::1]", "[::1]:80", "::1", ""} {
		r := get("/x")
		r.Host = host
		r.Header = http.Header{"X-One": {"1"}, "X-Two": {"1", "2"}, "X-Empty": {""}}
		r = prepared(httptest.NewRecorder(), r)
		repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
		direct := 0
		for _, name := range []string{
			"http.request.host", "http.request.hostport", "http.request.method", "http.request.scheme", "http.request.header.x-one",
			"http.request.header.X-Two", "http.request.header.X-Empty", "http.request.header.X-Missing", "http.request.header.Host", "http.request.uri",
		} {
			want, _ := repl.GetString(name)
			got, ok := directPlaceholder(r, name)
			if ok && got != want {
				t.Errorf("%s for %q: got %q, want %q", name, host, got, want)
			}
			if ok {
				direct++
			}
		}
		if direct != 9 {
			t.Errorf("%d are read directly", direct)
		}
	}
}

// withID is a place whose pattern has the parameter id.
type withID struct {
	alone
	id string
}

var idName = []string{"id"}

func (*withID) Names() []string      { return idName }
func (p *withID) Matched(int) string { return p.id }

func TestAParameterInDataCostsOneAllocation(t *testing.T) {
	pools := scopeOf(t, byName{"a": mustAcquire(t, newTestPools(t), dials("", "127.0.0.1:1"))})
	query := "id={id}"
	add := func(values ...string) *field.Ops { return &field.Ops{Set: http.Header{"X-Id": values}} }
	for name, c := range map[string]struct{ literal, named Proxy }{
		"path":             {Proxy{Pool: "a", Path: "/v2/people/77"}, Proxy{Pool: "a", Path: "/v2/people/{id}"}},
		"path and query":   {Proxy{Pool: "a", Path: "/v2/people/77"}, Proxy{Pool: "a", Path: "/v2/{id}", Query: &query}},
		"header":           {Proxy{Pool: "a", Headers: add("77")}, Proxy{Pool: "a", Headers: add("{id}")}},
		"caddy's":          {Proxy{Pool: "a", Headers: add("77")}, Proxy{Pool: "a", Headers: add("{http.request.host}")}},
		"method":           {Proxy{Pool: "a", Method: "PUT"}, Proxy{Pool: "a", Method: "{id}"}},
		"path with escape": {Proxy{Pool: "a", Path: "/v2/people/77"}, Proxy{Pool: "a", Path: "/v2/people/x{id}"}},
	} {
		count := func(p Proxy) float64 {
			p, err := p.Expand()
			if err != nil {
				t.Fatal(err)
			}
			bound, err := pools.Bind(p)
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			r := prepared(w, get("/x/77"))
			was, target := *r, *r.URL
			var place Place = &withID{id: "77"}
			var room Exchange
			return testkit.Allocs(200, func() {
				ex := &room
				*ex = Exchange{W: w, R: r, place: place}
				*r, *r.URL = was, target
				clear(r.Header)
				b := bound.(*boundProxy)
				var room [2]template.Rendered
				wanted, err := b.wants(ex, room[:0])
				if err != nil {
					t.Fatal(err)
				}
				if _, err := b.rewrite(ex, &wanted); err != nil {
					t.Fatal(err)
				}
			})
		}
		if literal, named := count(c.literal), count(c.named); named > literal+1 {
			t.Errorf("%s: %v allocations, without a parameter %v", name, named, literal)
		}
	}
}

func TestWhatAParameterMakesOfARequestIsChecked(t *testing.T) {
	pools := scopeOf(t, byName{"a": mustAcquire(t, newTestPools(t), dials("", "127.0.0.1:1"))})
	for _, c := range []struct {
		value string
		proxy Proxy
		want  int
	}{
		{"..", Proxy{Pool: "a", Path: "/v2/{id}"}, 404},
		{"x%2F..%2F..%2Fadmin", Proxy{Pool: "a", Path: "/v2/{id}"}, 404},
		{`..\admin`, Proxy{Pool: "a", Path: "/v2/{id}"}, 404},
		{".", Proxy{Pool: "a", Path: "/v2/.{id}"}, 404},
		{"G E T", Proxy{Pool: "a", Method: "{id}"}, 400},
		{"a b", Proxy{Pool: "a", Headers: &field.Ops{Set: http.Header{"Host": {"{id}"}}}}, 400},
		{"", Proxy{Pool: "a", Headers: &field.Ops{Set: http.Header{"Host": {"{id}"}}}}, 400},
	} {
		p, err := c.proxy.Expand()
		if err != nil {
			t.Fatal(err)
		}
		bound, err := pools.Bind(p)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		r := prepared(w, get("/x/y?q=1"))
		ex := exchangeOf(w, r, pools)
		ex.place = &withID{ex.place.(alone), c.value}
		was := *r.URL
		_, err = bound.Do(ex)
		if failed, _ := errors.AsType[caddyhttp.HandlerError](err); failed.StatusCode != c.want {
			t.Errorf("%+v with %q: got %v, want %d", p, c.value, err, c.want)
		}
		if *r.URL != was || r.RequestURI != "/x/y?q=1" {
			t.Errorf("%q left the URL %v", c.value, r.URL)
		}
	}
}

func FuzzWhatAParameterMakesOfAPath(f *testing.F) {
	for _, v := range []string{"a", "..", "..%2F", "%25", ";..", `..\`, "é"} {
		f.Add(v)
	}
	p, err := Proxy{Pool: "a", Path: "/v2/{id}/z"}.Expand()
	if err != nil {
		f.Fatal(err)
	}
	b := &boundProxy{Proxy: p}
	f.Fuzz(func(t *testing.T, value string) {
		r := get("/x")
		ex := &Exchange{R: r, place: &withID{id: value}}
		w, err := b.wants(ex, nil)
		if err != nil {
			return
		}
		if _, err := b.rewrite(ex, &w); err != nil {
			return
		}
		u, err := url.ParseRequestURI(r.RequestURI)
		if err != nil || u.Path != r.URL.Path || u.EscapedPath() != r.URL.EscapedPath() {
			t.Errorf("%q: the URI is %q, the URL %q (%v)", value, r.RequestURI, r.URL, err)
		}
	})
}
