package routing

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

func TestAnEscapedSlashIsForWhatGuardsItsOtherReading(t *testing.T) {
	t.Parallel()
	guarded := owner("/admin", at("/*", chiproxy.Error{Status: 401}))
	app, fn := static.Respond{Body: "app"}, actionFunc(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) { return ex.Perform(say("app")) })
	auth := middlewareFunc(func(*chiproxy.Exchange, func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) { return ask401() })
	for name, c := range map[string]struct {
		spec chiproxy.Spec
		want expect
	}{
		"a pool for all keeps what nothing guards": {
			only(at("/*", app)), expect{"/admin%2fx": "app", "/x/..%2Fadmin": "app", `/a%5Cb`: "app"},
		},
		"behind a guarded scope": {
			only(guarded, at("/*", app)), expect{
				"/admin/x": "401", "/admin%2f": "404", "/%2f/admin": "404", "/x/..%2fadmin/y": "404", "/admin%5Cx": "404", "/x/..;/admin/y": "404",
				"/x%2Fy": "app", "/administrator%2Fx": "app", "/x;v=1/y": "app", "/x%5Cy": "app", "/%2F": "app", "/a/..%2Fb": "app", "/ADMIN%2fx": "app",
			},
		},
		"a function before it": {only(guarded, at("/*", fn)), expect{"/admin%2fx": "404", "/x%2Fy": "app"}},
		"in the scope itself": {
			only(in(chiproxy.Scope{Kind: chiproxy.Owner, Pattern: "/a", Middleware: []chiproxy.Middleware{middlewareFunc(func(_ *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
				return next()
			})}},
				at("/{x}", app), at("/{x}/{y}", app))),
			expect{"/a/b%2Fc": "app", "/a/b%2F..%2Fc": "app"},
		},
		"a file whose name has a slash, beside routes that only forward": {
			only(at("/files/{name}", app), at("/files/{name}/info", app), at("/*", fn)), expect{"/files/a%2Finfo": "app", "/files/a%2Fb": "app", "/files/..%2Fb": "404"},
		},
		"all but what is public": {
			only(in(chiproxy.Scope{Middleware: []chiproxy.Middleware{auth}}, at("/*", app)), at("/assets/{file}", app)),
			expect{"/assets/a": "app", "/assets/..%2Fadmin": "404", "/assets/a%2Fb": "404", "/admin%2Fx": "401"},
		},
		"another method is no guard": {
			only(at("POST /admin/*", chiproxy.Error{Status: 401}), at("/*", app)), expect{"/admin%2Fx": "app", "POST /admin%2Fx": "404"},
		},
		"a function that is wider than what takes it": {
			only(at("/*", fn), at("/api/*", fn), at("/api/{v}/public/*", app), at("/{name}", app)), expect{
				"/api/v1/public/..%2f..%2fadmin": "404", "/api/v1/public/..;/..;/admin": "404", "/api/v1/public/..%5c..%5cadmin": "404",
				"/api/v1/public/%2f/%2f/../../x": "404", "/api/v1/public/;/;/../../x": "404", "/x//%2e%2e/y": "404",
				"/api/v1/public/a%2Fb": "app", "/api/v1/public/a;v=1": "app", "/@scope%2fpkg": "app", "/api/v1/public/a/../b": "app",
			},
		},
		"a guard that is wider than what takes it": {
			only(at("/*", app, header("X-Key")), at("/{v}/public/*", app)), expect{"/v/public/..%2f..%2fadmin": "404", "/v/public/a%2Fb": "app"},
		},
		"what no route has": {
			chiproxy.Spec{Default: chiproxy.Tenant{Root: chiproxy.Scope{NotFound: &chiproxy.Answer{Action: app}, Items: []chiproxy.Item{guarded}}}}, expect{"/admin%2Fx": "404", "/x%2Fy": "app"},
		},
		"an error page does not get it either": {
			only(guarded, in(chiproxy.Scope{Failed: &chiproxy.Answer{Action: say("page")}}, at("/*", app, guardFunc(func(*chiproxy.Exchange) (bool, error) { return false, &chiproxy.HookError{Err: errors.New("broken")} })))),
			expect{"/x": "page", "/admin%2Fx": "500"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.want.check(t, c.spec)
		})
	}
}

func ask401() (chiproxy.Verdict, error) {
	return chiproxy.Error{Status: http.StatusUnauthorized}.Do(nil)
}

// What the readings of a path cost is in proportion to its length, and a client may send a megabyte.
func TestAVeryLongPathIsNotLookedUpInOtherReadings(t *testing.T) {
	t.Parallel()
	long, fits := "/"+strings.Repeat("x", urlpath.MaxAmbiguous), "/"+strings.Repeat("x", urlpath.MaxAmbiguous-len("/%2F"))
	expect{long: "app", long + "%2Fy": "404", fits + "%2F": "app"}.check(t, only(owner("/admin", at("/*", chiproxy.Error{Status: 401})), at("/*", say("app"))))
	expect{long + "%2Fy": "app"}.check(t, only(at("/*", say("app"))))
	for path, want := range map[string]bool{"/a/../b": false, long + "/../b": true, long + "/b": false} {
		if got := urlpath.Climbs(&url.URL{Path: path}); got != want {
			t.Errorf("%.20s…: got %v", path, got)
		}
	}
}

// A percent sign is a percent sign, however its neighbours are written.
func TestAnEscapedPercentSignIsNoOtherSpelling(t *testing.T) {
	t.Parallel()
	expect{
		"/100%25": "hundred", "/100%2525": "next", "/100": "next", "/50%25": "next", "/50%25/x%25": "next", "/a%2525/b": "next",
		"/A%25/b": "404", "/a%25%2Fb": "404", "/a%25/b": "ab",
	}.check(t, only(at("/100%25", say("hundred")), at("/a%25/b", say("ab"))))
}

func TestThePoolOfAFailedGuardDoesNotGetWhatAnotherReadingGuards(t *testing.T) {
	t.Parallel()
	s := only(owner("/admin", at("/*", chiproxy.Error{Status: 401})), at("/*", say("route"), failGuard))
	s.Pools = []pool.Spec{{Name: "spare", Config: json.RawMessage(dials("", named(t, "spare")))}}
	s.OnError = chiproxy.ErrorPolicy{Mode: chiproxy.FailToPool, Pool: "spare"}
	table, err := Build(s, newTestPools(t))
	if err != nil {
		t.Fatal(err)
	}
	defer table.Retire()
	for line, want := range map[string]string{"/x": "spare", "/x%2Fy": "spare", "/admin%2Fx": "404", "/x/..%2Fadmin": "404"} {
		if r := send(table, ask(line)); r.String() != want {
			t.Errorf("%s: got %s, want %s", line, r, want)
		}
	}
}
