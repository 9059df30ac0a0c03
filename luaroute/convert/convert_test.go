package convert_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/convert"
)

var update = flag.Bool("update", false, "write what the golden files are to have")

// Each file of testdata has the script that it becomes beside it, with the notes below as comments. Tests of cmd/caddy run these scripts.
func TestAFileBecomesItsScript(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"kong.yml", "traefik.yml", "openapi.yml"} {
		format := strings.TrimSuffix(file, ".yml")
		in, err := os.Open(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		script, notes, err := convert.Formats[format](in)
		if err != nil {
			t.Fatal(err)
		}
		for _, note := range notes {
			script += "-- " + note + "\n"
		}
		golden := filepath.Join("testdata", format+".lua")
		if *update {
			if err := os.WriteFile(golden, []byte(script), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if script != string(want) {
			t.Errorf("%s becomes\n%s\nwant\n%s", file, script, want)
		}
	}
}

func TestWhatCannotBeConvertedIsAnErrorWithItsLine(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ format, in, want string }{
		{"kong", "", "the file is empty; expected services"},
		{"kong", "3", `line 1: services is "3"; expected keys and values`},
		{"kong", "services: {}", "line 1: services is a mapping; expected a list"},
		{"kong", "a: 1", "line 1: there are no services; expected a list of them"},
		{"kong", "services:\n- {name: a, url: 'ftp://h'}", `line 2: "ftp://h": expected a URL such as http://10.0.0.1:8080`},
		{"kong", "services:\n- {name: a, url: 'http://{env.HOME}'}", `line 2: "http://{env.HOME}"`},
		{"kong", "services:\n- {name: a, host: h, retries: many}", `line 2: retries is "many"; expected a whole number`},
		{"kong", "services:\n- {name: a, host: h, routes: [{strip_path: perhaps}]}", `line 2: strip_path is "perhaps"; expected true or false`},
		{"traefik", "a: 1", "line 1: there is no http; expected routers, services and middlewares in it"},
		{"traefik", "http:\n  routers:\n    a: {rule: 'Path(`/a`', service: s}\n  services: {s: {loadBalancer: {servers: [{url: 'http://h'}]}}}", "line 3: the rule of the router a: expected a comma in Path"},
		{"traefik", "http:\n  routers:\n    a: {rule: 'Path(`/a`)', service: none}", `line 3: there is no service "none"`},
		{"traefik", "http:\n  routers:\n    a: {rule: 'Path(`/a`)', service: s, middlewares: [none]}\n  services: {s: {loadBalancer: {servers: [{url: 'http://h'}]}}}", `line 3: there is no middleware "none"`},
		{"traefik", "http:\n  services: {s: {weighted: {services: [{name: s}]}}}\n  routers:\n    a: {rule: 'Path(`/a`)', service: s}", `line 2: there is no service "s", or it is made of itself`},
		{"openapi", "swagger: '2.0'", "line 1: swagger is 2.0; expected openapi 3.0 or 3.1"},
		{"openapi", "openapi: 3.1.0", "line 1: there are no paths"},
		{"openapi", "openapi: 3.1.0\npaths: []", "line 2: paths is a list; expected keys and values"},
	} {
		_, _, err := convert.Formats[row.format](strings.NewReader(row.in))
		if err == nil || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%s: %q: the error is %v; want %s", row.format, row.in, err, row.want)
		}
	}
}

// Each name and string of a hostile file would end the string of Lua that it is in, a comment, or the list of arguments.
func TestStringsOfAFileStayStrings(t *testing.T) {
	t.Parallel()
	const evil = `a\")]] \n os.exit() --[[ \\ \u0000 \xff`
	for format, in := range map[string]string{
		"kong": `{"services": [{"name": "EVIL", "url": "http://h", "routes": [{"name": "EVIL", "paths": ["/a"], "hosts": ["h"], "headers": {"EVIL": ["EVIL"]}}],
			"plugins": [{"name": "key-auth"}, {"name": "request-transformer", "config": {"add": {"headers": ["EVIL: EVIL"]}}}, {"name": "request-termination", "config": {"message": "EVIL"}}]}],
			"consumers": [{"username": "EVIL", "keyauth_credentials": [{"key": "EVIL"}], "acls": [{"group": "EVIL"}]}]}`,
		"traefik": "{\"http\": {\"routers\": {\"EVIL\": {\"rule\": \"Path(`/a`) && Header(`EVIL`, `EVIL`)\", \"service\": \"EVIL\", \"middlewares\": [\"EVIL\"]}}, \"middlewares\": {\"EVIL\": {\"rateLimit\": {\"average\": 1}," +
			"\"headers\": {\"customRequestHeaders\": {\"EVIL\": \"EVIL\"}}}}, \"services\": {\"EVIL\": {\"loadBalancer\": {\"servers\": [{\"url\": \"http://h\"}]}}}}}",
		"openapi": `{"openapi": "3.0.0", "paths": {"/a": {"get": {"operationId": "EVIL"}}}}`,
	} {
		script, _, err := convert.Formats[format](strings.NewReader(strings.ReplaceAll(in, "EVIL", evil)))
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		if plain := withoutStrings(script); strings.Contains(plain, "os.exit") || strings.ContainsAny(plain, "\x00\\") {
			t.Errorf("%s: a string has ended:\n%s", format, script)
		}
		parses(t, script)
	}
}
