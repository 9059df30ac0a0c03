package routing

import (
	"net/url"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// readsHost reports whether some server may read a Host as a name: one that is lenient about dots, ports, what stands before an @,
// brackets, spaces and escapes.
func readsHost(host, name string) bool {
	if decoded, err := url.PathUnescape(host); err == nil {
		host = decoded
	}
	host = strings.ToLower(host)
	for _, p := range append(strings.FieldsFunc(host, func(r rune) bool { return strings.ContainsRune("@,/\\ []", r) }), host) {
		p, _, _ = strings.Cut(p, ":")
		if strings.Trim(p, ". \t") == name {
			return true
		}
	}
	return false
}

// A table that has hosts refuses what is none: it would be forwarded by what stands wider, to a server that may read a guarded
// host in it.
func TestNoSpellingOfAHostPassesByWhatIsForIt(t *testing.T) {
	t.Parallel()
	deny, app := at("/*", chiproxy.Error{Status: 401}), at("/*", say("app"))
	tables := map[string]*Table{
		"a tenant":         mustBuild(t, chiproxy.Spec{Tenants: []chiproxy.Tenant{{Name: "t", Hosts: []string{"secret.example"}, Root: root(deny)}}, Default: chiproxy.Tenant{Root: root(app)}}),
		"a wildcard":       mustBuild(t, chiproxy.Spec{Tenants: []chiproxy.Tenant{{Name: "t", Hosts: []string{"*.example"}, Root: root(deny)}}, Default: chiproxy.Tenant{Root: root(app)}}),
		"a layer":          mustBuild(t, only(in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"secret.example"}}, deny), app)),
		"a tenant's layer": mustBuild(t, chiproxy.Spec{Tenants: []chiproxy.Tenant{{Name: "t", PathPrefix: "/x", Root: root(in(chiproxy.Scope{Kind: chiproxy.Layer, Hosts: []string{"secret.example"}}, deny), app)}}}),
	}
	rng := testkit.Seeded(12, 9)
	seen := map[string]int{}
	for range 20_000 {
		host := "secret.example"
		if rng.IntN(8) == 0 {
			host = "open.test"
		}
		for range rng.IntN(3) {
			junk := pick(rng, ".", "..", ":80", ":", ":http", ":80:80", "@", "open.test:80@", "[", "]", "[::1]", " ", "\t", ",", "%2e", "\u3002", "/", "\\", "a,", ":-1", "\xff", "*")
			i := pick(rng, 0, len(host), len(host), rng.IntN(len(host)))
			host = host[:i] + junk + host[i:]
		}
		for name, table := range tables {
			r := ask("/x/y")
			r.Host = host
			got := send(table, r).String()
			seen[got]++
			if got != "401" && got != "400" && readsHost(host, "secret.example") {
				t.Fatalf("%s: host %q: got %s", name, host, got)
			}
		}
	}
	if seen["401"] < 20_000 || seen["400"] < 20_000 || seen["app"] < 2000 {
		t.Errorf("too few of each: %v", seen)
	}
}

func TestAHostIsCheckedWhereTheTableHasHosts(t *testing.T) {
	t.Parallel()
	with := mustBuild(t, chiproxy.Spec{Tenants: []chiproxy.Tenant{{Name: "t", Hosts: []string{"a.example"}, Root: root(at("/*", say("t")))}}, Default: chiproxy.Tenant{Root: root(at("/*", say("app")))}})
	without := mustBuild(t, only(at("/*", say("app"))))
	for host, want := range map[string]string{"a.example.:80": "t", "": "app", "b.example": "app", "[::1]:80": "app", "a.example..": "400", "a.example:80:80": "400", ":80": "400"} {
		r := ask("/x")
		r.Host = host
		if got := send(with, r).String(); got != want {
			t.Errorf("%q: got %s, want %s", host, got, want)
		}
		if got := send(without, r).String(); got != "app" {
			t.Errorf("%q, in a table without hosts: got %s", host, got)
		}
	}
}
