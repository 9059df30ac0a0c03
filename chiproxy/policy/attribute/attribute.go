// Package attribute reads what is known of who a request is from: the claims of a token, or the fields of a consumer.
package attribute

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Set is an object of JSON whose numbers keep their digits.
type Set map[string]any

// Get returns an attribute. A path with dots, such as "realm_access.roles", reaches into objects, unless there is an attribute of that very
// name.
func (s Set) Get(path string) any {
	if v, ok := s[path]; ok {
		return v
	}
	within := map[string]any(s)
	for {
		name, rest, deeper := strings.Cut(path, ".")
		v := within[name]
		if !deeper {
			return v
		}
		next, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		within, path = next, rest
	}
}

// Text returns an attribute as a header has it: a string, a number as it is written, a boolean, or a list of those with commas in
// between. Others, empty ones, and what a header cannot hold, are not ok.
func (s Set) Text(path string) (text string, ok bool) {
	switch v := s.Get(path).(type) {
	case nil:
		return "", false
	case []any:
		all := make([]string, 0, len(v))
		for e, simple := range each(v) {
			if !simple {
				return "", false
			}
			all = append(all, e)
		}
		text = strings.Join(all, ",")
	default:
		if text, ok = simple(v); !ok {
			return "", false
		}
	}
	for i := range len(text) {
		if text[i] < ' ' || text[i] == 0x7f {
			return "", false
		}
	}
	return text, text != ""
}

// Any reports whether an attribute is one of some values, or a list that has one of them.
func (s Set) Any(path string, values []string) bool {
	for v, simple := range each(s.Get(path)) {
		if simple && slices.Contains(values, v) {
			return true
		}
	}
	return false
}

// each yields the values of a list, or the value, as strings, and whether they are simple enough for that.
func each(v any) iter.Seq2[string, bool] {
	return func(yield func(string, bool) bool) {
		list, ok := v.([]any)
		if !ok {
			if v != nil {
				yield(simple(v))
			}
			return
		}
		for _, v := range list {
			if !yield(simple(v)) {
				return
			}
		}
	}
}

// simple returns a value that is neither a list nor an object. Numbers are those of any decoder that keeps digits.
func simple(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return string(v), true
	case fmt.Stringer: // that of go-jose
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
