package expansion_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/expansion"
)

// bounded returns the placeholders of a request, with bounds.
func bounded(t *testing.T, target string) *caddy.Replacer {
	t.Helper()
	if err := expansion.Supported(); err != nil {
		t.Fatal(err)
	}
	repl := caddy.NewReplacer()
	r := httptest.NewRequest("GET", target, nil)
	r = caddyhttp.PrepareRequest(r, repl, httptest.NewRecorder(), nil)
	expansion.Bound(r)
	return repl
}

func TestPlaceholdersMakeNoMoreThanTheirBounds(t *testing.T) {
	t.Parallel()
	const most = 2 << 20
	for name, grow := range map[string]func(*caddy.Replacer) int{
		"many times a large one": func(repl *caddy.Replacer) int {
			repl.Set("large", strings.Repeat("x", 1<<10))
			return len(repl.ReplaceAll(strings.Repeat("{large}", 9000), ""))
		},
		"twice itself again and again": func(repl *caddy.Replacer) int {
			value := "x"
			for range 64 {
				repl.Set("v", value)
				value = repl.ReplaceAll("{v}{v}", "")
			}
			return len(value)
		},
		"twice another, set by a function": func(repl *caddy.Replacer) int {
			repl.Map(func(name string) (any, bool) {
				if name != "around" {
					return nil, false
				}
				return repl.ReplaceAll("{around}", ""), true
			})
			return len(repl.ReplaceAll("{around}", ""))
		},
		"many parts of a long query": func(repl *caddy.Replacer) int {
			before := len(repl.ReplaceAll("{http.request.uri.query.b}", ""))
			repl.ReplaceAll(strings.Repeat("{http.request.uri.query.a}", 9000), "")
			if before != 1 || repl.ReplaceAll("{http.request.uri.query.b}", "") != "" {
				return most + 1
			}
			return 0
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if n := grow(bounded(t, "/?b=1&c="+strings.Repeat("x", 1<<10))); n > most {
				t.Errorf("they made %d bytes", n)
			}
		})
	}
}

func TestPlaceholdersWithinTheBoundsAreWhatTheyWere(t *testing.T) {
	t.Setenv("EXPANSION", "from outside")
	repl := bounded(t, "/path?q=1")
	repl.Set("set.later", 7)
	repl.Map(func(name string) (any, bool) { return "mapped", name == "mapped.later" })
	const text = "{http.request.uri} {http.request.uri.query.q} {env.EXPANSION} {set.later} {mapped.later} {nothing} {http.vars.none}"
	if got, want := repl.ReplaceAll(text, "-"), "/path?q=1 1 from outside 7 mapped - "; got != want+"-" && got != want {
		t.Errorf("they are %q; want %q", got, want)
	}
	if _, found := repl.WithoutFile().Get("file./etc/hostname"); found {
		t.Error("a file is found where files are left out")
	}
	if _, found := repl.Get("file./nowhere"); !found {
		t.Error("files are not known any more")
	}
}

func TestARequestWithoutPlaceholdersIsLeftAlone(t *testing.T) {
	t.Parallel()
	expansion.Bound(httptest.NewRequest("GET", "/", nil).WithContext(context.Background()))
}
