package migrate

import (
	"errors"
	"io"
	"strings"

	"github.com/luaroute/caddy-luaroute/internal/yamltree"
)

// Options are what an old configuration does not say.
type Options struct {
	// Site is the address of the site in the Caddyfile. Default: http://, which is port 80 for all hosts.
	Site string
}

// Caddyfile turns an old configuration into a Caddyfile. The notes say what was dropped and what to look at, in the order of the
// YAML, each with its line. Errors begin with the line.
func Caddyfile(in io.Reader, o Options) (caddyfile string, notes []string, err error) {
	r := &reader{}
	c, err := r.read(in)
	if err != nil {
		return "", nil, err
	}
	if o.Site == "" {
		o.Site = "http://"
	}
	w := &writer{reader: r, claimed: map[string]string{}}
	w.line(o.Site, "{")
	w.block("luaroute", func() {
		seen := map[string]bool{}
		for _, t := range c.tenants {
			if seen[t.name] {
				w.fail(t.line, "tenant %q appears twice", t.name)
			}
			seen[t.name] = true
			w.tenant(t, c.scripts)
		}
	})
	w.line("respond", "404")
	w.depth--
	w.line("}")
	return w.out.String(), r.Notes, errors.Join(w.errs...)
}

// writer writes a Caddyfile.
type writer struct {
	*reader
	out   strings.Builder
	depth int
	errs  []error
	// claimed are the tenants by host and prefix.
	claimed map[string]string
}

func (w *writer) fail(line int, format string, args ...any) {
	w.errs = append(w.errs, yamltree.At(line, format, args...))
}

// line writes a line. Words are written as they are, see token.
func (w *writer) line(words ...string) {
	w.out.WriteString(strings.Repeat("\t", w.depth) + strings.Join(words, " ") + "\n")
	if words[len(words)-1] == "{" {
		w.depth++
	}
}

// block writes a block, or only its head if there is nothing inside.
func (w *writer) block(head string, inside func()) {
	before := w.out.String()
	w.line(head, "{")
	empty := w.out.Len()
	inside()
	w.depth--
	if w.out.Len() == empty {
		w.out.Reset()
		w.out.WriteString(before)
		w.line(head)
		return
	}
	w.line("}")
}

// token writes a word so that Caddy reads it as it is.
func (w *writer) token(line int, word string) string {
	if strings.ContainsAny(word, "{}\n\r`") {
		w.fail(line, "%q: braces and quotes have a meaning in Caddyfiles; expected a word without them", word)
	}
	if word != "" && !strings.ContainsAny(word, " \t\"\\#<") {
		return word
	}
	return "`" + word + "`"
}
