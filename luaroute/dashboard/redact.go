package dashboard

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/explain"
	"github.com/luaroute/caddy-luaroute/chiproxy/rawquery"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
)

// hidden stands for a secret.
const hidden = "•••"

// shortest is how long the value of an environment variable must be to be looked for: a shorter one would be found everywhere.
const shortest = 4

// redaction keeps the secrets of an instance out of answers: the values of the environment variables that its scripts may read, wherever they
// have put them.
type redaction struct{ values []string }

func newRedaction(i *instance.Instance) *redaction {
	r := new(redaction)
	for _, name := range i.Inspect().Env {
		if value := os.Getenv(name); len(value) >= shortest {
			r.values = append(r.values, value)
		}
	}
	return r
}

// text hides secrets in a string.
func (r *redaction) text(s string) string {
	for _, value := range r.values {
		s = strings.ReplaceAll(s, value, hidden)
	}
	return s
}

// json returns a value as JSON, with secrets hidden in its strings.
func (r *redaction) json(value any) ([]byte, error) {
	text, err := encode(value)
	if err != nil {
		return nil, err
	}
	text = []byte(plain(string(text)))
	if len(r.values) == 0 {
		return text, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return nil, err
	}
	return encode(r.tree(tree))
}

func (r *redaction) tree(value any) any {
	switch value := value.(type) {
	case string:
		return r.text(value)
	case []any:
		for i := range value {
			value[i] = r.tree(value[i])
		}
	case map[string]any:
		for key := range value {
			value[key] = r.tree(value[key])
		}
	}
	return value
}

func encode(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return b.Bytes(), err
}

// harmless are the fields of responses whose values are shown: they say how an answer is read, and carry nothing of scripts.
var harmless = map[string]bool{
	"Allow": true, "Cache-Control": true, "Content-Length": true, "Content-Type": true, "Retry-After": true, "Vary": true,
}

// redacted hides what a decision has of headers and bodies: their values may be keys that scripts and pools send. Of a query it shows what the asker
// wrote.
func redacted(d explain.Decision, asked string) explain.Decision {
	d.Header = d.Header.Clone()
	for name, values := range d.Header {
		switch {
		case harmless[name]:
		case name == "Location": // whose query is hidden, as in all addresses
		default:
			hide(values)
		}
	}
	if d.Body != "" {
		d.Body = hidden + " " + strconv.Itoa(len(d.Body)) + " bytes"
	}
	if d.Request != nil {
		handed := *d.Request
		handed.URI = withoutQuery(handed.URI, asked)
		handed.Changed = handed.Changed.Clone()
		for _, values := range handed.Changed {
			hide(values)
		}
		d.Request = &handed
	}
	return d
}

func hide(values []string) {
	for i := range values {
		values[i] = hidden
	}
}

// withoutQuery hides the values in the query of a path, but those that the asker wrote.
func withoutQuery(address, asked string) string {
	path, query, found := strings.Cut(address, "?")
	if !found {
		return path
	}
	known := map[string]bool{"": true}
	rawquery.Each(asked, func(_, value string) bool { known[value] = true; return true })
	var parts []string
	rawquery.Each(query, func(name, value string) bool {
		part := url.QueryEscape(name) + "="
		if known[value] {
			part += url.QueryEscape(value)
		} else {
			part += hidden
		}
		parts = append(parts, part)
		return true
	})
	return path + "?" + strings.Join(parts, "&")
}
