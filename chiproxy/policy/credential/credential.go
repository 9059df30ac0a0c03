// Package credential finds what a request proves with who it is from, such as a token or an API key, and removes it before the request goes on.
package credential

import (
	"fmt"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/rawquery"
)

// Source is where requests have it.
type Source struct {
	kind, name string
	// scheme is that of Authorization; empty for a whole field.
	scheme string
}

// Parse returns a source that is written as "header:NAME", "cookie:NAME" or "query:NAME". In the field Authorization it stands behind a scheme.
func Parse(text, scheme string) (Source, error) {
	kind, name, _ := strings.Cut(text, ":")
	s := Source{kind: kind, name: name}
	var err error
	switch kind {
	case "header":
		s.name = textproto.CanonicalMIMEHeaderKey(name)
		if err = field.CheckName(name); s.name == "Authorization" {
			s.scheme = scheme
		}
	case "cookie":
		err = chiproxy.CheckCookieName(name)
	case "query":
		if name == "" {
			err = fmt.Errorf("the name is missing")
		}
	default:
		err = fmt.Errorf("expected header:NAME, cookie:NAME or query:NAME")
	}
	if err != nil {
		return s, fmt.Errorf("found %s; %w", field.Quote(text), err)
	}
	return s, nil
}

// String returns the source as it is written.
func (s Source) String() string { return s.kind + ":" + s.name }

// Field returns the name of the header field, empty for another kind of source.
func (s Source) Field() string {
	if s.kind == "header" {
		return s.name
	}
	return ""
}

// Find returns what a request has. There is none if given is false. What is given more than once is not clear, and neither is an empty one.
func (s Source) Find(r *http.Request) (text string, given, clear bool) {
	n := 0
	take := func(v string) {
		n++
		text = v
	}
	switch s.kind {
	case "header":
		for _, v := range r.Header[s.name] {
			if v, ok := s.behindScheme(v); ok {
				take(v)
			}
		}
	case "cookie":
		for _, line := range r.Header["Cookie"] {
			for part := range strings.SplitSeq(line, ";") {
				if name, v, ok := strings.Cut(strings.Trim(part, " \t"), "="); ok && strings.Trim(name, " \t") == s.name {
					take(strings.Trim(strings.Trim(v, " \t"), `"`))
				}
			}
		}
	case "query":
		rawquery.Each(r.URL.RawQuery, func(name, v string) bool {
			if name == s.name {
				take(v)
			}
			return true
		})
	}
	return text, n > 0, n == 1 && text != ""
}

// behindScheme returns what stands behind the scheme, and whether the scheme is that of the source.
func (s Source) behindScheme(v string) (string, bool) {
	if s.scheme == "" {
		return v, true
	}
	if len(v) < len(s.scheme) || !strings.EqualFold(v[:len(s.scheme)], s.scheme) {
		return "", false
	}
	rest := v[len(s.scheme):]
	if rest == "" {
		return "", true
	}
	return strings.TrimLeft(rest, " "), rest[0] == ' '
}

// Remove removes it from the request.
func (s Source) Remove(ex *chiproxy.Exchange) {
	ex.Snapshot()
	switch s.kind {
	case "header":
		_ = ex.SetHeader(s.name, nil) // less is never too large
	case "cookie":
		var lines []string
		for _, line := range ex.R.Header["Cookie"] {
			none := ""
			if line = field.WithCookie(line, s.name, &none); line != "" {
				lines = append(lines, line)
			}
		}
		_ = ex.SetHeader("Cookie", lines)
	case "query":
		ex.R.URL.RawQuery = rawquery.With(ex.R.URL.RawQuery, s.name, nil)
		ex.R.RequestURI = ex.R.URL.RequestURI()
	}
}
