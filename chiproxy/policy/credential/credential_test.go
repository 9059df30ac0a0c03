package credential_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/credential"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func TestACredentialIsFoundInItsPlaceOnceAndRemovedFromThere(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		from, target string
		header       []string
		text         string
		given, clear bool
		left         string // of the query, Cookie, Authorization and X-Key, when it is removed
	}{
		{"header:X-Key", "/items/1", []string{"X-Key", "a b"}, "a b", true, true, "|||"},
		{"header:x-key", "/items/1", []string{"X-Key", ""}, "", true, false, "|||"},
		{"header:X-Key", "/items/1", nil, "", false, false, "|||"},
		{"header:X-Key", "/items/1", []string{"X-Key", "a", "X-Key", "a"}, "a", true, false, "|||"},
		{"header:Authorization", "/items/1", []string{"Authorization", "Bearer abc"}, "abc", true, true, "|||"},
		{"header:authorization", "/items/1", []string{"Authorization", "bEaReR   abc"}, "abc", true, true, "|||"},
		{"header:Authorization", "/items/1", []string{"Authorization", "Bearerabc"}, "", false, false, "|||"},
		{"header:Authorization", "/items/1", []string{"Authorization", "Bearer"}, "", true, false, "|||"},
		{"header:Authorization", "/items/1", []string{"Authorization", "Basic abc"}, "", false, false, "|||"},
		{"header:Authorization", "/items/1", []string{"Authorization", "Basic x", "Authorization", "Bearer abc"}, "abc", true, true, "|||"},
		{"cookie:sid", "/items/1", []string{"Cookie", `a=b; sid="abc" ;c=d`}, "abc", true, true, "|a=b; c=d||"},
		{"cookie:sid", "/items/1", []string{"Cookie", "sid=a; sid=b"}, "b", true, false, "|||"},
		{"cookie:sid", "/items/1", []string{"Cookie", "sid=a", "Cookie", "sid=a"}, "a", true, false, "|||"},
		{"cookie:sid", "/items/1", []string{"Cookie", "xsid=a; sid2=b"}, "", false, false, "|xsid=a; sid2=b||"},
		{"query:k", "/items/1?a=1&k=a%20b&b=2", nil, "a b", true, true, "a=1&b=2|||"},
		{"query:k", "/items/1?k=1&%6B=2", nil, "2", true, false, "|||"},
		{"query:k", "/items/1?k", nil, "", true, false, "|||"},
		{"query:k", "/items/1?kk=1", nil, "", false, false, "kk=1|||"},
	} {
		s, err := credential.Parse(row.from, "Bearer")
		if err != nil {
			t.Fatal(err)
		}
		text, given, clear := s.Find(policytest.Request("GET", row.target, row.header...))
		if given != row.given || clear != row.clear || clear && text != row.text {
			t.Errorf("%s in %s %q: found %q, %v, %v", row.from, row.target, row.header, text, given, clear)
		}
		left := ""
		table := policytest.Table(t, policytest.Action(func(ex *chiproxy.Exchange) error {
			s.Remove(ex)
			h := ex.R.Header
			left = strings.Join([]string{ex.R.URL.RawQuery, strings.Join(h["Cookie"], "; "), strings.Join(h["Authorization"], ","), strings.Join(h["X-Key"], ",")}, "|")
			ex.W.WriteHeader(http.StatusNoContent)
			return nil
		}))
		policytest.Serve(table, policytest.Request("GET", row.target, row.header...))
		if left != row.left {
			t.Errorf("%s in %s %q: %q is left; want %q", row.from, row.target, row.header, left, row.left)
		}
	}
}

func TestASourceOrAFieldThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "x", "header:", "header:a b", "cookie:", "cookie:a=b", "query:", "Header:X", "body:x"} {
		if _, err := credential.Parse(text, "Bearer"); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	for _, name := range []string{"", "a b", "host", "COOKIE", "authorization", "x-forwarded-for", "Forwarded", "Content-Length"} {
		if got, err := credential.Fields("X-Fine", name); err == nil {
			t.Errorf("%q is taken as %q", name, got)
		}
	}
	if got, err := credential.Fields("x-user", "X-ROLES"); err != nil || strings.Join(got, " ") != "X-User X-Roles" {
		t.Errorf("%q, %v", got, err)
	}
	for realm, good := range map[string]bool{"": true, "the site": true, `a"b`: false, `a\b`: false, "ä": false, "a\n": false} {
		if err := credential.CheckRealm(realm); (err == nil) != good {
			t.Errorf("the realm %q: %v", realm, err)
		}
	}
}
