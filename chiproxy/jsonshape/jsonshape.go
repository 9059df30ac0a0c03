// Package jsonshape changes which fields the objects of a JSON text have, and what they are called. All values that stay keep their bytes.
//
//	shape, err := jsonshape.New(jsonshape.Options{Deny: []string{"user.password"}})
//	...
//	body, err = shape.Apply(body)
package jsonshape

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Options are changes. A field is named by a path such as user.name, from the root of the text or, with Target, of what is taken of it. Lists are passed
// through: in a list of users, user.name is the name of each.
type Options struct {
	// Target is the field whose value stands for the whole text. Empty: the text.
	Target string
	// Allow are the only fields that stay, and Deny those that do not. They exclude each other.
	Allow, Deny []string
	// Rename has new names for fields.
	Rename map[string]string
	// Group is the name of a field of a new object that has all in it. Empty: none.
	Group string
}

// Shape makes the changes.
type Shape struct {
	target []string
	fields node
	group  []byte
}

// node is what becomes of a field.
type node struct {
	// dropped says that the field does not stay, listed that it does, or something in it.
	dropped, listed bool
	// strict says that only what is listed in it stays.
	strict bool
	name   []byte // the new one, as JSON; nil for the old one
	inner  map[string]*node
}

// New returns the shape. The error says what is wrong.
func New(o Options) (*Shape, error) {
	if len(o.Allow) > 0 && len(o.Deny) > 0 {
		return nil, errors.New("allow and deny exclude each other")
	}
	if o.Target == "" && o.Group == "" && len(o.Allow)+len(o.Deny)+len(o.Rename) == 0 {
		return nil, errors.New("there are no changes; expected allow, deny, rename, group or target")
	}
	s := &Shape{}
	var err error
	if o.Target != "" {
		if s.target, err = split(o.Target); err != nil {
			return nil, fmt.Errorf("target: %w", err)
		}
	}
	for _, path := range o.Allow {
		if err := s.fields.at(path, func(n *node) { n.listed, n.strict = true, true }, func(n *node) { n.listed, n.strict = true, false }); err != nil {
			return nil, fmt.Errorf("allow: %w", err)
		}
	}
	for _, path := range o.Allow { // one that is allowed as a whole stays so
		_ = s.fields.at(path, func(*node) {}, func(n *node) { n.strict = false })
	}
	for _, path := range o.Deny {
		if err := s.fields.at(path, func(*node) {}, func(n *node) { n.dropped = true }); err != nil {
			return nil, fmt.Errorf("deny: %w", err)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(o.Rename)) {
		name := o.Rename[path]
		if name == "" {
			return nil, fmt.Errorf("rename: the new name of %q is empty", path)
		}
		if err := s.fields.at(path, func(*node) {}, func(n *node) { n.name = quote(name) }); err != nil {
			return nil, fmt.Errorf("rename: %w", err)
		}
	}
	if o.Group != "" {
		s.group = quote(o.Group)
	}
	return s, nil
}

func split(path string) ([]string, error) {
	parts := strings.Split(path, ".")
	if slices.Contains(parts, "") {
		return nil, fmt.Errorf("the path %q has an empty name; expected names with dots between them, such as user.name", path)
	}
	return parts, nil
}

// at calls through for the nodes on the way to a path, the first one included, and end for the one at its end.
func (n *node) at(path string, through, end func(*node)) error {
	parts, err := split(path)
	if err != nil {
		return err
	}
	for _, part := range parts {
		through(n)
		if n.inner == nil {
			n.inner = map[string]*node{}
		}
		if n.inner[part] == nil {
			n.inner[part] = &node{}
		}
		n = n.inner[part]
	}
	end(n)
	return nil
}

func quote(text string) []byte {
	quoted, _ := json.Marshal(text) // of a string
	return quoted
}

// maxLists is how many lists may stand in each other on the way to a field: each is read once more.
const maxLists = 16

var errLists = fmt.Errorf("more than %d lists stand in each other", maxLists)

// Apply returns the text with the changes. The error says that it is no JSON.
func (s *Shape) Apply(text []byte) ([]byte, error) {
	if !json.Valid(text) {
		return nil, errors.New("the text is not JSON")
	}
	value := bytes.TrimSpace(text)
	for _, name := range s.target {
		inner := []byte("{}") // for what is not there
		_ = each(value, func(key string, v json.RawMessage) error {
			if key == name {
				inner = v
			}
			return nil
		})
		value = inner
	}
	value, stays, err := s.fields.change(value, 0)
	if err != nil {
		return nil, err
	}
	if !stays {
		value = []byte("null")
	}
	if s.group != nil {
		value = slices.Concat([]byte("{"), s.group, []byte(":"), value, []byte("}"))
	}
	return value, nil
}

// change returns the value of a field with what becomes of those in it, and whether it stays.
func (n *node) change(value json.RawMessage, lists int) (_ json.RawMessage, stays bool, err error) {
	if len(n.inner) == 0 {
		return value, true, nil
	}
	var out []byte
	add := func(v []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, v...)
	}
	switch value[0] {
	case '{':
		out = append(make([]byte, 0, len(value)), '{')
		err = each(value, func(key string, v json.RawMessage) error {
			c := n.inner[key]
			switch {
			case c == nil && n.strict, c != nil && (c.dropped || n.strict && !c.listed):
				return nil
			case c == nil:
				c = &node{}
			}
			v, stays, err := c.change(v, lists)
			if err != nil || !stays {
				return err
			}
			name := c.name
			if name == nil {
				name = quote(key)
			}
			add(name)
			out = append(append(out, ':'), v...)
			return nil
		})
		return append(out, '}'), true, err
	case '[':
		if lists == maxLists {
			return nil, false, errLists
		}
		out = append(make([]byte, 0, len(value)), '[')
		err = items(value, func(v json.RawMessage) error {
			v, stays, err := n.change(v, lists+1)
			if err == nil && stays {
				add(v)
			}
			return err
		})
		return append(out, ']'), true, err
	}
	return value, !n.strict, nil
}

// each calls f with the fields of an object, and with none of what is no object.
func each(object json.RawMessage, f func(key string, value json.RawMessage) error) error {
	if object[0] != '{' {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(object))
	_, _ = d.Token()
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if err := f(key.(string), value); err != nil {
			return err
		}
	}
	return nil
}

// items calls f with the items of a list.
func items(list json.RawMessage, f func(json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(list))
	_, _ = d.Token()
	for d.More() {
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if err := f(value); err != nil {
			return err
		}
	}
	return nil
}
