package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// takesFlags checks that Caddy has a command with the flags that a document shows.
func takesFlags(t *testing.T, line string) {
	t.Helper()
	args := strings.Fields(line)
	if len(args) < 2 || args[0] != "caddy" && args[0] != "/usr/bin/caddy" {
		t.Errorf("%q is no command of Caddy", line)
		return
	}
	if out, code := caddyCommand(t, append(args[1:], "--help")...); code != 0 {
		t.Errorf("%s: exit code %d: %s", line, code, out)
	}
}

var goVersion = regexp.MustCompile(`(?m)^go (\S+)$`)

// dockerfile checks a Dockerfile as far as this can be done without a registry: what it builds with is new enough, what it runs is in the
// checkout, and what it copies was built before or is a file of the document.
func (e *example) dockerfile() {
	e.t.Helper()
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		e.t.Fatal(err)
	}
	var made []string
	froms := 0
	for line := range strings.Lines(e.text) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		switch instruction, args := words[0], words[1:]; instruction {
		case "FROM":
			froms++
			if tag, ok := strings.CutPrefix(args[0], "golang:"); ok && !strings.HasPrefix(goVersion.FindStringSubmatch(string(mod))[1], tag) {
				e.t.Errorf("Go %s is not that of go.mod", tag)
			}
		case "RUN":
			if len(args) < 3 || args[0] != "go" || args[1] != "run" {
				e.t.Errorf("nobody knows what %q makes", line)
				continue
			}
			if _, err := os.Stat("../../" + args[2]); err != nil {
				e.t.Error(err)
			}
			if i := slices.Index(args, "-o"); i > 0 {
				made = append(made, args[i+1])
			}
		case "COPY":
			for _, from := range args[:len(args)-1] {
				_, shown := e.files[from]
				if from != "." && !shown && !slices.Contains(made, from) && !strings.HasPrefix(from, "--from=") {
					e.t.Errorf("%s was not built and is no file of the document", from)
				}
			}
		case "WORKDIR":
		default:
			e.t.Errorf("nobody checks %s", instruction)
		}
	}
	if froms == 0 || len(made) == 0 {
		e.t.Error("the Dockerfile builds nothing")
	}
}

// unit checks that the commands of a systemd unit are Caddy's.
func (e *example) unit() {
	e.t.Helper()
	commands := 0
	for line := range strings.Lines(e.text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if strings.HasPrefix(key, "Exec") {
			commands++
			takesFlags(e.t, value)
		}
	}
	if commands == 0 {
		e.t.Error("the unit runs nothing")
	}
}
