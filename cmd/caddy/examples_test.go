package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
	"github.com/luaroute/caddy-luaroute/internal/ports"
)

const examples = "../../examples"

// readExample returns a file of examples for the harness, which expands names that begin with a dollar. What is
// given are texts to replace, each with its replacement.
func readExample(t *testing.T, name string, replace ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(examples, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(append(replace, "$", "${dollar}")...).Replace(string(text))
}

// startExample runs a script of examples. Its first origin is the one given, or one that answers with what it was
// asked, as the second does. More lines for the luaroute block may follow.
func startExample(t *testing.T, name string, origin http.HandlerFunc, more ...string) (c *e2e.Caddy, app *e2e.Origin) {
	t.Helper()
	c = e2e.New(t)
	c.Set("dollar", "$")
	if origin == nil {
		app = c.Origin("app")
	} else {
		app = c.Serve("app", origin)
	}
	c.Origin("second")
	c.File("main.lua", readExample(t, name, "127.0.0.1:9001", "$app", "127.0.0.1:9002", "$second"))
	c.Start(e2e.Site(strings.Join(more, "\n")))
	return c, app
}

// Every example is a folder that says what it shows, what it needs and what to ask; this does so.
func TestTheExamplesAnswerAsTheirREADMEsSay(t *testing.T) {
	for _, name := range exampleNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SIGNING_KEY", "secret")
			c := e2e.New(t)
			c.Set("dollar", "$")
			moved := []string{":8080", ":$port", "9001", ports.Free(t), "9002", ports.Free(t)}
			c.File("main.lua", readExample(t, name+"/main.lua", moved...))
			_, origins, ok := strings.Cut(readExample(t, "origins.caddyfile", moved...), "\n}\n") // the harness has global options of its own
			imported, site, found := strings.Cut(readExample(t, name+"/Caddyfile", append(moved, "main.lua", "$dir/main.lua")...), "\n")
			if !ok || !found || imported != "import ../origins.caddyfile" {
				t.Fatalf("the Caddyfile begins with %q", imported)
			}
			c.Start(origins + site)
			all, err := blocks(filepath.Join(examples, name, "README.md"))
			if err != nil {
				t.Fatal(err)
			}
			asked := 0
			for _, b := range all {
				if b.language != "console" {
					continue
				}
				commands, err := curls(strings.NewReplacer(moved[2:]...).Replace(b.text))
				if err != nil {
					t.Fatal(err)
				}
				e := &example{block: b, t: t, c: c}
				for _, command := range commands {
					command.target = "localhost" + strings.TrimPrefix(command.target, "localhost:8080")
					e.curl(command)
					asked++
				}
			}
			if asked == 0 {
				t.Error("the README asks nothing")
			}
		})
	}
}

func TestTheTestsOfTheExamplesPass(t *testing.T) {
	t.Setenv("SIGNING_KEY", "secret")
	for _, name := range append(exampleNames(t), "docs-site") {
		for _, command := range []string{
			"validate --config Caddyfile", "luaroute check --config Caddyfile", "luaroute test --config Caddyfile main_test.lua",
		} {
			if out, log, code := caddyOutputIn(t, filepath.Join(examples, name), strings.Fields(command)...); code != 0 {
				t.Errorf("%s: %s: exit code %d\n%s%s", name, command, code, out, log)
			}
		}
	}
}

func TestEveryExampleSaysWhatItShowsWhatItNeedsAndHowItIsTried(t *testing.T) {
	index := readExample(t, "README.md")
	for _, name := range exampleNames(t) {
		script := readExample(t, name+"/main.lua")
		for i, want := range []string{"-- Shows: .+", "-- Needs: .+", "-- Try:   .*caddy run in this folder, then what README.md asks"} {
			if line := strings.SplitN(script, "\n", 4)[i]; !regexp.MustCompile("^" + want + "$").MatchString(line) {
				t.Errorf("line %d of %s is %q; want %s", i+1, name, line, want)
			}
		}
		if !strings.Contains(index, "| ["+name+"]("+name+") | ") {
			t.Errorf("the index does not list %s", name)
		}
	}
}

// exampleNames returns the folders of the examples that need no more than their origins.
func exampleNames(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(examples, "*", "Caddyfile"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no examples; %v", err)
	}
	var names []string
	for _, file := range files {
		if name := filepath.Base(filepath.Dir(file)); name != "docs-site" && name != "compose" { // tests of their own
			names = append(names, name)
		}
	}
	return names
}
