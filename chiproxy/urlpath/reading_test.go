package urlpath

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestAPathHasTheReadingsThatServersHave(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/admin/x":           "",
		"/a//b":              "",
		"/a%252Fb":           "", // nobody decodes twice
		"/a%20b%3Fc":         "",
		"/admin%2fx":         "/admin/x",
		"/%2Fadmin":          "/admin",
		"/x/..%2fadmin/y":    "/admin/y",
		`/admin\x`:           "/admin/x",
		"/admin%5cx":         "/admin/x",
		"/admin;v=1/x":       "/admin/x",
		"/x/..;/admin":       "/admin",
		"/x//../admin":       "/x/admin",
		"/admin/.":           "/admin",
		"/admin/x/..":        "/admin",
		"/admin/%2e%2e":      "/ /admin/%.%.",
		"/a%2Fb%5Cc":         `/a/b\c /a%2Fb/c /a/b/c`,
		`/x%2Fy\..\admin`:    "/x/admin", // a backslash as it is makes Go write the path anew, with a slash
		"/100%25/..%2Fadmin": "/admin",
		"/a//%2e%2e/b":       "/a/b /a/%.%./b",
		"/a//.%2E/b":         "/a/b /a/%.%./b",
	} {
		u, err := url.ParseRequestURI(in)
		if err != nil {
			t.Fatal(err)
		}
		clean, spelled, ambiguous := Read(u)
		var got []string
		if ambiguous {
			for _, r := range Readings(spelled, clean) {
				got = append(got, r.Path)
			}
		}
		expected := strings.Fields(want)
		if in == "/admin/%2e%2e" {
			expected = expected[1:] // it is read as / already
		}
		slices.Sort(got)
		slices.Sort(expected)
		if !slices.Equal(got, expected) {
			t.Errorf("%s (%s): got %q, want %q", in, clean, got, expected)
		}
	}
}

func TestAPathIsReadInTheOrdersInWhichServersTakeItApart(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/x%2f..%2fadmin;%2f..%2fx":          "/admin",
		"/x%2f..%2fadmin;%2f..":              "/admin",
		"/x%5c..%5cadmin;%5c..%5cx":          "/admin",
		"/x%3Ba%2F..%2Fadmin;%2F..":          "/admin",   // an escaped semicolon begins no parameter for Tomcat
		"/x;%5c..%2Fa%2Fb%5C..%5C..%5Cadmin": "/x/admin", // parameters are taken off before a file system looks at backslashes
		"/api//%2e%2e/users":                 "/api/users",
		"/api/v1/public/%2F/;/../..":         "/api/",
	} {
		u, err := url.ParseRequestURI(in)
		if err != nil {
			t.Fatal(err)
		}
		all := Readings(spell(u), Of(u))
		if !slices.ContainsFunc(all, func(r Reading) bool { return r.Path == want }) {
			t.Errorf("%s: got %v, not %s", in, all, want)
		}
	}
	everything := "/a%3b/..;/%2e%2e//../b%2f;%5Cc/x;%2F%3By%5C..;%2F..%2F%2Fa;%5c%2E%2E/./..;%3B%2F%2e/%2e%2e"
	u, err := url.ParseRequestURI(everything)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(Readings(spell(u), Of(u))); n < 20 || n > 160 {
		t.Errorf("a path with all that servers differ in has %d readings", n)
	}
}

func TestAPathThatLeadsAboveAStrippedPrefixIsRefused(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/x;%2fa%2fb/..%2f..%2fadmin": true, "/x;%5ca%5cb/..%5c..%5cadmin": true, "/x%3b%2fa%2fb/..%2f..%2fadmin": false, "/a%2fb/..%2f..": false,
		"/x;v=1/a": false, "/a%2f..": false, "/%2e%2e%2fadmin": true, "/a%5C..;%2F..": true,
		"/": false, "/a/..": false, "/a/../b": false, "/..a": false, "/a..": false, "/a;..": false,
		"/..": true, "/../a": true, "/a/../../b": true, `/..\a`: true, `/a\..\..`: true, "/..;x/a": true, "//..": true,
	} {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := Climbs(u); got != want {
			t.Errorf("%s: got %v", path, got)
		}
	}
}
