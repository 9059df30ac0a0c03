package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

// apart are the examples that need more than origins, and have tests of their own.
var apart = []string{"docs-site", "compose", "php"}

// includes are lines of a Caddyfile that import a file of the same folder.
var includes = regexp.MustCompile(`(?m)^import (\w+\.caddyfile)$`)

// startFolder runs an example as its Caddyfile says, at other addresses. What is given are texts to replace, each with its replacement; ports
// of origins are replaced besides, and returned in the same form.
func startFolder(t *testing.T, name string, replace ...string) (c *e2e.Caddy, moved []string) {
	t.Helper()
	c = e2e.New(t)
	c.Set("dollar", "$")
	for _, port := range []string{"9001", "9002", "9003"} {
		moved = append(moved, port, ports.Free(t))
	}
	replace = slices.Concat(replace, []string{":8080", ":$port"}, moved)
	scripts, err := filepath.Glob(filepath.Join(examples, name, "*.lua"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("the folder has no scripts; %v", err)
	}
	inFolder := slices.Clone(replace)
	for _, script := range scripts {
		script = filepath.Base(script)
		c.File(script, readExample(t, name+"/"+script, replace...))
		inFolder = append(inFolder, "script "+script, "script $dir/"+script)
	}
	site := readExample(t, name+"/Caddyfile", inFolder...)
	site = includes.ReplaceAllStringFunc(site, func(line string) string {
		return readExample(t, name+"/"+includes.FindStringSubmatch(line)[1], inFolder...)
	})
	if rest, ok := strings.CutPrefix(site, "import ../origins.caddyfile\n"); ok {
		_, origins, _ := strings.Cut(readExample(t, "origins.caddyfile", replace...), "\n}\n") // the harness has global options of its own
		site = origins + rest
	}
	c.Start(site)
	return c, moved
}

// askREADME asks what the README of an example asks. What is given are texts to replace in the answers, each with its replacement.
func askREADME(t *testing.T, c *e2e.Caddy, name string, replace ...string) {
	t.Helper()
	all, err := blocks(filepath.Join(examples, name, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, b := range all {
		if b.language != "console" {
			continue
		}
		commands, err := curls(strings.NewReplacer(replace...).Replace(b.text))
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
}

// Every example is a folder that says what it shows, what it needs and what to ask; this does so.
func TestTheExamplesAnswerAsTheirREADMEsSay(t *testing.T) {
	for _, name := range exampleNames(t) {
		if !slices.Contains(apart, name) {
			t.Run(name, func(t *testing.T) {
				t.Setenv("SIGNING_KEY", "secret")
				c, moved := startFolder(t, name)
				askREADME(t, c, name, moved...)
			})
		}
	}
}

func TestTheTestsOfTheExamplesPass(t *testing.T) {
	t.Setenv("SIGNING_KEY", "secret")
	for _, name := range exampleNames(t) {
		for _, command := range []string{
			"validate --config Caddyfile", "luaroute check --config Caddyfile", "luaroute test --config Caddyfile --name main main_test.lua",
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
		if name == "docs-site" { // its README has more to say
			continue
		}
		script := readExample(t, name+"/main.lua")
		for i, want := range []string{"-- Shows: .+", "-- Needs: .+", "-- Try:   .*(caddy run|docker compose up) in this folder, then what README.md asks"} {
			if line := strings.SplitN(script, "\n", 4)[i]; !regexp.MustCompile("^" + want + "$").MatchString(line) {
				t.Errorf("line %d of %s is %q; want %s", i+1, name, line, want)
			}
		}
		if !strings.Contains(index, "| ["+name+"]("+name+") | ") {
			t.Errorf("the index does not list %s", name)
		}
	}
}

// exampleNames returns the folders of the examples.
func exampleNames(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(examples, "*", "Caddyfile"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no examples; %v", err)
	}
	for i, file := range files {
		files[i] = filepath.Base(filepath.Dir(file))
	}
	return files
}
