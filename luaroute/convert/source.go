package convert

import (
	"errors"
	"io"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/luaroute/caddy-luaroute/internal/yamltree"
)

// source is a configuration that is read. Its first error stays, and what is read after it is empty.
type source struct {
	yamltree.Reader

	err error
}

// open parses a file, which must be a mapping.
func open(in io.Reader, what string) (*source, *object, error) {
	s := &source{}
	document, err := yamltree.Document(in)
	if errors.Is(err, io.EOF) {
		return nil, nil, errors.New("the file is empty; expected " + what)
	}
	if err != nil {
		return nil, nil, err
	}
	o := s.object(document, what)
	return s, o, s.err
}

func (s *source) fail(line int, format string, args ...any) {
	if s.err == nil {
		s.err = yamltree.At(line, format, args...)
	}
}

// keep keeps an error of the reader.
func (s *source) keep(err error) {
	if s.err == nil {
		s.err = err
	}
}

// word is a string and its line.
type word struct {
	text string
	line int
}

// object is a mapping that is read by its keys. A nil object is an empty one.
type object struct {
	*source

	what   string
	line   int
	column int
	order  []string
	values map[string]*yaml.Node
	used   map[string]bool
}

// object reads a mapping.
func (s *source) object(node *yaml.Node, what string) *object {
	o := &object{source: s, what: what, line: node.Line, column: node.Column, values: map[string]*yaml.Node{}, used: map[string]bool{}}
	s.keep(s.Fields(node, what, func(key string, value *yaml.Node) error {
		o.order = append(o.order, key)
		o.values[key] = value
		return nil
	}))
	return o
}

// node returns the value of a key, which counts as read then, or nil.
func (o *object) node(key string) *yaml.Node {
	if o == nil || o.err != nil {
		return nil
	}
	o.used[key] = true
	return o.values[key]
}

func (o *object) has(key string) bool { return o != nil && o.values[key] != nil }

// lineOf is the line of a key's value, or that of the object.
func (o *object) lineOf(key string) int {
	switch {
	case o == nil:
		return 0
	case o.has(key):
		return o.values[key].Line
	}
	return o.line
}

// text reads a string; a number or a boolean is one, too. Without it the string is empty.
func (o *object) text(key string) string {
	node := o.node(key)
	if node == nil {
		return ""
	}
	text, err := yamltree.Text(key, node)
	o.keep(err)
	return text
}

// texts reads a list of strings, or one.
func (o *object) texts(key string) []word {
	node := o.node(key)
	if node == nil {
		return nil
	}
	if node.Kind == yaml.ScalarNode {
		return []word{{node.Value, node.Line}}
	}
	var all []word
	o.keep(o.Items(node, key, func(item *yaml.Node) error {
		text, err := yamltree.Text(key, item)
		all = append(all, word{text, item.Line})
		return err
	}))
	return all
}

// whole reads a whole number that is not negative.
func (o *object) whole(key string, otherwise int) int {
	text := o.text(key)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		o.fail(o.lineOf(key), "%s is %q; expected a whole number", key, text)
	}
	return n
}

// flag reads true or false.
func (o *object) flag(key string, otherwise bool) bool {
	switch text := o.text(key); text {
	case "":
		return otherwise
	case "true", "false":
		return text == "true"
	default:
		o.fail(o.lineOf(key), "%s is %q; expected true or false", key, text)
		return false
	}
}

// child reads a mapping within; nil without one.
func (o *object) child(key string) *object {
	node := o.node(key)
	if node == nil {
		return nil
	}
	return o.object(node, key)
}

// children reads a list of mappings.
func (o *object) children(key string) []*object {
	node := o.node(key)
	if node == nil {
		return nil
	}
	var all []*object
	o.keep(o.Items(node, key, func(item *yaml.Node) error {
		all = append(all, o.object(item, "an item of "+key))
		return o.err
	}))
	return all
}

// named reads a mapping of names and mappings, in the order of the file.
func (o *object) named(key string) (names []string, all map[string]*object) {
	within := o.child(key)
	all = map[string]*object{}
	if within == nil {
		return nil, all
	}
	for _, name := range within.order {
		switch node := within.node(name); {
		case node == nil: // of one before there was an error
			return nil, map[string]*object{}
		case node.Kind == yaml.MappingNode:
			names = append(names, name)
			all[name] = o.object(node, key+"."+name)
		default:
			o.fail(node.Line, "%s.%s is %s; expected keys and values", key, name, yamltree.Kind(node))
		}
	}
	return names, all
}

// ignore counts keys as read that mean nothing here.
func (o *object) ignore(keys ...string) {
	if o == nil {
		return
	}
	for _, key := range keys {
		o.used[key] = true
	}
}

// rest notes all keys that nobody has read.
func (o *object) rest(of string) {
	if o == nil {
		return
	}
	for _, key := range o.order {
		if !o.used[key] {
			o.Drop(o.values[key].Line, "%s of %s has no counterpart", key, of)
		}
	}
}
