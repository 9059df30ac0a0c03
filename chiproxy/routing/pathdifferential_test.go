package routing

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
	"github.com/luaroute/caddy-luaroute/internal/testcaddy"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func init() { caddy.RegisterModule(readingOrigin{}) }

// readingOrigin is a transport without a network: the servers behind it read a path in all the ways that servers have, and what
// one of them reads is in the header of the response.
type readingOrigin struct {
	// Base is what they put before the path.
	Base string `json:"base"`
}

func (readingOrigin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.reverse_proxy.transport.chiproxy_reading", New: func() caddy.Module { return new(readingOrigin) }}
}

func (o readingOrigin) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	u, err := url.ParseRequestURI(o.Base + r.URL.RequestURI())
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return w.Result(), nil
	}
	w.Header()["X-Reads"] = readAsServers(u)
	return w.Result(), nil
}

// readAsServers are the paths that servers which decode, merge and resolve come to, and Go's own router.
func readAsServers(u *url.URL) []string {
	all := readAsServeMux(u)
	escaped := u.EscapedPath()
	for how := range 256 {
		p := escaped
		switch {
		case how&1 != 0 && !strings.Contains(p, "%"), how&2 != 0 && !strings.ContainsAny(p, `\%`), how&4 != 0 && !strings.Contains(p, "/"),
			how&(8|64|128) != 0 && !strings.Contains(u.Path, ";"), how&64 != 0 && how&128 != 0, how&(16|32) != 0 && !strings.Contains(u.Path, "."):
			continue
		}
		if how&64 != 0 { // as Tomcat, before anything is decoded
			p = cutEach(p, ";")
		}
		if how&1 == 0 { // Go and Node leave it
			p = strings.ReplaceAll(strings.ReplaceAll(p, "%2F", "/"), "%2f", "/")
		}
		if how&128 != 0 { // before the file system looks at backslashes
			p = cutEach(cutEach(cutEach(p, ";"), "%3B"), "%3b")
		}
		if how&2 != 0 { // as Windows
			p = windowsSlashes.Replace(p)
		}
		if how&4 != 0 { // as nginx, before dots are resolved
			p = merged(p)
		}
		var kept []string
		for _, s := range strings.Split(p, "/")[1:] {
			raw := s
			s, _ = url.PathUnescape(s)
			s = strings.ReplaceAll(s, "/", "%2F")
			if how&8 != 0 { // as servlets
				s, _, _ = strings.Cut(s, ";")
				raw, _, _ = strings.Cut(raw, ";")
			}
			switch {
			case how&16 != 0 && (s == "." || s == "..") && strings.Contains(raw, "%"): // as Go
				kept = append(kept, "dots")
			case s == "..":
				kept = kept[:max(len(kept)-1, 0)]
			case s != ".":
				kept = append(kept, s)
			}
		}
		if how&32 == 0 && urlpath.EndsInDirectory(p) && !strings.HasSuffix(p, "/") { // Python and Node leave no slash
			kept = append(kept, "")
		}
		all = append(all, merged("/"+strings.Join(kept, "/")))
	}
	return all
}

// cutEach cuts each segment of a path where a text begins.
func cutEach(p, text string) string {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i], _, _ = strings.Cut(s, text)
	}
	return strings.Join(segments, "/")
}

