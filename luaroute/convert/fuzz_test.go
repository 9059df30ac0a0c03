package convert_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/convert"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
)

var stringOfLua = regexp.MustCompile(`"(?:[^"\\\n]|\\["\\n]|\\[0-9]{3})*"`)

// withoutStrings is a script without its strings.
func withoutStrings(script string) string { return stringOfLua.ReplaceAllString(script, "STRING") }

// codeOfConverters is all that a converter writes, but for its strings: nothing of a file is among it.
var codeOfConverters = regexp.MustCompile(`^[A-Za-z0-9_ .,:=(){}\[\]\n]*$`)

// parses checks that a script is Lua.
func parses(t *testing.T, text string) {
	t.Helper()
	if _, err := script.Compile("out.lua", []byte(text)); err != nil {
		t.Errorf("%v in\n%s", err, text)
	}
}

func FuzzAFileNeverMakesCode(f *testing.F) {
	for _, file := range []string{"kong.yml", "traefik.yml", "openapi.yml"} {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("http: {routers: {a: {rule: \"!(Host(`a`,`b`) || !Path(`/{x:[a-z]+}`)) && ((Method(`GET`)))\", service: a}}, services: {a: {loadBalancer: {servers: [{url: 'http://h'}]}}}}")
	f.Add("services: &s [{name: a, host: h, routes: &r [{paths: ['~/(?<a>[a-z]+)/b$']}, *r]}, *s]")
	f.Add("http: {services: {a: {x: 1, x: 2}, b: {}}}")
	f.Add("openapi: 3.0.0\npaths: {/a: {$ref: '#/paths/~1a'}}")
	f.Fuzz(func(t *testing.T, in string) {
		for _, convert := range convert.Formats {
			text, _, err := convert(strings.NewReader(in))
			if err != nil {
				continue
			}
			if plain := withoutStrings(text); !codeOfConverters.MatchString(plain) {
				t.Errorf("what is no string is\n%s", plain)
			}
			parses(t, text)
		}
	})
}
