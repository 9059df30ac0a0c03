package routing

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// This file holds a table against a whole router of pure chi, with methods and scopes, asked over ServeHTTP. Where the rules
// of the two are the same, so are pattern, params and status.

// twin builds one declaration twice.
type twin struct {
	rng    *rand.Rand
	params int
	seen   map[string]bool
	// prefixes are those that scopes own: routes below stand inside.
	prefixes []string
}

// chiFound is what chi's router answers with.
func chiFound(w http.ResponseWriter, r *http.Request) {
	rctx := chi.RouteContext(r.Context())
	pattern := strings.Join(rctx.RoutePatterns, "")
	var params []string
	for i, k := range rctx.URLParams.Keys {
		if k != "*" { // chi has one for each scope around, and ours are whole
			params = append(params, k+"="+rctx.URLParams.Values[i])
		}
	}
	// chi writes the prefix of a scope with /* or /
	fmt.Fprint(w, strings.NewReplacer("/*/", "/", "//", "/").Replace(pattern), " ", params)
}

// found is what the table answers with.
var found = actionFunc(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
	var params []string
	for k, v := range ex.Params() {
		if k != "*" {
			params = append(params, k+"="+v)
		}
	}
	_, err := fmt.Fprint(ex.W, ex.Pattern(), " ", params)
	return chiproxy.Done, err
})

// root fills chi's root router, and returns false if chi refuses: it takes some prefixes for one that are not.
func (tw *twin) root(r chi.Router) (items []chiproxy.Item, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			if s, _ := p.(string); !strings.HasPrefix(s, "chi: attempting to Mount") {
				panic(p)
			}
		}
	}()
	return tw.scope(r, "", 2), true
}

// scope fills a router of chi's and returns the same as items.
func (tw *twin) scope(r chi.Router, prefix string, depth int) []chiproxy.Item {
	var items []chiproxy.Item
	for range 1 + tw.rng.IntN(5) {
		if depth > 0 && tw.rng.IntN(4) == 0 {
			p := tw.path()
			if p == "" || !tw.claim(prefix+p, prefix) {
				continue
			}
			var inner []chiproxy.Item
			r.Route(p, func(r chi.Router) { inner = tw.scope(r, prefix+p, depth-1) })
			items = append(items, owner(p, inner...))
			continue
		}
		if depth > 0 && tw.rng.IntN(8) == 0 {
			r.Group(func(r chi.Router) { items = append(items, in(chiproxy.Scope{}, tw.scope(r, prefix, depth-1)...)) })
			continue
		}
		p := cmp.Or(tw.path(), "/") + pick(tw.rng, "", "", "", "/", "/*")
		p = strings.ReplaceAll(p, "//", "/")
		method := pick(tw.rng, "GET", "GET", "POST", "PUT", "DELETE", "")
		key := method + " " + refShape(prefix+p)
		if tw.seen[key] || method == "" && tw.has(refShape(prefix+p)) || tw.seen[" "+refShape(prefix+p)] || tw.owned(prefix+p, prefix) {
			continue
		}
		tw.seen[key] = true
		rule := p
		if method == "" {
			r.HandleFunc(p, chiFound)
		} else {
			r.MethodFunc(method, p, chiFound)
			rule = method + " " + p
		}
		items = append(items, at(rule, found))
	}
	return items
}

// has reports whether some method has a route of the shape.
func (tw *twin) has(shape string) bool {
	for key := range tw.seen {
		if strings.HasSuffix(key, " "+shape) {
			return true
		}
	}
	return false
}

// owned reports whether a scope other than those around owns a pattern: that is an error of the load here, and shadows or
// is shadowed in chi.
func (tw *twin) owned(pattern, around string) bool {
	shape := refShape(pattern)
	return slices.ContainsFunc(tw.prefixes, func(p string) bool {
		return !strings.HasPrefix(refShape(around)+"/", p+"/") && (shape == p || strings.HasPrefix(shape, p+"/"))
	})
}

// claim takes a prefix for a scope, if nothing is there yet.
func (tw *twin) claim(prefix, around string) bool {
	shape := refShape(prefix)
	if tw.owned(prefix, around) {
		return false
	}
	for key := range tw.seen {
		_, s, _ := strings.Cut(key, " ")
		if s == shape || strings.HasPrefix(s, shape+"/") {
			return false
		}
	}
	for _, p := range tw.prefixes {
		if p == shape || strings.HasPrefix(p, shape+"/") {
			return false
		}
	}
	tw.prefixes = append(tw.prefixes, shape)
	return true
}

