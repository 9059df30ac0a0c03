package host

import (
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestName(t *testing.T) {
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
		if got := Name(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestAPlainHostCostsNothing(t *testing.T) {
	if n := testkit.Allocs(100, func() { _ = Name("www.example.com.:8443") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"a.example", "[::1]:80", "bücher.example", "a:b:c", "XN--BCHER-KVA."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		key := Name(host)
		if key == "" {
			return
		}
		if again := Name(key); again != key {
			t.Errorf("%q: %q becomes %q", host, key, again)
		}
		if key != strings.ToLower(key) || strings.HasSuffix(key, ".") && !strings.HasSuffix(key, "..") {
			t.Errorf("%q: %q is not in the form of Name", host, key)
		}
		if declared, err := Key(key); err == nil && declared != key {
			t.Errorf("%q: declared as %q, asked for as %q", host, declared, key)
		}
	})
}
