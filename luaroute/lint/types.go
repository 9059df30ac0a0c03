package lint

import (
	"slices"
	"strconv"
	"strings"

	"github.com/luaroute/caddy-luaroute/luaroute/signature"
)

// A type that is not known is nil.

// Lua's own types that values of scripts have.
var (
	stringType   = named("string")
	numberType   = named("number")
	booleanType  = named("boolean")
	tableType    = named("table")
	functionType = named("function")
	nilType      = named("nil")
)

func text(value string) *signature.Type { return &signature.Type{Kind: signature.Text, Name: value} }

// is reports whether a type is a name: a class, or one of Lua's own.
func is(t *signature.Type, name string) bool {
	return t != nil && t.Kind == signature.Named && t.Name == name
}

// alternatives returns what a type may be, without aliases. It is nil if that is not known.
func (a *api) alternatives(t *signature.Type) []*signature.Type {
	return a.split(t, 0)
}

// maxDepth is how far aliases, calls and what variables hold are followed.
const maxDepth = 8

func (a *api) split(t *signature.Type, depth int) []*signature.Type {
	switch {
	case t == nil || depth > maxDepth || is(t, "any"):
		return nil
	case t.Kind == signature.Union:
		var all []*signature.Type
		for _, one := range t.Of {
			of := a.split(one, depth+1)
			if of == nil {
				return nil
			}
			all = append(all, of...)
		}
		return all
	case t.Kind == signature.Named:
		if c := a.classes[t.Name]; c != nil && c.Alias != nil {
			return a.split(c.Alias, depth+1)
		}
	}
	return []*signature.Type{t}
}

// union returns the type of a value that is of one of several types.
func union(all ...*signature.Type) *signature.Type {
	var of []*signature.Type
	for _, t := range all {
		if t == nil {
			return nil
		}
		if !slices.ContainsFunc(of, func(other *signature.Type) bool { return other.String() == t.String() }) {
			of = append(of, t)
		}
	}
	if len(of) == 1 {
		return of[0]
	}
	return &signature.Type{Kind: signature.Union, Of: of}
}

// truthy returns a type without nil and false.
func truthy(t *signature.Type) *signature.Type {
	if t == nil || t.Kind != signature.Union {
		return t
	}
	var of []*signature.Type
	for _, one := range t.Of {
		if !is(one, "nil") && !is(one, "false") {
			of = append(of, one)
		}
	}
	if len(of) == 0 {
		return nil
	}
	return union(of...)
}

// classOf returns the class whose members the values of a type have, nil if it is not known or if they have none.
func (a *api) classOf(t *signature.Type) *Class {
	switch {
	case t.Kind == signature.Text || is(t, "string"):
		return a.classes[globalTable("string")]
	case t.Kind == signature.Named:
		if c := a.classes[t.Name]; c != nil && c.Alias == nil && !c.opaque() && (!c.Bare || len(c.Fields) > 0) {
			return c
		}
	}
	return nil
}

// member is what a name of an object is.
type member struct {
	typ *signature.Type
	// of is the class that has it, or one that has it not.
	of *Class
	// method says that it is called with a colon.
	method bool
	// missing says that the object is known, and has nothing of the name.
	missing bool
}

// member looks for a member of the values of a type.
func (a *api) member(t *signature.Type, name string) member {
	var found []member
	var missing *Class
	all := a.alternatives(truthy(t))
	for _, one := range all {
		switch m := a.memberOf(one, name); {
		case m.missing:
			missing = m.of
		case m.typ == nil:
			return member{}
		case !slices.Contains(found, m):
			found = append(found, m)
		}
	}
	switch {
	case len(found) == 1:
		return found[0]
	case len(found) == 0 && missing != nil:
		return member{of: missing, missing: true}
	}
	return member{}
}

func (a *api) memberOf(t *signature.Type, name string) member {
	switch t.Kind {
	case signature.Map:
		if a.accepts(t.Of[0], text(name)) {
			return member{typ: t.Of[1]}
		}
	case signature.Fields:
		for _, p := range t.Fields {
			if p.Name == name || p.Key != nil && a.accepts(p.Key, text(name)) {
				return member{typ: p.Type}
			}
		}
	}
	c := a.classOf(t)
	if c == nil {
		return member{}
	}
	if m, ok := find(a.fields(c), name); ok {
		return member{typ: m.Type, of: c}
	}
	if m, ok := find(a.methods(c), name); ok {
		return member{typ: m.Type, of: c, method: true}
	}
	if c.Keys != nil && a.accepts(c.Key, text(name)) {
		return member{typ: c.Keys, of: c}
	}
	return member{of: c, missing: true}
}