var windowsSlashes = strings.NewReplacer(`\`, "/", "%5C", "/", "%5c", "/")

func merged(p string) string {
	for strings.Contains(p, "//") {
		p = strings.ReplaceAll(p, "//", "/")
	}
	return p
}

// readAsServeMux is a path as that which Go's own router serves, if it does not redirect.
func readAsServeMux(u *url.URL) []string {
	_, pattern := goRouter.Handler(&http.Request{Method: http.MethodGet, URL: u, Host: "a.example"})
	w := httptest.NewRecorder()
	goRouter.ServeHTTP(w, &http.Request{Method: http.MethodGet, URL: u, Host: "a.example"})
	if w.Code != http.StatusOK { // it redirects, to what the client asks for then
		return nil
	}
	return []string{pattern + "x"}
}

var goRouter = func() *http.ServeMux {
	mux := http.NewServeMux()
	for _, p := range []string{"/", "/admin/", "/acme/admin/", "/api/admin/", "/pub/", "/assets/", "/api/users/", "/api/v1/users/", "/api/v1/public/", "/api/v2/public/", "/base/deep/"} {
		mux.HandleFunc(p, func(http.ResponseWriter, *http.Request) {})
	}
	return mux
}()

// fakePool is a pool that forwards to readingOrigin. Its address is an upstream that nobody dials.
const fakePool = `{"transport":{"protocol":"chiproxy_reading"},"upstreams":[{"dial":"127.0.0.1:1"}]}`

// basedPool is one whose servers have all below a path of two segments.
const basedPool = `{"transport":{"protocol":"chiproxy_reading","base":"/base/deep"},"upstreams":[{"dial":"127.0.0.1:1"}]}`

// differentialCase is a table that guards something, and what servers would call that.
type differentialCase struct {
	spec    chiproxy.Spec
	guarded func(path string) bool
	// targets are paths that are guarded, open those that are not.
	targets, open []string
	// guards is guarded for paths before a prefix is taken off, where one is.
	guards func(path string) bool
}

// ownedBy reports whether a prefix owns a path.
func ownedBy(prefix string) func(string) bool {
	return func(p string) bool { return p == prefix || strings.HasPrefix(p, prefix+"/") }
}

// notPublic reports whether a path is neither below /pub nor a file of /assets.
func notPublic(p string) bool {
	file, ok := strings.CutPrefix(p, "/assets/")
	return !strings.HasPrefix(p, "/pub/") && (!ok || file == "" || strings.Contains(file, "/"))
}

// without reports whether a path is below a prefix and has nothing public in it. /x is what Go's router says of all that it has no
// pattern for.
func without(public, prefix string) func(string) bool {
	return func(p string) bool {
		return strings.HasPrefix(p, prefix) && !strings.Contains(p, public) && p != "/x"
	}
}

func differentialCases() map[string]differentialCase {
	deny := middlewareFunc(func(*chiproxy.Exchange, func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
		return chiproxy.Done, caddyhttp.Error(http.StatusUnauthorized, nil)
	})
	app := chiproxy.Proxy{Pool: "p"}
	scope := in(chiproxy.Scope{Kind: chiproxy.Owner, Pattern: "/admin", Middleware: []chiproxy.Middleware{deny}}, at("/*", app))
	function := actionFunc(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) { return ex.Perform(app) })
	refusing := actionFunc(func(*chiproxy.Exchange) (chiproxy.Verdict, error) {
		return chiproxy.Done, caddyhttp.Error(http.StatusForbidden, nil)
	})
	never := guardFunc(func(*chiproxy.Exchange) (bool, error) { return false, nil })
	targets := []string{"/admin", "/admin/", "/admin/x", "/admin/x/y"}
	open := []string{"/", "/x", "/x/y", "/administrator", "/x/admin", "/pub/z/"}
	base := func(s chiproxy.Scope) chiproxy.Spec { return chiproxy.Spec{Default: chiproxy.Tenant{Root: s}} }
	versions := []string{"/api/admin", "/api/admin/x", "/api/v1/users", "/api/v1/admin/x"}
	public := []string{"/api/v1/public/", "/api/v1/public/x", "/api/v1/public/x/y", "/api/v2/public/x"}
	unless := func(p string, g chiproxy.Guard) chiproxy.Item { return at(p, app, g) }
	cases := map[string]differentialCase{
		"a scope of two segments": {
			only(in(chiproxy.Scope{Kind: chiproxy.Owner, Pattern: "/api/users", Middleware: []chiproxy.Middleware{deny}}, at("/*", app)), at("/*", app)),
			ownedBy("/api/users"),
			[]string{"/api/users", "/api/users/7"},
			[]string{"/", "/x/y", "/users", "/users/7", "/api", "/api/x"},
			nil,
		},
		"a scope of three segments": {
			only(in(chiproxy.Scope{Kind: chiproxy.Owner, Pattern: "/api/v1/users", Middleware: []chiproxy.Middleware{deny}}, at("/*", app)), at("/*", app), at("/{a}/{b}", app)),
			ownedBy("/api/v1/users"),
			[]string{"/api/v1/users", "/api/v1/users/7"},
			[]string{"/x/y", "/v1/users", "/api/users", "/users/7", "/api/v1", "/api/v1/x"},
			nil,
		},
		"a function of two segments": {
			only(at("/api/users", refusing), at("/api/users/*", refusing), at("/*", app)), ownedBy("/api/users"),
			[]string{"/api/users", "/api/users/7"},
			[]string{"/", "/x/y", "/users", "/users/7", "/api", "/api/x"},
			nil,
		},
		"a function wider than what is public": {
			only(at("/api/*", refusing), at("/api/{v}/public/*", app)), without("/public/", "/api/"), versions, public, nil,
		},
		"a function for all beside what is public": {
			only(at("/*", refusing), at("/api/{v}/public/*", app)), without("/public/", "/"), versions, public, nil,
		},
		"a guard wider than what is public": {
			only(unless("/api/*", never), at("/api/{v}/public/*", app)), without("/public/", "/api/"), versions, public, nil,
		},
		"a scope around what is public": {
			only(in(chiproxy.Scope{Kind: chiproxy.Owner, Pattern: "/api"}, at("/*", function, never), at("/{v}/public/*", app))), without("/public/", "/api/"), versions, public, nil,
		},
		"a pool with strip_prefix and a base": {
			only(at("/api/*", chiproxy.Proxy{Pool: "based", StripPrefix: "/api"})),
			func(p string) bool { return !ownedBy("/base/deep")(p) && p != "/base/deep/" },
			[]string{"/api/x/y", "/api/x"},
			[]string{"/api/", "/api/x", "/api/x/y"},
			nil,
		},
		"a scope before a pool":           {only(scope, at("/*", app)), ownedBy("/admin"), targets, open, nil},
		"a scope before a function":       {only(scope, at("/*", function)), ownedBy("/admin"), targets, open, nil},
		"a scope before parameters":       {only(scope, at("/{a}", app), at("/{a}/{b}", app), at("/{a}/{b}/*", app)), ownedBy("/admin"), targets, open, nil},
		"routes that refuse":              {only(at("/admin", chiproxy.Error{Status: 401}), at("/admin/*", static.Respond{Status: 403}), at("/*", app)), ownedBy("/admin"), targets, open, nil},
		"routes that are functions":       {only(at("/admin", refusing), at("/admin/*", refusing), at("/*", app)), ownedBy("/admin"), targets, open, nil},
		"a scope in a group":              {only(in(chiproxy.Scope{Kind: chiproxy.Group}, scope), at("/*", app)), ownedBy("/admin"), targets, open, nil},
		"a scope with not_found":          {base(chiproxy.Scope{NotFound: &chiproxy.Answer{Action: app}, Items: []chiproxy.Item{scope}}), ownedBy("/admin"), targets, open, nil},
		"a scope behind a layer":          {only(scope, in(chiproxy.Scope{Kind: chiproxy.Layer}, at("/x/*", app), at("/pub/*", app), at("/zz/{x}", app, never)), at("/*", app)), ownedBy("/admin"), targets, open, nil},
		"a layer before a pool":           {only(in(chiproxy.Scope{Kind: chiproxy.Layer}, scope), at("/*", app)), ownedBy("/admin"), targets, open, nil},
		"a scope deeper than a parameter": {only(in(chiproxy.Scope{Kind: chiproxy.Owner, Pattern: "/{x}/admin", Middleware: []chiproxy.Middleware{deny}}, at("/*", app)), at("/*", app), at("/{x}", app)), nil, []string{"/a/admin", "/a/admin/x"}, []string{"/x", "/a/b"}, nil},
		"all but what is public": {
			only(in(chiproxy.Scope{Middleware: []chiproxy.Middleware{deny}}, at("/*", app)), at("/pub/*", app), at("/assets/{file}", app)),
			notPublic,
			targets,
			[]string{"/pub/", "/pub/x", "/assets/a", "/pub/x/y"},
			nil,
		},
		"all but what is public, by a route that refuses": {
			only(at("/*", chiproxy.Error{Status: 401}), at("/pub/*", app), at("/assets/{file}", function)),
			notPublic,
			targets,
			[]string{"/pub/", "/pub/x", "/assets/a", "/pub/x/y"},
			nil,
		},
		"a tenant with a prefix": {
			chiproxy.Spec{Tenants: []chiproxy.Tenant{{Name: "t", PathPrefix: "/acme", Root: root(scope, at("/*", app))}}, Default: chiproxy.Tenant{Root: root(at("/*", app))}},
			ownedBy("/acme/admin"),
			[]string{"/acme/admin", "/acme/admin/x"},
			[]string{"/acme", "/acme/x", "/acme/x/y", "/admin", "/x"},
			nil,
		},
		"a tenant with a pool": {
			chiproxy.Spec{Tenants: []chiproxy.Tenant{{Name: "t", PathPrefix: "/acme", UsePool: "p", Root: root(scope)}}, Default: chiproxy.Tenant{Root: root(scope, at("/*", app))}},
			func(p string) bool { return ownedBy("/acme/admin")(p) || ownedBy("/admin")(p) },
			append([]string{"/acme/admin", "/acme/admin/x"}, targets...),
			[]string{"/acme", "/acme/x", "/x/y"},
			nil,
		},
		"a tenant with strip_prefix": {
			chiproxy.Spec{Tenants: []chiproxy.Tenant{{Name: "t", PathPrefix: "/acme", StripPrefix: true, UsePool: "p", Root: root(scope, at("/x", app))}}},
			ownedBy("/admin"),
			[]string{"/acme/admin", "/acme/admin/x"},
			[]string{"/acme", "/acme/x", "/acme/z/y", "/acme/x/y/z"},
			ownedBy("/acme/admin"),
		},
		"a pool with strip_prefix": {
			only(in(chiproxy.Scope{Kind: chiproxy.Owner, Pattern: "/api/admin", Middleware: []chiproxy.Middleware{deny}}, at("/*", chiproxy.Proxy{Pool: "p", StripPrefix: "/api"})), at("/api/*", chiproxy.Proxy{Pool: "p", StripPrefix: "/api"})),
			ownedBy("/admin"),
			[]string{"/api/admin", "/api/admin/x"},
			[]string{"/api/", "/api/x", "/api/x/y"},
			ownedBy("/api/admin"),
		},
	}
	for name, c := range cases {
		c.spec.Pools = []pool.Spec{{Name: "p", Config: json.RawMessage(fakePool)}, {Name: "based", Config: json.RawMessage(basedPool)}}
		if c.guarded == nil {
			c.guarded = func(p string) bool {
				s := strings.Split(p, "/")
				return len(s) > 2 && s[1] != "" && s[2] == "admin"
			}
		}
		if c.guards == nil {
			c.guards = c.guarded
		}
		cases[name] = c
	}
	return cases
}

// spell writes a path in one of the ways in which it, or another one, may be written.
func spell(rng *rand.Rand, path string) string {
	junk := func() string {
		return pick(rng, "/.", "//", "/x/..", "%2F.", "%2f", "%2Fx%2F..", "%2F..", "/..%2F", "/other/..%2F..", "/..", `\`, "%5C", "%5c..", `\..\`, "/x%5C..",
			";", ";v=1", "/..;", "/.;/", "%3B", "%00", "%20", ".", "%2e", "%25", "%252f", "%252e", "é", "%C3%A9", "%EF%BC%8F", "%c0%af", "/%2F/..", "//..", "/%2e%2e", "%09", "?", "+",
			"//%2e%2e", "//.%2E", "//%2e.", "///..", ";%2F..%2Fx", ";%2f..", ";%5C..%5Cx", ";%2Fx", "%3B%2F..", "/;/..", "/%2F/%2F/../..")
	}
	var b strings.Builder
	odd := 4 + rng.IntN(30)
	for _, c := range []byte(path) {
		switch rng.IntN(odd) {
		case 0:
			b.WriteString("%" + strings.ToUpper(hex(c)))
		case 1:
			b.WriteString("%" + hex(c))
		case 2:
			b.WriteString(junk() + string(c))
		case 3:
			if c == '/' {
				b.WriteString(pick(rng, "%2F", "%2f", `\`, "%5C", "%5c", "//", "/./", "/x/../", "/x%2F..%2F", `/x\..\`, "/x/..;/", "/;a/",
					"//%2e%2e/", "//.%2e/", "/x//%2E./", "//../", "/..%2F..%2F", "/..;/..;/", "/..%5C..%5C", "/x;%2Fa%2Fb/..%2F..%2F", "/;/;/../../", "/%2F/%2F/../../"))
				continue
			}
			b.WriteString(strings.ToUpper(string(c)))
		default:
			b.WriteByte(c)
		}
	}
	if rng.IntN(4) == 0 {
		b.WriteString(junk())
	}
	s := b.String()
	if s == "" || s[0] != '/' {
		s = "/" + s
	}
	return s
}

func hex(c byte) string { return string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]) }

func TestNoSpellingReachesWhatIsGuarded(t *testing.T) {
	spellings := 4000 // for each of 24 tables
	if testing.Short() {
		spellings = 400
	}
	for name, c := range differentialCases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, err := Build(c.spec, newTestPools(t))
			if err != nil {
				t.Fatal(err)
			}
			rng := testkit.Seeded(11, uint64(len(name)))
			expected := spellings / 200 // seldom more than one in 250, and by chance three deviations beyond
			tooMany := expected + 3*int(math.Ceil(math.Sqrt(float64(expected))))
			forwarded, guarded, alarms := 0, 0, 0
			for i := range spellings {
				from := c.targets
				if i%2 == 1 {
					from = c.open
				}
				raw := spell(rng, pick(rng, from...))
				u, err := url.ParseRequestURI(raw)
				if err != nil {
					continue
				}
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				r.URL, r.RequestURI, r.Host = u, raw, "a.example"
				got := send(table, r)
				reached := got.Header()["X-Reads"]
				if len(reached) > 0 {
					forwarded++
				}
				for _, p := range reached {
					if c.guarded(p) {
						t.Fatalf("%s reached a server that reads it as %s", raw, p)
					}
				}
				switch {
				case got.String() == "401" || got.String() == "403" || got.String() == "next":
					guarded++
				case got.err == errAround && !slices.ContainsFunc(readAsServers(u), c.guards):
					alarms++
					t.Logf("%s is harmless and was refused", raw)
				}
			}
			t.Logf("%d forwarded, %d guarded, %d false alarms", forwarded, guarded, alarms)
			if forwarded < spellings/20 || guarded < spellings/50 || alarms > tooMany {
				t.Errorf("of %d, %d were forwarded, %d guarded and %d refused for nothing", spellings, forwarded, guarded, alarms)
			}
		})
	}
}

// The next handler is Caddy's own file server, and it is to be reached by no spelling of what a route guards.
func TestNoSpellingReachesAFileThatIsGuarded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, f := range []string{"admin/x/y", "admin/index.html", "x", "pub/z/index.html"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(f)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f), []byte("file "+f), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := caddy.NewContext(testcaddy.Context(t))
	t.Cleanup(cancel)
	files := &fileserver.FileServer{Root: dir}
	if err := files.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error { return files.ServeHTTP(w, r, noNext) })
	tables := map[string]*Table{
		"nothing matches": mustBuild(t, only(owner("/admin", at("/*", chiproxy.Error{Status: 401})))),
		"route.next":      mustBuild(t, only(owner("/admin", at("/*", chiproxy.Error{Status: 401})), at("/*", chiproxy.Next{}))),
		"routes":          mustBuild(t, only(at("/admin", chiproxy.Error{Status: 401}), at("/admin/*", chiproxy.Error{Status: 401}), at("/pub/*", chiproxy.Next{}))),
	}
	rng := testkit.Seeded(12, 13)
	served := 0
	for range 5000 {
		raw := spell(rng, pick(rng, "/admin", "/admin/", "/admin/x/y", "/x", "/pub/z/"))
		u, err := url.ParseRequestURI(raw)
		if err != nil {
			continue
		}
		for name, table := range tables {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			own := *u
			r.URL, r.RequestURI = &own, raw
			w := httptest.NewRecorder()
			_ = table.Serve(w, prepared(w, r), next)
			if strings.HasPrefix(w.Body.String(), "file admin") {
				t.Fatalf("%s: %s reached %s", name, raw, w.Body)
			}
			if w.Body.String() == "file x" || w.Body.String() == "file pub/z/index.html" {
				served++
			}
		}
	}
	if served < 500 {
		t.Errorf("%d files were served: too few to show anything", served)
	}
}
