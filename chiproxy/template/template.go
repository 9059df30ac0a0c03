// Package template compiles strings in which {name} is a parameter of a route's pattern or a placeholder of Caddy:
//
//	t, err := template.Parse("/v2/people/{id}", template.Path)
//	...
//	path := t.Append(nil, values)
//
// Values are encoded for the place that the string is for, so that what a client sends stays within it: a parameter in a path is one
// segment, one in a query is one value, and one in a header has no control characters. To build a string scans nothing.
package template

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
)

// Place is what a string is for.
type Place int

const (
	// Plain is for a method or an address: values stay as they are.
	Plain Place = iota
	// Path is for a path. The string is decoded, and what Append makes of it is encoded.
	Path
	// Query is for a query, whose string is encoded.
	Query
	// Header is for the value of a header field.
	Header
	// Location is for a URL, or a reference to one, as in the header field Location.
	Location
)

// Values are those of one request.
type Values interface {
	// MatchedParam returns a parameter of the route's pattern as it was matched: its slashes and percent signs are escaped where the
	// client has escaped them, and nothing else is. "*" is the name of the catch-all.
	MatchedParam(name string) string
	// Placeholder returns the value of a placeholder of Caddy.
	Placeholder(name string) string
}

// Text is a string with names. It never changes.
type Text struct {
	source string
	parts  []part
	// plain is the string with its braces, and an x for each name.
	plain string
	// rooted says that what the string makes must not begin with two slashes, since a server or browser would read a host in them.
	rooted bool
}

// part is either a literal, encoded for its place, or a name.
type part struct {
	literal string
	name    string
	param   bool
	as      encoding
}

// paramsPrefix is what Caddy's placeholders for parameters begin with.
const paramsPrefix = "http.luaroute.params."

// Parse compiles a string. A brace is written {{. The error says what is wrong with it; parameters are checked by Check.
func Parse(s string, place Place) (*Text, error) {
	if place == Location {
		s = strings.Trim(s, " \t")
	}
	t := &Text{source: s}
	c := context{place: place}
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			c.seen(literal.String())
			t.parts = append(t.parts, part{literal: c.literal(literal.String())})
			literal.Reset()
		}
	}
	for rest := s; rest != ""; {
		before, after, found := strings.Cut(rest, "{")
		literal.WriteString(before)
		if !found {
			break
		}
		if strings.HasPrefix(after, "{") {
			literal.WriteByte('{')
			rest = after[1:]
			continue
		}
		name, behind, closed := strings.Cut(after, "}")
		if !closed || strings.Contains(name, "{") {
			return nil, fmt.Errorf("%s has a { without a }; a brace is written {{", field.Quote(s))
		}
		flush()
		p, err := named(name)
		if err == nil {
			p.as, err = c.encoding(p)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field.Quote(s), err)
		}
		t.parts = append(t.parts, p)
		rest = behind
	}
	flush()
	if t.plain = c.before.String(); place == Location {
		t.plain = c.literal(t.plain)
	}
	t.rooted = (place == Path || place == Location) && !strings.HasPrefix(s, "//")
	return t, nil
}

// EncodeQuery returns a query of names and values whose strings are templates, for Parse.
func EncodeQuery(q url.Values) (string, error) {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(q)) {
		for _, value := range q[name] {
			if b.Len() > 0 {
				b.WriteByte('&')
			}
			for i, s := range []string{name, value} {
				t, err := Parse(s, Plain)
				if err != nil {
					return "", err
				}
				if i > 0 {
					b.WriteByte('=')
				}
				for _, p := range t.parts {
					if p.name != "" {
						b.WriteString("{" + p.name + "}")
					} else {
						b.WriteString(url.QueryEscape(p.literal))
					}
				}
			}
		}
	}
	return b.String(), nil
}

// named returns the part for a name.
func named(name string) (part, error) {
	if param, ok := strings.CutPrefix(name, paramsPrefix); ok {
		name = param
	}
	switch {
	case name == "":
		return part{}, errors.New("{} has no name; a brace is written {{")
	case strings.HasPrefix(name, "env."), strings.HasPrefix(name, "file."):
		return part{}, fmt.Errorf("{%s} is not for data; use route.env or route.read while the script loads", name)
	case strings.HasPrefix(name, "http.request.body"):
		return part{}, fmt.Errorf("{%s} is not for data; a function reads the body within its limit, with req:body()", name)
	case strings.HasPrefix(name, "http."), strings.HasPrefix(name, "time."), name == "system.hostname":
		return part{name: name}, nil
	}
	return part{name: name, param: true}, nil
}

// Literal returns the string without its escapes of braces, if it has no names.
func (t *Text) Literal() (string, bool) {
	for i := range t.parts {
		if t.parts[i].name != "" {
			return "", false
		}
	}
	return t.plain, true
}

// Sample returns the string with an x for each name, to check what is the same for all requests.
func (t *Text) Sample() string { return t.plain }

// Source returns the string as it was written.
func (t *Text) Source() string { return t.source }

// Placeholders returns the names of the placeholders of Caddy.
func (t *Text) Placeholders() (names []string) {
	for i := range t.parts {
		if p := &t.parts[i]; p.name != "" && !p.param {
			names = append(names, p.name)
		}
	}
	return names
}

// Check reports a name that is none of the parameters that there are.
func (t *Text) Check(params []string) error {
	for i := range t.parts {
		p := &t.parts[i]
		if !p.param || slices.Contains(params, p.name) {
			continue
		}
		has := "it has none"
		if len(params) > 0 {
			has = "it has {" + strings.Join(params, "}, {") + "}"
		}
		return fmt.Errorf("%s: {%s} is not a parameter of the pattern; %s. Placeholders of Caddy have their whole names, such as "+
			"{http.request.host}, and a brace is written {{", field.Quote(t.source), p.name, has)
	}
	return nil
}

// Append appends what the string makes of a request.
func (t *Text) Append(dst []byte, v Values) []byte {
	start := len(dst)
	for i := range t.parts {
		p := &t.parts[i]
		switch {
		case p.name == "":
			dst = append(dst, p.literal...)
		case p.param:
			dst = p.as.append(dst, v.MatchedParam(p.name), true)
		default:
			dst = p.as.append(dst, v.Placeholder(p.name), false)
		}
		if len(dst) > maxLength {
			break
		}
	}
	if t.rooted && len(dst)-start > 1 && dst[start] == '/' && dst[start+1] == '/' {
		n := start + 1
		for n < len(dst) && dst[n] == '/' {
			n++
		}
		dst = append(dst[:start+1], dst[n:]...)
	}
	return dst
}

// maxLength is about how long what a string makes becomes at most; whoever uses it refuses less.
const maxLength = field.MaxHeader

// String returns what the string makes of a request.
func (t *Text) String(v Values) string {
	var room [256]byte
	return string(t.Append(room[:0], v))
}
