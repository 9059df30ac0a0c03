package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/reference"
)

// Each constructor of the router is called alone, and then with its result given to somebody.
func TestWhatIsMadeAndGivenToNobodyIsFound(t *testing.T) {
	t.Parallel()
	var found []string
	for _, doc := range reference.Build().Router().Methods {
		unused := func(code string) bool {
			return slices.ContainsFunc(saysOf(t, code), func(s string) bool { return strings.Contains(s, " unused-result: ") })
		}
		if unused("route." + doc.Name + "()") {
			found = append(found, doc.Name)
		}
		for _, code := range []string{"local x = route.%s() route:use(x)", "route:use(route.%s())", "route:get('/', route.%s())", "return route.%s()"} {
			if code = strings.ReplaceAll(code, "%s", doc.Name); unused(code) {
				t.Errorf("%s: it is said to be unused", code)
			}
		}
	}
	for _, name := range []string{"cors", "headers", "timeout", "max_body", "fault", "limit", "concurrency", "keys", "allow", "basic", "forward_auth", "mirror", "split", "proxy", "respond", "redirect", "error", "handler"} {
		if !slices.Contains(found, name) {
			t.Errorf("route.%s() alone is not found", name)
		}
	}
	if got := saysOf(t, "route:with(route.timeout(1)):get('/', 'users') local r = route:with(route.timeout(1)) r:get('/a', 'users')"); len(got) > 0 {
		t.Errorf("%q", got)
	}
}
