package routing

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestARouteHandsNothingOnThatAnotherSpellingGuards(t *testing.T) {
	t.Parallel()
	guarded := owner("/admin", at("/*", chiproxy.Error{Status: 401}))
	for name, c := range map[string]struct {
		spec chiproxy.Spec
		want expect
	}{
		"by a catch-all": {
			only(guarded, at("/*", chiproxy.Next{})),
			expect{
				"/admin/x": "401", "/ADMIN/x": "404", "/admin%2Fx": "404", "/x%2F..%2Fadmin/x": "404", "/admin%2Fx/y/..": "404",
				"/": "next", "/Other": "next", "/other%2Fx": "next", "/%2Fadministrator": "next",
			},
		},
		"by not_found": {
			chiproxy.Spec{Default: chiproxy.Tenant{Root: chiproxy.Scope{NotFound: saying(chiproxy.Next{}), Items: []chiproxy.Item{guarded}}}},
			expect{"/ADMIN/x": "404", "/admin%2Fx": "404", "/Other": "next"},
		},
		"by middleware": {
			only(guarded, in(chiproxy.Scope{Middleware: []chiproxy.Middleware{middlewareFunc(func(ex *chiproxy.Exchange, _ func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
				return ex.Perform(chiproxy.Next{})
			})}}, at("/*", say("")))),
			expect{"/ADMIN/x": "404", "/Other": "next"},
		},
		"after the path was rewritten": {
			only(guarded, at("/*", actionFunc(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
				ex.R.URL.Path = "/admin/x" // whoever writes that means it
				return ex.Perform(chiproxy.Next{})
			}))),
			expect{"/other": "next", "/ADMIN/x": "404"},
		},
		"but hands on what no route before it has": {
			only(
				at("/Files/*", chiproxy.Next{}), at("/files/*", say("files")), at("/{page}", chiproxy.Next{}), at("/{page}/x/*", say("less specific")),
				at("/a/b/{x}", chiproxy.Next{}), at("/A/*", say("less specific")), at("/*", chiproxy.Next{}),
			),
			expect{"/Files/X": "next", "/files/x": "files", "/Page": "next", "/a/b/C": "next", "/a/b/c": "next", "/A/b": "less specific", "/FILES/x": "404"},
		},
		"but hands on what a layer has before": {
			only(in(chiproxy.Scope{Kind: chiproxy.Layer}, at("/pub/*", chiproxy.Next{})), at("/pub/{x}", say("base"))),
			expect{"/pub/X": "next", "/pub/x": "next"},
		},
		"by a layer behind a guarded one": {
			only(in(chiproxy.Scope{Kind: chiproxy.Layer}, at("/admin/*", chiproxy.Error{Status: 401})), in(chiproxy.Scope{Kind: chiproxy.Layer}, at("/*", chiproxy.Next{}))),
			expect{"/admin/x": "401", "/ADMIN/x": "404", "/x": "next"},
		},
		"by a layer that the other spelling does not come to": {
			only(in(chiproxy.Scope{Kind: chiproxy.Layer}, at("/{page}", chiproxy.Next{})), guarded),
			expect{"/admin%2Fx": "404", "/page": "next", "/Page": "next", "/admin/x": "401"},
		},
		"by a tenant that is not asked for the other spelling": {
			chiproxy.Spec{
				Tenants: []chiproxy.Tenant{{Name: "t", PathPrefix: "/t", Root: root(at("/*", chiproxy.Next{}))}},
				Default: chiproxy.Tenant{Root: root(guarded)},
			},
			expect{"/t/..%2Fadmin/x": "404", "/t/X": "next", "/T/x": "404", "/admin/x": "401"},
		},
		"by the default tenant": {
			chiproxy.Spec{
				Tenants: []chiproxy.Tenant{{Name: "t", PathPrefix: "/Acme", Root: root(at("/*", chiproxy.Error{Status: 401}))}},
				Default: chiproxy.Tenant{Root: root(at("/*", chiproxy.Next{}))},
			},
			expect{"/Acme/x": "401", "/acme/x": "404", "/acme%2Fx": "404", "/x": "next"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.want.check(t, c.spec)
		})
	}
}

