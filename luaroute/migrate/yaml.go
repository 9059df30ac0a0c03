package migrate

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"
)

// fields calls a function for every key of a mapping that has a value, those that it merges (`<<`) included. A key is there once.
func (r *reader) fields(node *yaml.Node, what string, read func(key string, value *yaml.Node) error) error {
	return (&fields{what, read, map[string]bool{}, map[*yaml.Node]bool{}}).visit(resolved(node))
}

// fields is a mapping that is read.
type fields struct {
	what string
	read func(key string, value *yaml.Node) error
	keys map[string]bool // of those mappings that were read; what is merged later does not replace them
	seen map[*yaml.Node]bool
}

func (f *fields) visit(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return at(node.Line, "%s is %s; expected keys and values", f.what, kind(node))
	}
	if f.seen[node] { // it may merge itself
		return nil
	}
	f.seen[node] = true
	own := map[string]bool{}
	var merged []*yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], resolved(node.Content[i+1])
		if own[key.Value] {
			return at(key.Line, "%s has %s twice", f.what, key.Value)
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
			if err := f.read(key.Value, value); err != nil {
				return err
			}
		}
	}
	for _, node := range merged {
		if err := f.visit(resolved(node)); err != nil {
			return err
		}
	}
	return nil
}

// resolved returns what an alias stands for.
func resolved(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

func (r *reader) items(node *yaml.Node, what string, read func(*yaml.Node) error) error {
	if node.Kind != yaml.SequenceNode {
		return at(node.Line, "%s is %s; expected a list", what, kind(node))
	}
	for _, item := range node.Content {
		if err := read(resolved(item)); err != nil {
			return err
		}
	}
	return nil
}

func text(what string, node *yaml.Node) (string, error) {
	if node.Kind != yaml.ScalarNode {
		return "", at(node.Line, "%s is %s; expected a string", what, kind(node))
	}
	return node.Value, nil
}

// duration reads a duration. A number stands for seconds.
func duration(what string, node *yaml.Node) (time.Duration, error) {
	v, err := text(what, node)
	if err != nil {
		return 0, err
	}
	for _, form := range []string{v, v + "s"} {
		if d, err := time.ParseDuration(form); err == nil && d > 0 {
			return d, nil
		}
	}
	return 0, at(node.Line, "%s %q: expected a duration such as 10s", what, v)
}

func kind(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%q", node.Value)
}
