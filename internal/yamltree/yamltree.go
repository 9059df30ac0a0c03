// Package yamltree reads configurations in YAML, or in JSON, so that every error and every note knows its line. A Reader walks mappings and
// lists by Fields and Items, with aliases and merges followed, and keeps the notes on what it leaves out.
package yamltree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// MaxNodes is how much a Reader visits, aliases each time that they are followed: a small file may stand for endless ones.
const MaxNodes = 200_000

// Reader reads YAML and notes what it drops.
type Reader struct {
	Notes []string

	visited int
}

// Document parses a whole file. An empty one is io.EOF.
func Document(in io.Reader) (*yaml.Node, error) {
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(asYAML(text))).Decode(&document); err != nil {
		return nil, err
	}
	if len(document.Content) == 0 {
		return nil, io.EOF
	}
	return document.Content[0], nil
}

// asYAML is JSON as YAML reads it: with spaces for tabs, which may indent JSON alone, and without the escapes that
// YAML does not know. Lines stay where they are.
func asYAML(text []byte) []byte {
	if begin := bytes.TrimLeft(text, " \t\r\n"); len(begin) == 0 || begin[0] != '{' {
		return text
	}
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		size := 1
		switch first, second := escaped(text), escaped(text[min(6, len(text)):]); {
		case utf16.IsSurrogate(first):
			if size = 6; utf16.DecodeRune(first, second) != utf8.RuneError {
				size = 12
			}
			out = utf8.AppendRune(out, utf16.DecodeRune(first, second))
		case bytes.HasPrefix(text, []byte(`\/`)):
			size = 2
			out = append(out, '/')
		case text[0] == '\\' && len(text) > 1:
			size = 2
			out = append(out, text[:2]...)
		case text[0] == '\t':
			out = append(out, ' ')
		default:
			out = append(out, text[0])
		}
		text = text[size:]
	}
	return out
}

// escaped is what an escape such as \u00e9 at the beginning of a text stands for, or 0.
func escaped(text []byte) rune {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}

// Drop notes what is left out, and why.
func (r *Reader) Drop(line int, format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf("line %d: %s", line, fmt.Sprintf(format, args...)))
}

// LineError is an error at a line.
type LineError struct {
	Line int
	Text string
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

// At makes an error at a line.
func At(line int, format string, args ...any) error {
	return &LineError{line, fmt.Sprintf(format, args...)}
}

// errEndless ends a walk.
var errEndless = errors.New("the file stands for too much: its aliases repeat one another")

// Fields calls a function for every key of a mapping that has a value, those that it merges (`<<`) included. A key is there once.
func (r *Reader) Fields(node *yaml.Node, what string, read func(key string, value *yaml.Node) error) error {
	return (&fields{r, what, read, map[string]bool{}, map[*yaml.Node]bool{}}).visit(Resolved(node))
}

// fields is a mapping that is read.
type fields struct {
	*Reader

	what string
	read func(key string, value *yaml.Node) error
	keys map[string]bool // of those mappings that were read; what is merged later does not replace them
	seen map[*yaml.Node]bool
}

func (f *fields) visit(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return At(node.Line, "%s is %s; expected keys and values", f.what, Kind(node))
	}
	if f.seen[node] { // it may merge itself
		return nil
	}
	f.seen[node] = true
	own := map[string]bool{}
	var merged []*yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], Resolved(node.Content[i+1])
		if own[key.Value] {
			return At(key.Line, "%s has %s twice", f.what, key.Value)
		}
		own[key.Value] = true
		switch {
		case key.Tag == "!!merge" && value.Kind == yaml.SequenceNode:
			merged = value.Content
		case key.Tag == "!!merge":
			merged = []*yaml.Node{value}
		case !f.keys[key.Value]:
			f.keys[key.Value] = true
			if value.Tag == "!!null" {
				continue
			}
			if f.visited++; f.visited > MaxNodes {
				return errEndless
			}
			if err := f.read(key.Value, value); err != nil {
				return err
			}
		}
	}
	for _, node := range merged {
		if err := f.visit(Resolved(node)); err != nil {
			return err
		}
	}
	return nil
}

// Resolved returns what an alias stands for.
func Resolved(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

// Items calls a function for every item of a list.
func (r *Reader) Items(node *yaml.Node, what string, read func(*yaml.Node) error) error {
	if node.Kind != yaml.SequenceNode {
		return At(node.Line, "%s is %s; expected a list", what, Kind(node))
	}
	for _, item := range node.Content {
		if r.visited++; r.visited > MaxNodes {
			return errEndless
		}
		if err := read(Resolved(item)); err != nil {
			return err
		}
	}
	return nil
}

// Text reads a string.
func Text(what string, node *yaml.Node) (string, error) {
	if node.Kind != yaml.ScalarNode {
		return "", At(node.Line, "%s is %s; expected a string", what, Kind(node))
	}
	return node.Value, nil
}

// Duration reads a duration. A number stands for seconds.
func Duration(what string, node *yaml.Node) (time.Duration, error) {
	v, err := Text(what, node)
	if err != nil {
		return 0, err
	}
	for _, form := range []string{v, v + "s"} {
		if d, err := time.ParseDuration(form); err == nil && d > 0 {
			return d, nil
		}
	}
	return 0, At(node.Line, "%s %q: expected a duration such as 10s", what, v)
}

// Kind says what a node is.
func Kind(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%q", node.Value)
}
