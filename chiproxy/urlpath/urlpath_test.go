package urlpath

import (
	"net/url"
	"testing"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestRoutePath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                 "/",
		"/":                "/",
		"/a/b":             "/a/b",
		"/a/b/":            "/a/b/",
		"/a//b":            "/a/b",
		"//":               "/",
		"/a/./b":           "/a/b",
		"/a/.":             "/a/",
		"/a/%2e":           "/a/",
		"/a/./":            "/a/",
		"/a/..":            "/",
		"/a/b/..":          "/a/",
		"/a/b/%2E%2e":      "/a/",
		"/a/b/.%2E/.":      "/a/",
		"/a/...":           "/a/...",
		"/.":               "/",
		"/..":              "/",
		"/a/../b/":         "/b/",
		"/../../a":         "/a",
		"/a/%2e%2e/b":      "/b",
		"/a/.../b":         "/a/.../b",
		"/.a/..b":          "/.a/..b",
		"/%61":             "/a",
		"/a%2Fb":           "/a%2Fb",
		"/a%2fb":           "/a%2Fb",
		"/a%252Fb":         "/a%252Fb",
		"/a%25b":           "/a%25b",
		"/%C3%A4":          "/ä",
		"/a%5Cb":           `/a\b`,
		"/a;b":             "/a;b",
		"/a%3Fb%23c":       "/a?b#c",
		"/a%00":            "/a\x00",
		"/%2F..%2Fa":       "/%2F..%2Fa",
		"/a/..%2Fb":        "/a/..%2Fb",
		"/a%20b+c":         "/a b+c",
		"http://h.example": "/",
		"*":                "/*",
	} {
		u, err := url.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := Of(u); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	stale := &url.URL{Path: "/new", RawPath: "/old%2F"}
	if got := Of(stale); got != "/new" {
		t.Errorf("a raw path that does not belong to the path: got %q", got)
	}
}

func TestACleanPathCostsNothing(t *testing.T) {
	u := &url.URL{Path: "/users/42/posts/"}
	if n := testkit.Allocs(100, func() { _ = Of(u) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
