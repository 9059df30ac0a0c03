package convert_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/convert"
)

// What a route without a counterpart would have answered must not come to a wider one that asks for less: here, to one that takes everything.
func TestWhatHasNoCounterpartIsClosedAndNotLeftToWiderRoutes(t *testing.T) {
	t.Parallel()
	kong := func(route string) string {
		return "services:\n- {name: s, url: 'http://h', routes: [" + route + ", {name: wide, paths: [/], strip_path: false, preserve_host: true}]}\n"
	}
	traefik := func(rule string) string {
		return "http:\n  routers:\n    shut: {rule: '" + rule + "', service: s}\n    wide: {rule: 'PathPrefix(`/`)', service: s, priority: 1}\n  services: {s: {loadBalancer: {servers: [{url: 'http://h'}]}}}"
	}
	const all = `any("/*", { name = "shut" }, route.error(501))`
	for _, row := range []struct {
		format, in string
		want       []string // the routes of what has none, in their order
		rest       bool     // the wide route is left
	}{
		{"kong", kong("{name: shut, paths: [/a], snis: [x]}"), []string{`any("/a", { name = "shut" }, route.error(501))`, `any("/a/*", { name = "shut" }, route.error(501))`}, true},
		{"kong", kong("{name: shut, paths: [/a/], methods: [GET], sources: [{ip: 10.0.0.1}]}"), []string{`any("/a/*", { name = "shut", when = { method = "GET" } }, route.error(501))`}, true},
		{"kong", kong("{name: shut, hosts: [x.example], destinations: [{port: 1}]}"), []string{`any("/*", { name = "shut", when = { host = "x.example" } }, route.error(501))`}, true},
		{"kong", kong("{name: shut, snis: [x]}"), []string{all}, false},
		{"kong", kong("{name: shut, paths: [/a], hosts: ['x.*']}"), []string{`any("/a", { name = "shut" }, route.error(501))`, `any("/a/*", { name = "shut" }, route.error(501))`}, true},
		{"kong", kong("{name: shut, paths: [/a], hosts: ['x.*', y.example]}"), []string{`any("/a", { name = "shut", when = { host = "y.example" } }, `, `any("/a", { name = "shut" }, route.error(501))`, `any("/a/*", { name = "shut", when`, `any("/a/*", { name = "shut" }, route.error(501))`}, true},
		{"kong", kong("{name: shut, paths: ['/a/b c']}"), []string{`any("/a", { name = "shut" }, route.error(501))`, `any("/a/*", `}, true},
		{"kong", kong("{name: shut, paths: ['~/a/b/(c']}"), []string{`any("/a/b", `, `any("/a/b/*", `}, true},
		{"kong", kong("{name: shut, paths: ['~/a/b/?(?=c)d']}"), []string{`any("/a", `, `any("/a/*", `}, true},
		{"kong", kong("{name: shut, paths: ['~/a/b/x(c|d)[^/]/?$e']}"), []string{`any("/a/b", `, `any("/a/b/*", `}, true},
		{"kong", kong("{name: shut, paths: ['~/a/b/c|/d']}"), []string{`any("/*", { name = "shut" }, route.error(501))`}, false},
		{"kong", kong("{name: shut, paths: ['~/a/b/c(?=x)|/d']}"), []string{`any("/*", { name = "shut" }, route.error(501))`}, false},
		{"kong", "services:\n- {name: s, url: 'http://h', routes: [{name: wide, paths: [/], strip_path: false, preserve_host: true}]}\nroutes: [{name: shut, paths: [/a/], methods: [GET]}]", []string{`any("/a/*", { name = "shut", when = { method = "GET" } }, route.error(501))`}, true},
		{"traefik", traefik("PathPrefix(`/a`) && !Path(`/a/b`)"), []string{`any("/a", { name = "shut" }, route.error(501))`, `any("/a/*", `}, true},
		{"traefik", traefik("Host(`x.example`) && !PathPrefix(`/a`)"), []string{`any("/*", { name = "shut", when = { host = "x.example" } }, route.error(501))`}, true},
		{"traefik", traefik("Path(`/a`) && HeaderRegexp(`X`, `y`)"), []string{`any("/a", { name = "shut" }, route.error(501))`}, true},
		{"traefik", traefik("Path(`/a`) && !HeaderRegexp(`X`, `y`) || Path(`/b`)"), []string{`any("/a", { name = "shut" }, route.error(501))`, `any("/b", { name = "shut" }, `}, true},
		{"traefik", traefik("HostRegexp(`.+`)"), []string{all}, false},
	} {
		script, notes, err := convert.Formats[row.format](strings.NewReader(row.in))
		if err != nil {
			t.Errorf("%s: %v", row.in, err)
			continue
		}
		parses(t, script)
		var shut []string
		for line := range strings.Lines(script) {
			if strings.Contains(line, `"shut"`) {
				shut = append(shut, line)
			}
		}
		if !slices.EqualFunc(shut, row.want, func(line, want string) bool { return strings.HasPrefix(line, "route:"+want) }) || len(notes) == 0 || !strings.Contains(strings.Join(notes, "\n"), "answers 501") {
			t.Errorf("%s: the routes are\n%s\nwant\n%s\nnoted: %q", row.in, strings.Join(shut, ""), strings.Join(row.want, "\n"), notes)
		}
		if rest := strings.Contains(script, `"wide"`); rest != row.rest {
			t.Errorf("%s: the wide route is left: %t\n%s", row.in, rest, script)
		}
	}
	if _, _, err := convert.Kong(strings.NewReader(kong(`{name: shut, expression: 'http.path == "/a"'}`))); err == nil || !strings.HasPrefix(err.Error(), "line 2: the route shut is an expression") {
		t.Errorf("%v", err)
	}
}
