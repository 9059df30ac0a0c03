package capability

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// unbounded are placeholders that read as much as a client or, in log_append, an upstream sends. They must be allowed by name.
var unbounded = []string{"http.request.body", "http.request.body_base64", "http.response.body", "http.response.body_base64"}

// Placeholder returns nil if a placeholder may be used. Its name has no braces.
func (s *Set) Placeholder(name string) error {
	if s == nil || s.placeholder(name) {
		return nil
	}
	word, _, _ := strings.Cut(name, ".")
	if word == "http" {
		word = name
	}
	return s.refuse("placeholder {"+name+"}", "placeholders", word)
}

func (s *Set) placeholder(name string) bool {
	return slices.ContainsFunc(s.allow.Placeholders, func(word string) bool {
		word = strings.TrimSuffix(strings.TrimSuffix(word, "*"), ".")
		if word == name || word == all {
			return true
		}
		return strings.HasPrefix(name, word+".") && !slices.Contains(unbounded, name)
	})
}

// anyPlaceholder returns nil if all placeholders may be used.
func (s *Set) anyPlaceholder() error {
	if slices.Contains(s.allow.Placeholders, all) {
		return nil
	}
	return s.refuse("a placeholder whose name depends on the request", "placeholders", all)
}

// providers are the prefixes of placeholders that Caddy has everywhere.
var providers = []string{"env.", "file.", "system.", "time.", "http."}

// dotted is the name of some other placeholder, of a plugin perhaps. Braces in text, such as those of JSON, look different.
var dotted = regexp.MustCompile(`^[A-Za-z_][\w-]*(\.[\w*/+-]+)+$`)

// maxName is how far behind a brace a name may reach, so that a string of braces costs little.
const maxName = 512

// Text returns nil if all placeholders in a string may be used. As Caddy may read it in several ways, every brace counts as the beginning
// of one, escaped ones too.
func (s *Set) Text(text string) error {
	if s == nil {
		return nil
	}
	for {
		_, rest, found := strings.Cut(text, "{")
		if !found {
			return nil
		}
		text = rest
		name, _, closed := strings.Cut(rest[:min(len(rest), maxName)], "}")
		isKnown := slices.ContainsFunc(providers, func(p string) bool { return strings.HasPrefix(name, p) })
		if isKnown || closed && dotted.MatchString(name) {
			if err := s.Placeholder(name); err != nil {
				return err
			}
		}
	}
}

// maxDepth is how deep JSON may be nested.
const maxDepth = 200

// Strings returns nil if all placeholders may be used that the strings of a JSON text name, keys included. The error says where.
func (s *Set) Strings(raw json.RawMessage) error {
	if s == nil || len(raw) == 0 {
		return nil
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil // Caddy says what is wrong
	}
	return s.strings(v, "", 0)
}

func (s *Set) strings(v any, path string, depth int) error {
	if depth > maxDepth {
		return errors.New("the configuration is nested too deeply")
	}
	switch v := v.(type) {
	case string:
		return at(path, s.Text(v))
	case []any:
		for i, e := range v {
			if err := s.strings(e, fmt.Sprintf("%s[%d]", path, i), depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			inner := strings.Trim(path+"."+key, ".")
			if err := s.Text(key); err != nil {
				return at(inner, err)
			}
			if err := s.strings(v[key], inner, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// expands reports whether a JSON text may have placeholders.
func expands(raw json.RawMessage) bool {
	var v any
	return json.Unmarshal(raw, &v) == nil && braces(v) > 0
}

// braces returns how many braces begin in the strings of a JSON value, keys included.
func braces(v any) (n int) {
	switch v := v.(type) {
	case string:
		return strings.Count(v, "{")
	case []any:
		for _, e := range v {
			n += braces(e)
		}
	case map[string]any:
		for key, e := range v {
			n += strings.Count(key, "{") + braces(e)
		}
	}
	return n
}

// at adds a path to an error.
func at(path string, err error) error {
	if err == nil || path == "" {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}
