package template

import (
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
)

// Fields are header fields whose values are templates, in the order in which they are changed.
type Fields []Field

// Field is one change of a header.
type Field struct {
	// Name is canonical.
	Name string
	// Add says that the values are added to those that are there.
	Add    bool
	values []*Text
}

// ParseHeader compiles the values in changes of a header. What has no names stays in fixed, nil for none, which is applied first. In
// sample there is an x for each name.
func ParseHeader(o *field.Ops) (fixed, sample *field.Ops, named Fields, err error) {
	if o == nil || plain(o.Set) && plain(o.Add) {
		return o, o, nil, nil
	}
	fixed = &field.Ops{Remove: o.Remove, Set: http.Header{}, Add: http.Header{}}
	sample = &field.Ops{Remove: o.Remove, Set: http.Header{}, Add: http.Header{}}
	set, err := parseFields(o.Set, false, sample.Set)
	if err != nil {
		return nil, nil, nil, err
	}
	added, err := parseFields(o.Add, true, sample.Add)
	if err != nil {
		return nil, nil, nil, err
	}
	all := append(set, added...)
	varying := map[string]bool{}
	for _, f := range all {
		varying[f.Name] = varying[f.Name] || f.varies()
	}
	for _, f := range all {
		switch { // all of a name, so that it stays in order
		case varying[f.Name]:
			named = append(named, f)
		case f.Add:
			fixed.Add[f.Name] = sample.Add[f.Name]
		default:
			fixed.Set[f.Name] = sample.Set[f.Name]
		}
	}
	if len(fixed.Remove)+len(fixed.Set)+len(fixed.Add) == 0 {
		fixed = nil
	}
	return fixed, sample, named, nil
}

// plain reports whether no value has a brace or must be encoded.
func plain(h http.Header) bool {
	for name, values := range h {
		if placeOf(textproto.CanonicalMIMEHeaderKey(name)) == Location {
			return false
		}
		for _, value := range values {
			if strings.Contains(value, "{") {
				return false
			}
		}
	}
	return true
}

func parseFields(h http.Header, add bool, sample http.Header) (all Fields, err error) {
	for _, key := range slices.Sorted(maps.Keys(h)) {
		f := Field{Name: textproto.CanonicalMIMEHeaderKey(key), Add: add}
		for _, value := range h[key] {
			t, err := Parse(value, placeOf(f.Name))
			if err != nil {
				return nil, fmt.Errorf("header %s: %w", f.Name, err)
			}
			f.values = append(f.values, t)
			sample[f.Name] = append(sample[f.Name], t.Sample())
		}
		all = append(all, f)
	}
	return all, nil
}

// varies reports whether a value has a name.
func (f *Field) varies() bool {
	return slices.ContainsFunc(f.values, func(t *Text) bool {
		_, same := t.Literal()
		return !same
	})
}

// placeOf returns the place that a field is.
func placeOf(name string) Place {
	if name == "Location" {
		return Location
	}
	return Header
}

// Check is Text.Check for all values.
func (fs Fields) Check(params []string) error {
	return fs.each(func(t *Text) error { return t.Check(params) })
}

// each calls f with each value.
func (fs Fields) each(f func(*Text) error) error {
	for _, field := range fs {
		for _, t := range field.values {
			if err := f(t); err != nil {
				return err
			}
		}
	}
	return nil
}

// Sources returns the values as they were written.
func (fs Fields) Sources() (all []string) {
	_ = fs.each(func(t *Text) error {
		all = append(all, t.Source())
		return nil
	})
	return all
}

// Placeholders returns the names of all placeholders of Caddy.
func (fs Fields) Placeholders() (names []string) {
	_ = fs.each(func(t *Text) error {
		names = append(names, t.Placeholders()...)
		return nil
	})
	return names
}

// Rendered is a field with its values for one request.
type Rendered struct {
	Name   string
	Add    bool
	Values []string
}

// Render appends the fields for a request to into. The error says that they are too large together.
func (fs Fields) Render(into []Rendered, v Values) ([]Rendered, error) {
	size := 0
	for i := range fs {
		f := &fs[i]
		values := make([]string, len(f.values))
		for j, t := range f.values {
			values[j] = t.String(v)
			size += len(values[j])
			if err := field.CheckSize(size); err != nil {
				return into, err
			}
		}
		into = append(into, Rendered{f.Name, f.Add, values})
	}
	return into, nil
}

// Apply changes a header. The error is that of Render, and nothing is changed then.
func (fs Fields) Apply(h http.Header, v Values) error {
	var room [4]Rendered
	all, err := fs.Render(room[:0], v)
	if err != nil {
		return err
	}
	for _, f := range all {
		if f.Add {
			f.Values = append(slices.Clip(h[f.Name]), f.Values...)
		}
		h[f.Name] = f.Values
	}
	return nil
}