// names returns the names of the members of a class.
func (a *api) names(c *Class) (all []string) {
	for _, m := range a.fields(c) {
		all = append(all, m.Name)
	}
	for _, m := range a.methods(c) {
		all = append(all, m.Name)
	}
	return all
}

// accepts reports whether what takes values of a type may take those of another. What is not certain may be.
func (a *api) accepts(want, have *signature.Type) bool {
	wants, haves := a.alternatives(want), a.alternatives(have)
	if wants == nil || haves == nil {
		return true
	}
	for _, h := range haves {
		for _, w := range wants {
			if a.acceptsOne(w, h) {
				return true
			}
		}
	}
	return false
}

// group is what a type is among Lua's own: one of their names, or "" if that is not known.
func (a *api) group(t *signature.Type) string {
	switch t.Kind {
	case signature.Text:
		return "string"
	case signature.List, signature.Map, signature.Fields:
		return "table"
	case signature.Function:
		return "function"
	}
	switch t.Name {
	case "true", "false":
		return "boolean"
	case "integer":
		return "number"
	}
	return t.Name // that of a class is none of Lua's own
}

// own are the groups of Lua's own types of which literals are.
var own = []string{"string", "number", "boolean", "nil", "table", "function"}

func (a *api) acceptsOne(want, have *signature.Type) bool {
	w, h := a.group(want), a.group(have)
	switch {
	case have.Kind == signature.Text && want.Kind == signature.Text:
		return have.Name == want.Name
	case w == h:
		return want.Kind != signature.Named || have.Kind != signature.Named || !isConstant(want) || !isConstant(have) || want.Name == have.Name
	case want.Kind == signature.Text:
		return false
	case w == "string":
		return h == "number" // which functions of Lua take for its digits
	case w == "number" && h == "string":
		if have.Kind != signature.Text {
			return true
		}
		_, err := strconv.ParseFloat(strings.TrimSpace(have.Name), 64)
		return err == nil
	case w == "function" || w == "table":
		return !slices.Contains(own, h) && !a.isObject(have) // an unknown class may be one
	case slices.Contains(own, w):
		return false
	}
	// A class: its options come as a table, its objects as they are.
	if h == "table" {
		c := a.classes[want.Name]
		return c == nil || !c.opaque()
	}
	return !slices.Contains(own, h) && a.extends(have.Name, want.Name)
}

func isConstant(t *signature.Type) bool { return t.Name == "true" || t.Name == "false" }

// isObject reports whether a type is an object that is neither a table nor a function, for certain.
func (a *api) isObject(t *signature.Type) bool {
	c := a.classes[t.Name]
	return t.Kind == signature.Named && c != nil && len(c.Methods) > 0
}

// extends reports whether a class is another one, or may be.
func (a *api) extends(have, want string) bool {
	if have == want {
		return true
	}
	c, other := a.classes[have], a.classes[want]
	if c == nil || other == nil || c.Of == want {
		return true
	}
	// Tables of options and results are tables alike.
	return len(c.Methods) == 0 && len(other.Methods) == 0 && !c.opaque() && !other.opaque()
}

// say writes a type for a message.
func (a *api) say(t *signature.Type) string {
	switch {
	case t == nil:
		return "something else"
	case t.Kind == signature.Text:
		return strconv.Quote(t.Name)
	case t.Kind == signature.Function:
		return "a function"
	case t.Kind == signature.List:
		return "a list"
	case t.Kind == signature.Map || t.Kind == signature.Fields:
		return "a table"
	case t.Kind == signature.Union:
		return a.sayAll(t.Of)
	}
	switch t.Name {
	case "nil", "true", "false":
		return t.Name
	case "string", "number", "boolean", "table", "function", "integer":
		return "a " + t.Name
	}
	c := a.classes[t.Name]
	if c == nil {
		return t.Name
	}
	if c.Alias != nil {
		if names, ok := a.Names[t.Name]; ok {
			return "the name of a " + names.What
		}
		return a.say(c.Alias)
	}
	return c.label()
}

func (a *api) sayAll(all []*signature.Type) string {
	var words []string
	for _, t := range all {
		if is(t, "nil") && len(all) > 1 {
			continue
		}
		if word := a.say(t); !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return strings.Join(words, " or ")
}

// Union returns the type of a value that is of one of several types.
func Union(all []*signature.Type) *signature.Type { return union(all...) }
