package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// asks is a command in a document that has a URL: in a block, in the comment at the top of a script, or between backticks.
var asks = regexp.MustCompile("(?:^\\$ |^|^--\\s+|`)((?:curl|wget|caddy luaroute explain|go run ./cmd/caddy luaroute explain) [^`]*)")

// unquoted returns the first character of a command that some shell takes for a pattern or an operator: in zsh, which is the
// shell of every Mac, a ? without quotes is "no matches found".
func unquoted(command string) string {
	quote := rune(0)
	escaped := false
	for _, c := range command {
		switch {
		case escaped:
			escaped = false
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '\\':
			escaped = true
		case strings.ContainsRune("?*[]{}&;()<>!", c):
			return string(c)
		}
	}
	return ""
}

func TestCommandsOfTheDocumentsQuoteTheirURLs(t *testing.T) {
	names := documents(t)
	for _, glob := range []string{"../../*.md", "../../testdata/*/*.lua", "../../testdata/*/Caddyfile", "../../bench/*.md"} {
		more, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, more...)
	}
	found := 0
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(raw), "\n")
		for i, line := range lines {
			for _, match := range asks.FindAllStringSubmatch(line, -1) {
				command := match[1]
				for more := i; strings.HasSuffix(command, `\`) && more+1 < len(lines); {
					more++
					command = strings.TrimSuffix(command, `\`) + strings.TrimPrefix(lines[more], "--")
				}
				found++
				if c := unquoted(command); c != "" {
					t.Errorf("%s:%d: %s has %s without quotes", name, i+1, command, c)
				}
			}
		}
	}
	if found < 50 {
		t.Errorf("found %d commands in the documents, want 50 at least", found)
	}
}

func TestAnUnquotedCharacterIsFound(t *testing.T) {
	for command, want := range map[string]string{
		"curl localhost/a?b=1":                            "?",
		"curl -d '{\"a\": [1]}' localhost/*":              "*",
		"curl 'localhost/a?b=1' -d \"x&y\" localhost/a&b": "&",
		"curl 'localhost/a?b={c}&d=[e]'":                  "",
		`curl localhost/a\?b`:                             "",
	} {
		if got := unquoted(command); got != want {
			t.Errorf("%s: got %q, want %q", command, got, want)
		}
	}
}
