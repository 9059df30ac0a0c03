package lint

import (
	"fmt"
	"slices"

	"github.com/luaroute/caddy-luaroute/internal/spelling"
	"github.com/luaroute/caddy-luaroute/luaroute/signature"
	"github.com/luaroute/caddy-luaroute/luaroute/syntax"
)

// fieldSet is what a table may have.
type fieldSet struct {
	label  string
	fields []Member
	keys   *signature.Type // of other keys' values
	list   *signature.Type // of what stands without keys
}

// names returns the names of the fields.
func (set fieldSet) names() (all []string) {
	for _, m := range set.fields {
		all = append(all, m.Name)
	}
	return all
}

// pushTable checks the keys of a table, and hands what is expected to its values.
func (p *pass) pushTable(f *file, e *syntax.Table, want *signature.Type, what string, depth int) {
	all := p.api.alternatives(want)
	if all == nil {
		return
	}
	var sets []fieldSet
	accepted := false
	for _, one := range all {
		if !p.api.acceptsOne(one, tableType) {
			continue
		}
		accepted = true
		if set, ok := p.fieldSet(one); ok {
			sets = append(sets, set)
		} else {
			return // a table of any kind
		}
	}
	if !accepted {
		p.warn(f, "wrong-type", e.Start, "%s is a table; expected %s", what, p.api.say(want))
		return
	}
	set := sets[0]
	if len(sets) > 1 {
		set = choose(sets, e)
	}
	given := map[string]bool{} // or misspelt
	computed := false
	for _, field := range e.Fields {
		key, named := field.Key.(*syntax.String)
		switch {
		case field.Key == nil:
			if set.list == nil && len(set.fields) > 0 {
				if set.keys == nil {
					p.warn(f, "unknown-option", field.Start, "%s has no list: each option needs a name", set.label)
				}
			} else {
				p.push(f, field.Value, set.list, "an item of "+set.label, depth+1)
			}
		case !named:
			computed = true
			p.push(f, field.Value, orNil(set.keys), "a value of "+set.label, depth+1)
		default:
			given[p.option(f, set, key, field.Value, depth)] = true
		}
	}
	for _, m := range set.fields {
		if !computed && len(sets) == 1 && !m.Type.Nilable() && !given[m.Name] && !p.nilable(m.Type) {
			p.warn(f, "missing-option", e.Start, "%s needs %s", set.label, m.Name)
		}
	}
}

func orNil(t *signature.Type) *signature.Type {
	if t == nil {
		return nil
	}
	return union(t, nilType)
}

// nilable reports whether an option may be left out.
func (p *pass) nilable(t *signature.Type) bool {
	all := p.api.alternatives(t)
	if all == nil {
		return true
	}
	for _, one := range all {
		if is(one, "nil") {
			return true
		}
	}
	return false
}

// option checks a key and its value. It returns the name that was meant.
func (p *pass) option(f *file, set fieldSet, key *syntax.String, value syntax.Expr, depth int) string {
	if m, ok := find(set.fields, key.Value); ok {
		p.push(f, value, orNil(m.Type), fmt.Sprintf("%q of %s", key.Value, set.label), depth+1)
		return key.Value
	}
	names := set.names()
	if set.keys != nil && !slices.ContainsFunc(names, func(name string) bool { return slipped(key.Value, name) }) {
		p.push(f, value, orNil(set.keys), fmt.Sprintf("%q of %s", key.Value, set.label), depth+1)
		return key.Value
	}
	p.warn(f, "unknown-option", key.Start, "%s has no %q%s", set.label, key.Value, spelling.Hint(key.Value, names))
	return spelling.Nearest(key.Value, names)
}

// slipped reports whether a name is another one with one slip, long enough that it is hardly a name of its own. That is for tables which may
// have any keys besides those that are known.
func slipped(name, meant string) bool {
	const long = 6
	return len(name) >= long && name != meant && spelling.Distance(name, meant, 2) < 2
}

// fieldSet returns what a table of a type may have; ok is false if that is anything.
func (p *pass) fieldSet(t *signature.Type) (set fieldSet, ok bool) {
	switch t.Kind {
	case signature.List:
		return fieldSet{label: "the list", list: t.Of[0], keys: named("any")}, true
	case signature.Map:
		return p.withKeys(fieldSet{label: "the table"}, t.Of[0], t.Of[1]), true
	case signature.Fields:
		set.label = "the table"
		for _, field := range t.Fields {
			if field.Key != nil {
				set = p.withKeys(set, field.Key, field.Type)
				continue
			}
			typ := field.Type
			if field.Optional {
				typ = union(typ, nilType)
			}
			set.fields = append(set.fields, Member{field.Name, typ})
		}
		return set, true
	case signature.Named:
		c := p.api.classes[t.Name]
		if c == nil || c.opaque() || c.Bare {
			return fieldSet{}, false
		}
		set.label, set.fields = c.label(), p.api.fields(c)
		if c.Keys != nil {
			set = p.withKeys(set, c.Key, c.Keys)
		}
		return set, true
	}
	return fieldSet{}, false
}

// withKeys adds keys of a type, and their values.
func (p *pass) withKeys(set fieldSet, key, value *signature.Type) fieldSet {
	if p.api.accepts(key, numberType) {
		set.list = value
	}
	if p.api.accepts(key, text("")) {
		set.keys = value
	}
	return set
}

// choose returns the set that most keys of a table are of, or are meant to be of.
func choose(sets []fieldSet, e *syntax.Table) fieldSet {
	best, most := sets[0], -1
	for _, set := range sets {
		n := 0
		for _, field := range e.Fields {
			if key, ok := field.Key.(*syntax.String); ok {
				if _, found := find(set.fields, key.Value); found {
					n += 3
				} else if spelling.Nearest(key.Value, set.names()) != "" {
					n += 2
				}
			} else if field.Key == nil && set.list != nil {
				n++
			}
		}
		if n > most {
			best, most = set, n
		}
	}
	return best
}