// path makes up to three segments.
func (tw *twin) path() string {
	var b strings.Builder
	for range tw.rng.IntN(3) {
		tw.params++
		switch tw.rng.IntN(6) {
		case 0:
			fmt.Fprintf(&b, "/{n%d}", tw.params)
		case 1:
			fmt.Fprintf(&b, "/{n%d:[ab]+}", tw.params)
		default:
			b.WriteString("/" + pick(tw.rng, "a", "b", "ab", "c"))
		}
	}
	return b.String()
}

// request makes a path of up to four segments.
func (tw *twin) request() string {
	var b strings.Builder
	for range tw.rng.IntN(5) {
		b.WriteString("/" + pick(tw.rng, "a", "a", "b", "ab", "c", "d"))
	}
	return cmp.Or(b.String()+pick(tw.rng, "", "", "", "/"), "/")
}

func TestATableAnswersAsPureChi(t *testing.T) {
	t.Parallel()
	sets, enough := 4000, 10000
	if testing.Short() {
		sets, enough = 400, 1000
	}
	rng := testkit.Seeded(5, 6)
	answers := map[string]int{}
	for range sets {
		router := chi.NewRouter()
		tw := &twin{rng: rng, seen: map[string]bool{}}
		items, ok := tw.root(router)
		if !ok {
			continue
		}
		owners := len(tw.prefixes) > 0
		spec := only(items...)
		table := mustBuild(t, spec)
		for range 20 {
			path := tw.request()
			method := pick(rng, "GET", "GET", "POST", "PUT", "DELETE")
			want := httptest.NewRecorder()
			router.ServeHTTP(want, ask(method+" "+path))
			got := send(table, ask(method+" "+path))
			text := got.String()
			if text == "next" {
				text = "404"
			}
			expected := want.Body.String()
			if want.Code != http.StatusOK {
				expected = fmt.Sprint(want.Code)
			}
			answers[expected[:1]]++
			if text == "405" && expected == "404" && owners {
				continue // chi forgets what it has seen before it entered a scope; Allow is a union here
			}
			if text != expected {
				t.Fatalf("%s %s: got %s, chi has %s\n%s", method, path, text, expected, dumpSpec(&spec))
			}
		}
	}
	if answers["/"] < enough || answers["4"] < enough {
		t.Errorf("too few requests were found or not: %v", answers)
	}
	t.Logf("%v answers", answers)
}

// TestWhereAChiRouterWouldDiffer holds each case in which a router of chi's answers otherwise, and how: pattern, params and status.
func TestWhereAChiRouterWouldDiffer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ rule, request, chi, ours string }{
		"GET routes answer HEAD":                   {"GET /a", "HEAD /a", "405", "/a []"},
		"any method token may be registered":       {"PURGE /a", "PURGE /a", "405", "/a []"},
		"routes for all methods take unknown ones": {"/a", "BREW /a", "405", "/a []"},
		"but not CONNECT":                          {"/a", "CONNECT /a", "/a []", "405"},
		"escaped letters are the letters":          {"GET /ab%2Fc", "/%61b%2Fc", "404", "/ab%2Fc []"},
		"params are decoded, an escaped slash too": {"GET /{x}", "/a%2Fb", "/{x} [x=a%2Fb]", "/{x} [x=a/b]"},
		"params are decoded once":                  {"GET /{x}", "/%2561%2F", "/{x} [x=%2561%2F]", "/{x} [x=%61/]"},
		"regexps see the decoded text":             {"GET /{x:ä%2F}", "/%C3%A4%2F", "404", "/{x:ä%2F} [x=ä/]"},
		"double slashes are one":                   {"GET /a/b", "/a//b", "404", "/a/b []"},
		"dot segments are resolved":                {"GET /a/b", "/x/../a/./b", "404", "/a/b []"},
		"a regexp is anchored as a whole":          {"GET /{x:a|b}", "/ab", "/{x:a|b} [x=ab]", "404"},
	} {
		router := chi.NewRouter()
		method, pattern, ok := strings.Cut(c.rule, " ")
		switch {
		case !ok:
			router.HandleFunc(method, chiFound)
		case method == "PURGE": // chi knows the methods of its own list only, and those that a program adds for all routers
			router.MethodFunc(http.MethodGet, pattern, chiFound)
		default:
			router.MethodFunc(method, pattern, chiFound)
		}
		want := httptest.NewRecorder()
		router.ServeHTTP(want, ask(c.request))
		answer := want.Body.String()
		if want.Code != http.StatusOK {
			answer = fmt.Sprint(want.Code)
		}
		if answer != c.chi {
			t.Errorf("%s: chi answers %s, not %s", name, answer, c.chi)
		}
		got := send(mustBuild(t, only(at(c.rule, found))), ask(c.request)).String()
		if got == "next" {
			got = "404"
		}
		if got != c.ours {
			t.Errorf("%s: got %s, want %s", name, got, c.ours)
		}
	}
}
