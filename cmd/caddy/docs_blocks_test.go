package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// block is a fenced block of a document.
type block struct {
	language, text string
	line           int
	// marks are the HTML comments right before the block, by their first word.
	marks map[string]string
	// pools are those that the document has named before.
	pools []string
	// above is the block before this one, which it may speak of.
	above *block
}

func (b *block) marked(name string) bool {
	_, ok := b.marks[name]
	return ok
}

// documents are the files whose examples are executed.
func documents(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(names) == 0 {
		t.Fatalf("there are no documents: %v", err)
	}
	return append([]string{"../../README.md"}, names...)
}

// blocks reads the fenced blocks of a document. A comment before a block says what the block needs and the reader does not:
//
//	<!-- pools: a b -->    scripts from here on find these pools in the configuration, each with an origin that answers
//	                       with the pool's name and what it was asked
//	<!-- with: LINES -->   more lines for the luaroute block of a script
//	<!-- file: NAME -->    the block is a file that the blocks behind it can name
//	<!-- above -->         the requests go to the script above, not to the quickstart
//	<!-- files -->         the commands are called beside the files that the document has shown, and nothing runs
//	<!-- import: FORMAT -->  the block is what caddy luaroute import reads, and what follows is in what it writes
//	<!-- grammar -->       the block is the grammar of the directive
func blocks(name string) ([]*block, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var all []*block
	var last *block
	var pools []string
	marks := map[string]string{}
	lines := strings.Split(string(raw), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case strings.HasPrefix(line, "<!--"):
			comment := line
			for !strings.Contains(lines[i], "-->") {
				if i++; i == len(lines) {
					return nil, fmt.Errorf("%s:%d: a comment has no end", name, i)
				}
				comment += "\n" + lines[i]
			}
			comment = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(comment, "<!--"), "-->"))
			mark, text, _ := strings.Cut(comment, ":")
			switch mark {
			case "names": // of the tests of the reference
			case "pools":
				pools = append(slices.Clip(pools), strings.Fields(text)...)
			default:
				marks[mark] = strings.TrimSpace(text)
			}
		case strings.HasPrefix(line, "```"):
			b := &block{language: line[3:], line: i + 1, marks: marks, pools: pools, above: last}
			for i++; i < len(lines) && lines[i] != "```"; i++ {
				b.text += lines[i] + "\n"
			}
			if i == len(lines) {
				return nil, fmt.Errorf("%s:%d: a block has no end", name, b.line)
			}
			all, last, marks = append(all, b), b, map[string]string{}
		case line != "":
			if len(marks) > 0 {
				return nil, fmt.Errorf("%s:%d: a comment for a block stands before something else", name, i+1)
			}
			if strings.HasPrefix(line, "#") {
				last = nil // what is above a heading is not spoken of below
			}
		}
	}
	return all, nil
}

// curl is a command that a document shows, and what it prints.
type curl struct {
	caddy                []string // the arguments of caddy instead
	method, target, body string
	headers              []string
	shown                bool // -i: the header is printed, too
	output               string
}

// curls reads a console block.
func curls(text string) ([]curl, error) {
	var all []curl
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		command, ok := strings.CutPrefix(lines[i], "$ ")
		if !ok {
			if len(all) == 0 {
				return nil, fmt.Errorf("%q stands before the first command", lines[i])
			}
			all[len(all)-1].output += lines[i] + "\n"
			continue
		}
		for strings.HasSuffix(command, `\`) && i+1 < len(lines) {
			i++
			command = strings.TrimSuffix(command, `\`) + lines[i]
		}
		c, err := parseCurl(words(command))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", command, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// parseCurl understands the options of curl that documents use.
func parseCurl(args []string) (curl, error) {
	if len(args) > 0 && args[0] == "caddy" {
		return curl{caddy: args[1:]}, nil
	}
	if len(args) == 0 || args[0] != "curl" {
		return curl{}, fmt.Errorf("expected a curl command, or one of caddy")
	}
	c := curl{method: "GET"}
	for args = args[1:]; len(args) > 0; args = args[1:] {
		option := args[0]
		switch option {
		case "-i":
			c.shown = true
			continue
		case "-X", "-H", "-d":
			if len(args) < 2 {
				return c, fmt.Errorf("%s has no value", option)
			}
			args = args[1:]
		}
		switch {
		case option == "-X":
			c.method = args[0]
		case option == "-H":
			c.headers = append(c.headers, args[0])
		case option == "-d":
			c.body = args[0]
			if c.method == "GET" {
				c.method = "POST"
			}
		case strings.HasPrefix(option, "-") || c.target != "":
			return c, fmt.Errorf("%q is not understood", option)
		default:
			c.target = option
		}
	}
	return c, nil
}

// words splits a command as a shell does, quotes included.
func words(command string) []string {
	var all []string
	var word strings.Builder
	var quote rune
	inside := false
	for _, c := range command {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			quote, inside = c, true
		case c == ' ':
			if inside {
				all, inside = append(all, word.String()), false
				word.Reset()
			}
		default:
			inside = true
			word.WriteRune(c)
		}
	}
	if inside {
		all = append(all, word.String())
	}
	return all
}
