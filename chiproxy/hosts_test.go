package chiproxy

import (
	"net/url"
	"strings"
	"testing"
)

func TestRequestHost(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a.example":             "a.example",
		"a.example:8080":        "a.example",
		"a.example:":            "a.example",
		"a.example.":            "a.example",
		"a.example.:80":         "a.example",
		"A.Example":             "a.example",
		"bücher.example":        "xn--bcher-kva.example",
		"BÜCHER.example.:1":     "xn--bcher-kva.example",
		"XN--BCHER-KVA.example": "xn--bcher-kva.example",
		"a_b.example":           "a_b.example",
		"192.0.2.1:80":          "192.0.2.1",
		"[::1]":                 "::1",
		"[::1]:443":             "::1",
		"::1":                   "::1",
		"[0:0:0:0:0:0:0:1]:1":   "::1",
		"[2001:DB8::A]":         "2001:db8::a",
		"[fe80::1%eth0]:80":     "fe80::1",
		"[fe80::1%25eth0]":      "fe80::1",
		"[::ffff:192.0.2.1]":    "::ffff:192.0.2.1",
		"":                      "",
		".":                     "",
		":80":                   "",
		"a b":                   "",
		"a/b":                   "",
		"a%2eexample":           "",
		"a:b:c":                 "",
		"[":                     "",
		"[]":                    "",
		"[::1":                  "", "[a.example]": "", "[::1]b.example:80": "", "a.example:80@b.example": "", "[::1]:": "::1", "[::1]80": "",
		"\xff.example":        "",
		"*.example":           "",
		"localhost":           "localhost",
		"\u2460.example":      "1.example",
		"\u3002":              "",
		"example\u3002com":    "example.com",
		"stra\u00dfe.example": "xn--strae-oqa.example",
		"xn--a.example":       "xn--a.example",
		"a..example":          "", ".a.example": "", "a.example..": "",
		"-a.example":       "-a.example",
		"a.example:80\x00": "", "a.example:80:80": "",
		"a.example:http":         "",
		"1.2.3.4.":               "1.2.3.4",
		"[v1.fe80::a+en1]":       "",
		"user@a.example":         "",
		"a.example,b.example":    "",
		strings.Repeat("a", 300): strings.Repeat("a", 300),
		"fe80::1%eth0":           "fe80::1",
		"[::1]x":                 "",
		"0x7f.1":                 "0x7f.1",
		"\u202ea.example":        "",
		"a\u00ad.example":        "a.example",
		"ＥＸＡＭＰＬＥ.com":            "example.com",
	} {
		if got := requestHost(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

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
	deny, app := at("/*", Error{Status: 401}), at("/*", say("app"))
	tables := map[string]*Table{
		"a tenant":         mustBuild(t, Spec{Tenants: []Tenant{{Name: "t", Hosts: []string{"secret.example"}, Root: root(deny)}}, Default: Tenant{Root: root(app)}}),
		"a wildcard":       mustBuild(t, Spec{Tenants: []Tenant{{Name: "t", Hosts: []string{"*.example"}, Root: root(deny)}}, Default: Tenant{Root: root(app)}}),
		"a layer":          mustBuild(t, only(in(Scope{Kind: Layer, Hosts: []string{"secret.example"}}, deny), app)),
		"a tenant's layer": mustBuild(t, Spec{Tenants: []Tenant{{Name: "t", PathPrefix: "/x", Root: root(in(Scope{Kind: Layer, Hosts: []string{"secret.example"}}, deny), app)}}}),
	}
	rng := seeded(12, 9)
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
	with := mustBuild(t, Spec{Tenants: []Tenant{{Name: "t", Hosts: []string{"a.example"}, Root: root(at("/*", say("t")))}}, Default: Tenant{Root: root(at("/*", say("app")))}})
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

func TestAPlainHostCostsNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { _ = requestHost("www.example.com.:8443") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzRequestHost(f *testing.F) {
	for _, s := range []string{"a.example", "[::1]:80", "bücher.example", "a:b:c", "XN--BCHER-KVA."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		key := requestHost(host)
		if key == "" {
			return
		}
		if again := requestHost(key); again != key {
			t.Errorf("%q: %q becomes %q", host, key, again)
		}
		if key != strings.ToLower(key) || strings.HasSuffix(key, ".") && !strings.HasSuffix(key, "..") {
			t.Errorf("%q: %q is not in the form of the index", host, key)
		}
		if declared, err := hostKey(key); err == nil && declared != key {
			t.Errorf("%q: declared as %q, asked for as %q", host, declared, key)
		}
	})
}