func TestWhatIsHandedOnKeepsItsParams(t *testing.T) {
	t.Parallel()
	see := middlewareFunc(func(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
		v, err := next()
		if got, _ := ex.Param("page"); got != "Über" {
			t.Errorf("the parameter is %q after the next handler", got)
		}
		return v, err
	})
	expect{"/%C3%9Cber": "next"}.check(t, only(in(chiproxy.Scope{Middleware: []chiproxy.Middleware{see}}, at("/{page}", chiproxy.Next{}))))
}

// slipCase is a random table that guards a prefix, and the prefix as Caddy's path matcher is told it.
func slipCase(rng *rand.Rand) (s chiproxy.Spec, host string, prefix string) {
	prefix = pick(rng, "/admin", "/Admin", "/a/b", "/API/v1", "/esc%2Fape", "/{x:[A-Z]+}")
	deny := chiproxy.Error{Status: http.StatusUnauthorized}
	guarded := pick(rng,
		owner(prefix, at("/*", deny)),
		in(chiproxy.Scope{}, at(prefix, deny), at(prefix+"/*", deny)),
		in(chiproxy.Scope{Kind: chiproxy.Layer}, at(prefix, deny), at(prefix+"/*", deny)),
	)
	items := []chiproxy.Item{guarded}
	for _, p := range []string{"/*", "/{x}", "/{x}/*", "/static/*", "/{x}/{y}"} {
		if rng.IntN(3) == 0 {
			items = append(items, at(p, chiproxy.Next{}))
		}
	}
	rng.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	home := chiproxy.Tenant{Name: "home", Root: root(items...)}
	if rng.IntN(4) == 0 {
		home.Root.NotFound = saying(chiproxy.Next{})
	}
	if rng.IntN(3) == 0 {
		s.Tenants = append(s.Tenants, chiproxy.Tenant{Name: "other", PathPrefix: "/other", Fallthrough: rng.IntN(2) == 0, Root: root(at("/*", chiproxy.Next{}))})
	}
	host = "any.example"
	switch rng.IntN(4) {
	case 0:
		home.PathPrefix = pick(rng, "/t", "/T")
		s.Tenants = append(s.Tenants, home)
		if rng.IntN(2) == 0 {
			s.Default.Root = root(at("/*", chiproxy.Next{}))
		}
	case 1:
		home.Hosts = []string{"*.example"}
		s.Tenants = append(s.Tenants, home)
	default:
		s.Default = home
	}
	return s, host, strings.ToLower(home.PathPrefix + strings.ReplaceAll(strings.ReplaceAll(prefix, "%2F", "/"), "{x:[A-Z]+}", "xyz"))
}

// disguise writes a path in one of the ways in which it may stand for another one.
func disguise(rng *rand.Rand, path string) string {
	var b strings.Builder
	for _, c := range []byte(path) {
		switch rng.IntN(8) {
		case 0:
			fmt.Fprintf(&b, "%%%02x", c)
		case 1:
			fmt.Fprintf(&b, "%%%02X", c)
		case 2:
			b.WriteString(strings.ToUpper(string(c)))
		case 3:
			b.WriteString(pick(rng, "", "", "", "", "", "", "/.", "%2F.", "//", "/x/..", "%2Fx%2F..", "%2F..", "/other/..%2F..", "/..") + string(c))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func TestNothingSlipsThroughATableThatHandsOn(t *testing.T) {
	t.Parallel()
	rng := testkit.Seeded(3, 4)
	guardedRequests, passedRequests := 0, 0
	for range 2000 {
		spec, host, prefix := slipCase(rng)
		table := mustBuild(t, spec)
		matcher := caddyhttp.MatchPath{prefix, prefix + "/*"}
		if err := matcher.Provision(caddy.Context{}); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			u, err := url.ParseRequestURI(disguise(rng, prefix+pick(rng, "", "/", "/x", "/x/y")))
			if err != nil {
				continue
			}
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.URL, r.Host = u, host
			guarded, passed := slipped(t, table, matcher, r)
			if guarded {
				guardedRequests++
			}
			if passed {
				passedRequests++
			}
			if guarded && passed {
				t.Fatalf("%s (raw %q) reached the next handler past %s\n%s", u.Path, u.RawPath, prefix, dumpSpec(&spec))
			}
		}
	}
	if guardedRequests < 5000 || passedRequests < 500 {
		t.Errorf("%d requests were guarded and %d passed: too few to show anything", guardedRequests, passedRequests)
	}
	t.Logf("%d requests were guarded, %d passed", guardedRequests, passedRequests)
}
