package routing

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

func TestACatchAllKeepsDoubleSlashes(t *testing.T) {
	t.Parallel()
	rest := actionFunc(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
		v, _ := ex.Param("*")
		return ex.Perform(static.Respond{Body: "[" + v + "]"})
	})
	want := expect{
		"/path/https://x.example//y": "[https://x.example//y]", "/path//https://x": "[https://x]", "//path///a//": "[a//]", "/path//": "[]",
		"/path/a/b": "[a/b]", "/path/a//./b": "[a/b]", "/path/a//..//b": "[b]", "/path/a%2F/b//c%20d": "[a//b//c d]", "/path/%2e/a//b": "[a//b]",
		"/own/https://x": "[https://x]", "/own": "[]", "/own//": "[]",
	}
	spec := only(at("/path/*", rest), owner("/own", at("/*", rest)))
	want.check(t, spec)
	inTenant := expect{}
	for path, text := range want {
		inTenant["/t/"+path] = text
	}
	inTenant.check(t, chiproxy.Spec{Tenants: []chiproxy.Tenant{{Name: "t", PathPrefix: "/t", Root: spec.Default.Root}}})
}

// guardedTable has an owner and a prefix that let nobody in, and nothing else.
func guardedTable(t testing.TB) *Table {
	deny := middlewareFunc(func(*chiproxy.Exchange, func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
		return chiproxy.Done, caddyhttp.Error(http.StatusUnauthorized, nil)
	})
	return mustBuild(t, chiproxy.Spec{
		Default: chiproxy.Tenant{Root: root(
			in(chiproxy.Scope{Kind: chiproxy.Owner, Pattern: "/admin", Middleware: []chiproxy.Middleware{deny}}, at("/x", say(""))),
			at("/Upper/*", chiproxy.Error{Status: 401}), at("/esc%2Fape/*", chiproxy.Error{Status: 401}), at("/{v:[A-Z]+}/secret", chiproxy.Error{Status: 401}),
			in(chiproxy.Scope{Kind: chiproxy.Layer}, at("/layer/*", chiproxy.Error{Status: 401})),
		)},
		Tenants: []chiproxy.Tenant{{Name: "t", PathPrefix: "/Tenant", Root: root(at("/*", chiproxy.Error{Status: 401}), at("/", chiproxy.Error{Status: 401}))}},
	})
}

// guardedPaths is what Caddy's path matcher would be given for the same.
var guardedPaths = caddyhttp.MatchPath{
	"/admin", "/admin/*", "/upper/*", "/layer/*", "/tenant", "/tenant/*", "/esc/ape/*", "/v/secret", "/ab/secret",
}

// checkSlip fails if a request reaches the next handler although Caddy's matcher has its path under a guarded prefix.
func checkSlip(t *testing.T, table *Table, r *http.Request) {
	t.Helper()
	if guarded, passed := slipped(t, table, guardedPaths, r); passed && guarded {
		t.Errorf("%q (raw %q) reached the next handler", r.URL.Path, r.URL.RawPath)
	}
}

// slipped reports whether Caddy's matcher has the path of a request, and whether the request reaches the next handler.
func slipped(t *testing.T, table *Table, matcher caddyhttp.MatchPath, r *http.Request) (guarded, passed bool) {
	t.Helper()
	w := httptest.NewRecorder()
	r = prepared(w, r)
	guarded, err := matcher.MatchWithError(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = table.Serve(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		passed = true
		return nil
	}))
	return guarded, passed
}

var slippery = []string{
	"/admin", "/ADMIN/x", "/%41dmin/x", "/admin%2Fx", "/admin%2f..%2fadmin/x", "//admin//x", "/x/../admin/x", "/admin/%2e%2e/admin/x",
	"/x/..%2Fadmin/y", "/x%2F..%2F..%2Fadmin%2Fy", "/./admin/./x", "/admin%00", "/admin;x/y", "/a%64min/", "/admin/%2e", "/admin%2F", "/%2Fadmin",
	"/upper/x", "/UPPER%2Fx", "/esc/ape/x", "/ESC%2fAPE/x", "/v/secret", "/AB%2fSECRET", "/LAYER/x", "/layer%2Fx", "/tenant", "/TENANT/x", "/tenant%2Fx",
	"/Tenant%2F..%2Fadmin/x", "/tenant/..%2Fadmin", "/%61dmin%5Cx", "/admin%5C..%5Cx", "/\u212A/admin", "/ADM\u0130N/x", "/admin/x%", "/admin%20/x", "/admin./x",
}

func TestNothingSlipsPastAGuardedPrefix(t *testing.T) {
	t.Parallel()
	if err := guardedPaths.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	table := guardedTable(t)
	for _, p := range slippery {
		u, err := url.Parse(p)
		if err != nil {
			u = &url.URL{Path: p}
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL = u
		checkSlip(t, table, r)
	}
	expect{"/other": "next", "/admins": "next", "/x/admin": "next", "/ADMIN/x": "404", "/admin%2Fx": "404", "/admin": "401"}.check(t, chiproxy.Spec{
		Default: chiproxy.Tenant{Root: root(at("/admin/*", chiproxy.Error{Status: 401}), at("/admin", chiproxy.Error{Status: 401}))},
	})
}

func FuzzNothingSlipsPastAGuardedPrefix(f *testing.F) {
	for _, p := range slippery {
		f.Add(p, "")
		f.Add(strings.ToUpper(p), p)
	}
	table := guardedTable(f)
	f.Fuzz(func(t *testing.T, path, raw string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if u, err := url.ParseRequestURI(path); err == nil {
			r.URL = u
		} else {
			r.URL = &url.URL{Path: path, RawPath: raw}
		}
		checkSlip(t, table, r)
		got := urlpath.Of(r.URL)
		if !urlpath.IsClean(got) || urlpath.Clean(got) != got {
			t.Errorf("%q: %q is not clean", r.URL, got)
		}
	})
}
