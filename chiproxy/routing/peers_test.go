package routing

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy"
)

// shown answers with the pattern of the route and its parameters.
var shown = actionFunc(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
	var params []string
	for k, v := range ex.Params() {
		params = append(params, k+"="+v)
	}
	_, err := fmt.Fprint(ex.W, strings.TrimSpace(ex.Pattern()+" "+strings.Join(params, " ")))
	return chiproxy.Done, err
})

// routes makes routes that show which one was found.
func routes(rules ...string) []chiproxy.Item {
	items := make([]chiproxy.Item, len(rules))
	for i, rule := range rules {
		items[i] = at(rule, shown)
	}
	return items
}

// TestWholeRouteSetsAreToldApart has route sets as other routers try theirs: prefixes that split in the middle of a word,
// parameters in all places, ways that have to be gone back, and the API of a whole shop.
func TestWholeRouteSetsAreToldApart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		routes []string
		want   expect
	}{
		"words that share their beginnings": {
			[]string{"/t", "/te", "/test", "/team", "/toast", "/tester", "/test/", "/test/ing", "/to*"},
			expect{
				"/t": "/t", "/te": "/te", "/tes": "next", "/test": "/test", "/tester": "/tester", "/testers": "next", "/team": "/team", "/tea": "next",
				"/test/": "/test/", "/test/ing": "/test/ing", "/toast": "/toast", "/to": "/to* *=", "/toasts/x": "/to* *=asts/x", "/x": "next",
			},
		},
		"parameters with text on both sides": {
			[]string{"/user/super-{id}", "/user/{id}", "/user/{id}.json", "/user/{first}-{last}", "/v{major}.{minor}/x", "/@{name}", "/~{name}/*"},
			expect{
				"/user/super-7": "/user/super-{id} id=7", "/user/super": "/user/{id} id=super", "/user/7.json": "/user/{id}.json id=7",
				"/user/ada-love": "/user/{first}-{last} first=ada last=love", "/user/a-b-c": "/user/{first}-{last} first=a-b last=c",
				"/v1.2/x": "/v{major}.{minor}/x major=1 minor=2", "/v1/x": "next", "/@ada": "/@{name} name=ada", "/~ada/a/b": "/~{name}/* name=ada *=a/b", "/~ada": "next",
			},
		},
		"a way that has to be gone back": {
			[]string{"/a/{b}/c", "/a/x/d", "/{a}/x/e", "/{a}/{b}/{c}", "/a/x/*", "/{a}/x/c/f"},
			expect{
				"/a/x/d": "/a/x/d", "/a/x/c": "/a/x/* *=c", "/a/y/c": "/a/{b}/c b=y", "/a/x/e": "/a/x/* *=e", "/b/x/e": "/{a}/x/e a=b",
				"/a/y/e": "/{a}/{b}/{c} a=a b=y c=e", "/a/x/c/f": "/a/x/* *=c/f", "/b/x/c/f": "/{a}/x/c/f a=b", "/a/y": "next",
			},
		},
		"regexps in one place": {
			[]string{"/{id:[0-9]+}", "/{id:[0-9a-f]{8}}", "/{slug:[a-z-]+}", "/{any}", "/{year:[0-9]{4}}/{month:(0[1-9]|1[0-2])}", "/{a}/{b}", "/{v:v[0-9]+}/*"},
			expect{
				"/42": "/{id:[0-9]+} id=42", "/12345678": "/{id:[0-9]+} id=12345678", "/deadbeef": "/{id:[0-9a-f]{8}} id=deadbeef", "/some-text": "/{slug:[a-z-]+} slug=some-text",
				"/Some": "/{any} any=Some", "/2026/11": "/{year:[0-9]{4}}/{month:(0[1-9]|1[0-2])} year=2026 month=11", "/2026/13": "/{a}/{b} a=2026 b=13",
				"/v2/x/y": "/{v:v[0-9]+}/* v=v2 *=x/y", "/v2/x": "/{v:v[0-9]+}/* v=v2 *=x",
			},
		},
		"letters beyond ASCII": {
			[]string{"/ä", "/äh", "/{x}/ö", "/日本/{城}", "/日本語"},
			expect{"/%C3%A4": "/ä", "/%C3%A4h": "/äh", "/a/%C3%B6": "/{x}/ö x=a", "/日本/姫路": "/日本/{城} 城=姫路", "/日本語": "/日本語", "/日": "next", "/%C3": "next"},
		},
		"catch-alls of several depths": {
			[]string{"/*", "/a/*", "/a/b/*", "/a/b/c", "/a/{x}/c/*"},
			expect{
				"/": "/* *=", "/a": "/* *=a", "/a/": "/a/* *=", "/a/b": "/a/* *=b", "/a/b/": "/a/b/* *=", "/a/b/c": "/a/b/c", "/a/b/c/": "/a/b/* *=c/",
				"/a/x/c/d": "/a/{x}/c/* x=x *=d", "/a/b/c/d": "/a/b/* *=c/d", "/a/x/d": "/a/* *=x/d",
			},
		},
		"the API of a shop": {
			[]string{
				"GET /", "GET /favicon.ico", "GET /assets/*", "GET,POST /carts", "GET,PUT,DELETE /carts/{cart}", "POST /carts/{cart}/items",
				"GET,PATCH,DELETE /carts/{cart}/items/{item}", "GET /carts/mine", "GET /products", "GET /products/{sku:[A-Z]{2}[0-9]+}", "GET /products/{category}",
				"GET /products/{category}/{sku}", "GET /products/new/{sku}", "/hooks/{provider}", "PURGE /assets/*",
			},
			expect{
				"/": "/", "/favicon.ico": "/favicon.ico", "/assets/js/app.js": "/assets/* *=js/app.js", "PURGE /assets/x": "/assets/* *=x", "POST /assets/x": "405",
				"POST /carts": "/carts", "PUT /carts": "405", "/carts/7": "/carts/{cart} cart=7", "/carts/mine": "/carts/mine", "DELETE /carts/mine": "/carts/{cart} cart=mine",
				"POST /carts/mine": "405", "POST /carts/7/items": "/carts/{cart}/items cart=7", "/carts/7/items": "405", "PATCH /carts/7/items/3": "/carts/{cart}/items/{item} cart=7 item=3",
				"/products/AB12": "/products/{sku:[A-Z]{2}[0-9]+} sku=AB12", "/products/shoes": "/products/{category} category=shoes", "/products/new": "/products/{category} category=new",
				"/products/new/AB12": "/products/new/{sku} sku=AB12", "/products/old/AB12": "/products/{category}/{sku} category=old sku=AB12", "POST /products": "405",
				"BREW /hooks/a": "/hooks/{provider} provider=a", "/hooks": "next", "/hooks/a/": "next", "/hooks/": "next",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			items := routes(c.routes...)
			c.want.check(t, only(items...))
			slices.Reverse(items)
			if name != "regexps in one place" { // where the order of declaration counts
				c.want.check(t, only(items...))
			}
		})
	}
}

