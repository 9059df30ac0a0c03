package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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

// Every script says at its top how it is tried; this does so.
func TestTheExamplesRunWithTheirCaddyfile(t *testing.T) {
	want := map[string][]string{
		"api_key":     {"401 the API key is missing", "200 user ann, roles admin,staff,", "403 this needs the role admin"},
		"api_version": {"200 origin $first: GET /users/7", "200 origin $second: GET /users/7"},
		"canary":      {"200 GET /", "200 GET /", "200 GET /checkout"},
		"cors":        {"200 GET /api/users", "204 "},
		"jwt_claim":   {"200 origin $first: GET /", "200 origin $second: GET /"},
		"maintenance": {"503 We are back in a few minutes", "200 GET /health"},
		"rewrite":     {"200 : GET /users\n", "200 : GET /articles?year=2024&slug=hello\n"},
		"signing":     {"200 POST /orders"},
		"sse":         {"200 data: the only event\n\nevent: bye\n"},
		"template":    {"200 <p>Hello Ann &amp; Bob, your plan is free.</p>"},
		"time_window": {"200 origin $first: GET /", "200 origin $second: GET /"},
		"validate":    {"200 POST /orders", `422 {"field":"colour","message":"is not known"}`},
		"weighted":    {"200 : GET /", "200 origin $second: GET /"},
	}
	files, err := filepath.Glob(filepath.Join(examples, "*.lua"))
	if err != nil || len(files) != len(want) {
		t.Errorf("there are %d examples, and %d are tried here; %v", len(files), len(want), err)
	}

	for name, answers := range want {
		t.Run(name, func(t *testing.T) {
			c := e2e.New(t)
			c.Set("dollar", "$")
			t.Setenv("EXAMPLE", name)
			t.Setenv("SIGNING_KEY", "secret")
			c.Set("first", ports.Free(t))
			c.Set("second", ports.Free(t))
			moved := []string{":8080", ":$port", ":9001", ":$first", ":9002", ":$second", "examples/", "$dir/"}
			script := readExample(t, name+".lua", moved...)
			c.File(name+".lua", script)
			_, sites, ok := strings.Cut(readExample(t, "Caddyfile", moved...), "\n}\n") // the harness has global options of its own
			if !ok {
				t.Fatal("the Caddyfile has no global options")
			}
			c.Start(sites)
			commands := tried(t, script)
			if len(commands) != len(answers) {
				t.Fatalf("there are %d commands at the top of the script; want %d", len(commands), len(answers))
			}
			for i, command := range commands {
				_, path, _ := strings.Cut(command.target, "/")
				answer := c.Send(command.method, "/"+path, strings.NewReader(command.body), command.headers...)
				status, body, _ := strings.Cut(c.Expand(answers[i]), " ")
				if strconv.Itoa(answer.Status) != status || !strings.Contains(answer.Body, body) {
					t.Errorf("%s %s answers %d %q; want %s", command.method, command.target, answer.Status, answer.Body, answers[i])
				}
			}
		})
	}
}

func TestEveryExampleSaysWhatItShowsWhatItNeedsAndHowItIsTried(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(examples, "*.lua"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no examples; %v", err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		run := fmt.Sprintf("EXAMPLE=%s go run ./cmd/caddy run --config examples/Caddyfile", strings.TrimSuffix(name, ".lua"))
		script := readExample(t, name)
		for i, want := range []string{"-- Shows: .+", "-- Needs: .+", "-- Try:   .*" + run, "--        curl .+"} {
			if line := strings.SplitN(script, "\n", 5)[i]; !regexp.MustCompile("^" + want + "$").MatchString(line) {
				t.Errorf("line %d of %s is %q; want %s", i+1, name, line, want)
			}
		}
	}
}

// tried returns the commands in the comment at the top of a script.
func tried(t *testing.T, script string) []curl {
	t.Helper()
	var all []curl
	for line := range strings.Lines(script) {
		text, ok := strings.CutPrefix(line, "--")
		if !ok {
			break
		}
		args := slices.DeleteFunc(words(strings.TrimSpace(text)), func(arg string) bool { return arg == "-N" })
		if len(args) == 0 || args[0] != "curl" {
			continue
		}
		command, err := parseCurl(args)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, command)
	}
	return all
}
