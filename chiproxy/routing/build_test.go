package routing

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
)

// line puts an item at a line of a script.
func line(n int, i chiproxy.Item) chiproxy.Item {
	o := origin.Origin{Script: "a.lua", Line: n}
	if i.Route != nil {
		i.Route.Origin = o
	} else {
		i.Scope.Origin = o
	}
	return i
}

// hosts makes a layer for hosts.
func hosts(names string, items ...chiproxy.Item) chiproxy.Item {
	return in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: strings.Fields(names)}, items...)
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	here := origin.Origin{Script: "a.lua", Line: 7}
	other := origin.Origin{Script: "b.lua", Line: 3}
	route := func(pattern string) chiproxy.Spec { return only(line(7, at(pattern, say("")))) }
	for name, c := range map[string]struct {
		spec chiproxy.Spec
		want string
	}{
		"a pattern without a slash":          {route("users"), `a.lua:7: pattern "users" must begin with a slash`},
		"an empty pattern":                   {route(""), `a.lua:7: pattern "" must begin with a slash`},
		"a star that is not the end":         {route("/*/x"), `a.lua:7: pattern "/*/x": * is allowed only at the end; use {name} for one segment`},
		"a brace that is not closed":         {route("/{id"), `a.lua:7: pattern "/{id": { without }`},
		"a brace that is not opened":         {route("/id}"), `a.lua:7: pattern "/id}": } without {`},
		"a parameter without a name":         {route("/{}"), `a.lua:7: pattern "/{}": {} has no valid name; write {name} or {name:regexp}`},
		"an empty regexp":                    {route("/{id:}"), `a.lua:7: pattern "/{id:}": {id:} has no regular expression`},
		"a name that occurs twice":           {route("/{id}/{id}"), `a.lua:7: pattern "/{id}/{id}": parameter id occurs twice`},
		"parameters without text between":    {route("/{a}{b}"), `a.lua:7: pattern "/{a}{b}": text is needed between {a} and '{'`},
		"a regexp that does not compile":     {route("/{id:[a}"), "a.lua:7: pattern \"/{id:[a}\": {id}: error parsing regexp: missing closing ]: `[a`"},
		"double slashes":                     {route("/a//b"), `a.lua:7: pattern "/a//b": no path matches //, /./ or /../, as paths are cleaned first`},
		"dot segments":                       {route("/a/../{b}"), `a.lua:7: pattern "/a/../{b}": no path matches //, /./ or /../, as paths are cleaned first`},
		"an escape that paths never have":    {route("/%61"), `a.lua:7: pattern "/%61": "%61" never matches, as paths are decoded first; only %2F and %25 stay escaped`},
		"an escaped slash in lower case":     {route("/a%2fb"), `a.lua:7: pattern "/a%2fb": "%2f" never matches, as paths are decoded first; only %2F and %25 stay escaped`},
		"bytes that are not UTF-8":           {route("/\xff"), `a.lua:7: pattern "/\xff" is not valid UTF-8`},
		"a route without an action":          {only(line(7, at("/", nil))), "a.lua:7: the route has no action"},
		"an action that can never be done":   {only(line(7, at("/", static.Respond{Status: 7}))), "a.lua:7: respond: status 7: expected 200 to 999"},
		"a pool that does not exist":         {only(line(7, at("/", chiproxy.Proxy{Pool: "p"}))), `a.lua:7: no pool "p"; there are none`},
		"a method that is no token":          {only(line(7, at("GE T /", say("")))), `a.lua:7: pattern "T /" must begin with a slash`},
		"a standard method in lower case":    {only(line(7, at("get /", say("")))), `a.lua:7: method "get": methods are case-sensitive, write GET`},
		"a scope with a star":                {only(line(7, owner("/a/*"))), "a.lua:7: a scope's pattern must not have a *; it owns everything below it anyway"},
		"a scope's pattern without a slash":  {only(line(7, owner("a"))), `a.lua:7: pattern "a" must begin with a slash`},
		"a layer's host that is none":        {only(line(7, in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"a b"}}))), `a.lua:7: host "a b" has a space; several hosts are a list`},
		"a layer's host with a port":         {only(line(7, in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"a:80"}}))), `a.lua:7: host "a:80" must not have a port`},
		"a wildcard that is not first":       {only(line(7, in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"a.*.b"}}))), `a.lua:7: host "a.*.b": a wildcard stands for the first label, as in *.example.com`},
		"a prefix with a parameter":          {chiproxy.Spec{Tenants: []chiproxy.Tenant{{PathPrefix: "/{a}", Origin: here}}}, `a.lua:7: path prefix "/{a}" must not have parameters`},
		"a prefix without a slash":           {chiproxy.Spec{Tenants: []chiproxy.Tenant{{PathPrefix: "a", Origin: here}}}, `a.lua:7: path prefix: pattern "a" must begin with a slash`},
		"two tenants of one name":            {chiproxy.Spec{Tenants: []chiproxy.Tenant{{Name: "t", Hosts: []string{"a"}, Origin: other}, {Name: "t", Hosts: []string{"b"}, Origin: here}}}, `a.lua:7: tenant "t" is declared twice, first at b.lua:3`},
		"a tenant behind one that takes all": {chiproxy.Spec{Tenants: []chiproxy.Tenant{{Name: "t", PathPrefix: "/p", Origin: other}, {Name: "u", PathPrefix: "/p/", Origin: here}}}, `a.lua:7: tenant "u" can never be asked for host "" and prefix "/p": tenant "t" has them, first at b.lua:3 and does not fall through; give one a priority`},
		"a pool that is wrong":               {chiproxy.Spec{Pools: []pool.Spec{{Name: "a", Config: []byte(`{}`), Origin: here}}}, `a.lua:7: pool "a": no upstreams; give it an address, or dynamic_upstreams`},
		"use_pool without such a pool":       {chiproxy.Spec{Default: chiproxy.Tenant{UsePool: "p", Origin: here}}, `a.lua:7: no pool "p"; there are none`},
		"on_error without such a pool":       {chiproxy.Spec{Default: chiproxy.Tenant{OnError: &chiproxy.ErrorPolicy{Mode: chiproxy.FailToPool, Pool: "p"}, Origin: here}}, `a.lua:7: on_error: no pool "p"; there are none`},
		"a second route without a guard": {
			only(line(3, at("GET /u/{id}", say(""))), line(7, at("GET,POST /u/{name}", say("")))),
			"a.lua:7: route GET /u/{name} can never be reached: /u/{id} at a.lua:3 takes it without a guard; give that one a guard, or this one a guard and a higher priority",
		},
		"a guarded route behind one without a guard": {
			only(line(3, at("/", say(""))), line(7, at("GET /", say(""), header("A")))),
			"a.lua:7: route GET / can never be reached: / at a.lua:3 takes it without a guard; give that one a guard, or this one a guard and a higher priority",
		},
		"a second route for all methods": {
			only(line(3, at("/", say(""))), line(7, at("/", say("")))),
			"a.lua:7: route for all methods / can never be reached: / at a.lua:3 takes it without a guard; give that one a guard, or this one a guard and a higher priority",
		},
		"a route below a scope's prefix": {
			only(line(3, owner("/admin", at("/x", say("")))), line(7, at("/admin/y", say("")))),
			"a.lua:7: route /admin/y can never be reached: the scope at a.lua:3 owns /admin and everything below it; declare the route inside",
		},
		"a route at a scope's prefix": {
			only(line(7, at("/t/{a}", say(""))), line(3, owner("/t/{b}", at("/x", say(""))))),
			"a.lua:7: route /t/{a} can never be reached: the scope at a.lua:3 owns /t/{b} and everything below it; declare the route inside",
		},
		"a second scope of one prefix": {
			only(line(3, owner("/admin", at("/x", say("")))), line(7, owner("/admin/", at("/y", say(""))))),
			"a.lua:7: the prefix /admin/ is owned by another scope already, first at a.lua:3",
		},
		"a route behind a layer for the same hosts": {
			only(line(3, hosts("a.example B.example", at("GET /x", say("")))), line(6, hosts("b.example a.example", line(7, at("GET /x", say("")))))),
			"a.lua:7: route GET /x can never be reached: /x takes it first, in a layer for its hosts",
		},
		"a route of a tenant behind a layer for all of its hosts": {
			chiproxy.Spec{Tenants: []chiproxy.Tenant{{Name: "t", Hosts: []string{"a.example"}, Root: root(line(7, at("/x", say(""))), hosts("A.example", at("/x", say(""))))}}},
			"a.lua:7: route for all methods /x can never be reached: /x takes it first, in a layer for its hosts",
		},
		"a layer for hosts that its tenant has not": {
			chiproxy.Spec{Tenants: []chiproxy.Tenant{{Name: "t", Hosts: []string{"a.example", "*.b.example"}, Root: root(line(7, hosts("b.example", at("/x", say("")))))}}},
			"a.lua:7: the layer for b.example can never be tried: the tenant is for a.example, *.b.example only",
		},
		"a layer for hosts that the one around it has not": {
			only(hosts("*.a.example", line(7, hosts("x.y.a.example *.b.example", at("/x", say("")))))),
			"a.lua:7: the layer for x.y.a.example, *.b.example can never be tried: a layer around it is for *.a.example only",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Build(c.spec, newTestPools(t))
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestBuildAccepts(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]chiproxy.Spec{
		"named methods before the rest":             only(at("GET /", say("")), at("/", say(""))),
		"other methods on one shape":                only(at("GET /", say("")), at("POST /", say(""))),
		"GET and HEAD on one shape":                 only(at("GET /", say("")), at("HEAD /", say(""))),
		"CONNECT beside a route for all others":     only(at("/", say("")), at("CONNECT /", say(""))),
		"a guarded route of higher priority":        only(at("/", say("")), chiproxy.Item{Route: &chiproxy.Route{Pattern: "/", Priority: 1, Guards: []chiproxy.Guard{header("A")}, Action: say("")}}),
		"braces in a regexp":                        only(at("/{x:[a-z]{3}}", say(""))),
		"a slash and a star in a regexp":            only(at("/{x:a/*b*}", say(""))),
		"one prefix in a scope and in a layer":      only(owner("/a", at("/x", say(""))), in(chiproxy.Scope{Kind: chiproxy.Layer}, at("/a/y", say("")))),
		"a scope at the root of a scope":            only(owner("/a", owner("/", at("/x", say(""))))),
		"a scope's catch-all beside its root":       only(owner("/a", at("/", say("")), at("/*", say("")))),
		"a route more specific than a scope's":      only(owner("/{a}", at("/x", say(""))), at("/b/x", say(""))),
		"one route in a layer that may decline":     only(hosts("a", at("/x", say(""), header("A")), at("/y", chiproxy.Decline{})), hosts("a", at("/x", say("")), at("/y", say("")))),
		"one route in a layer with a scope before":  only(hosts("a", at("/*", say("")), owner("/s", at("/x", say("")))), hosts("a", at("/*", say("")))),
		"one route in a guarded layer":              only(in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"a"}, Guards: []chiproxy.Guard{header("A")}}, at("/x", say(""))), hosts("a", at("/x", say("")))),
		"layers for hosts of their tenant":          {Tenants: []chiproxy.Tenant{{Hosts: []string{"*.a"}, Root: root(hosts("x.a", at("/x", say(""))), hosts("*.a", hosts("x.a", at("/y", say("")))))}}},
		"a layer for more hosts than its tenant":    {Tenants: []chiproxy.Tenant{{Hosts: []string{"x.a"}, Root: root(hosts("*.a", at("/x", say(""))))}}},
		"an underscore in a host":                   {Tenants: []chiproxy.Tenant{{Hosts: []string{"a_b.example"}}}},
		"one host in two tenants with fallthrough":  {Tenants: []chiproxy.Tenant{{Name: "a", Hosts: []string{"a"}, Fallthrough: true}, {Name: "b", Hosts: []string{"a"}}}},
		"one host in two tenants with priority":     {Tenants: []chiproxy.Tenant{{Name: "a", Hosts: []string{"a"}}, {Name: "b", Hosts: []string{"a"}, Priority: 1}}},
		"a host that is written twice":              {Tenants: []chiproxy.Tenant{{Hosts: []string{"a.example", "A.example."}}}},
		"a tenant's prefix with a slash at its end": {Tenants: []chiproxy.Tenant{{PathPrefix: "/a/"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Build(s, pool.NewSet(caddy.Context{})); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestBuildReportsManyErrorsAndSaysHowManyMore(t *testing.T) {
	t.Parallel()
	var items []chiproxy.Item
	for i := range 50 {
		items = append(items, line(i+1, at("bad", say(""))))
	}
	_, err := Build(only(items...), pool.NewSet(caddy.Context{}))
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != maxProblems+1 || !strings.HasPrefix(lines[19], "a.lua:20: ") || lines[20] != "and 30 more errors" {
		t.Errorf("got %d lines:\n%s", len(lines), err)
	}
}

func TestARouteBelowWhatAScopeOwnsIsRefusedWhateverThePrefixHas(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ prefix, route string }{
		{"/t", "/t/x"},
		{"/t/{a}", "/t/{b}/x"},
		{"/t/{a}-x", "/t/{b}-x"},
		{"/t/{a}-x", "/t/{b}-x/"},
		{"/t/{a}-x", "/t/{b}-x/y"},
		{"/t/{a}-x", "/t/{b}-x/*"},
		{"/t/{a}-{b}", "/t/{c}-{d}"},
		{"/t/{a}-{b}", "/t/{c}-{d}/y/{e}.txt"},
		{"/t/{a:[0-9]+}", "/t/{b:[0-9]+}/y"},
		{"/t/{a:[0-9]+}", "/t/{b:[0-9]+}"},
		{"/t/v{a:[0-9]+}.{b}", "/t/v{c:[0-9]+}.{d}/y"},
		{"/{a}.x/{b}-y", "/{c}.x/{d}-y/z"},
	} {
		_, err := Build(only(line(3, owner(row.prefix, at("/inside", say("")))), at(row.route, say(""))), newTestPools(t))
		want := fmt.Sprintf("route %s can never be reached: the scope at a.lua:3 owns %s and everything below it", row.route, row.prefix)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s and %s: %v, expected %s", row.prefix, row.route, err, want)
		}
	}
	for _, row := range []struct{ prefix, route string }{
		{"/t/{a}-x", "/t/{b}-y/z"},
		{"/t/{a}-x", "/t/{b}"},
		{"/t/{a}-x", "/t/{b}-xy"},
		{"/t/{a:[0-9]+}", "/t/{b:[0-9]}/y"},
		{"/t/{a:[0-9]+}", "/t/{b}/y"},
	} {
		if _, err := Build(only(owner(row.prefix, at("/inside", say(""))), at(row.route, say(""))), newTestPools(t)); err != nil {
			t.Errorf("%s and %s: %v", row.prefix, row.route, err)
		}
	}
}