// TestHostsComeBeforePathsAsGatewaysHaveIt has hosts, ports and prefixes as gateways try theirs.
func TestHostsComeBeforePathsAsGatewaysHaveIt(t *testing.T) {
	t.Parallel()
	tenant := func(name, hosts, prefix string, rules ...string) chiproxy.Tenant {
		tn := chiproxy.Tenant{Name: name, Hosts: strings.Fields(hosts), PathPrefix: prefix}
		for _, rule := range rules {
			tn.Root.Items = append(tn.Root.Items, at(rule, say(name)))
		}
		return tn
	}
	tenants := []chiproxy.Tenant{
		tenant("any", "", "", "/*"),
		tenant("prefix", "", "/api", "/*", "/"),
		tenant("wild", "*.example.com", "", "/*"),
		tenant("wild-prefix", "*.example.com", "/api", "/*", "/"),
		tenant("deep", "*.eu.example.com", "", "/*"),
		tenant("exact", "www.example.com", "", "/", "/only"),
		tenant("exact-prefix", "www.example.com", "/api", "/v1"),
		tenant("exact-long", "www.example.com", "/api/v2", "/*", "/"),
		tenant("two", "a.test b.test", "", "/*"),
		tenant("six", "[2001:db8::1]", "", "/*"),
		tenant("four", "192.0.2.7", "", "/*"),
	}
	want := expect{
		"http://other.org/": "any", "http://other.org/api": "prefix", "http://other.org/api/x": "prefix", "http://other.org/apix": "any",
		"http://a.example.com/": "wild", "http://a.example.com/api/x": "wild-prefix", "http://A.EXAMPLE.com.:8443/": "wild", "http://example.com/": "any",
		"http://a.eu.example.com/": "deep", "http://eu.example.com/": "wild", "http://a.b.eu.example.com/": "any", "http://a.eu.example.com/api": "deep",
		"http://www.example.com/": "exact", "http://www.example.com/only": "exact", "http://www.example.com:80/only": "exact", "http://www.example.com/api/v1": "exact-prefix",
		"http://www.example.com/api/v2": "exact-long", "http://www.example.com/api/v2/x": "exact-long", "http://www.example.com/api/v3": "base", "http://www.example.com/none": "base",
		"http://a.test/": "two", "http://b.test:1/x": "two", "http://c.test/": "any", "http://[2001:db8::1]:8080/": "six", "http://[2001:DB8:0::1]/": "six", "http://[2001:db8::2]/": "any",
		"http://192.0.2.7:9/": "four", "http://192.0.2.70/": "any",
	}
	base := chiproxy.Tenant{Root: root(at("/*", say("base")))}
	want.check(t, chiproxy.Spec{Default: base, Tenants: tenants})
	slices.Reverse(tenants)
	want.check(t, chiproxy.Spec{Default: base, Tenants: tenants}) // the order of declaration does not count
}
