package lint

import (
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/luaroute/signature"
)

// API describes what scripts can use. Without one, only the text of scripts is looked at.
type API struct {
	// Module is what scripts require for the router, and Router the class of it.
	Module, Router string
	// Pools, Tenants and Metrics are the aliases whose strings are names of pools, of tenants and of metrics.
	Pools, Tenants, Metrics string
	// Inert are the types of what does nothing by itself: a policy that no router is given.
	Inert []string
	// Globals are what scripts find without require, but for the libraries among them, which are Tables.
	Globals []Member
	Tables  []Class
	// Defined are globals that scripts define for others to call.
	Defined []Member
	// Libraries are what require returns besides.
	Libraries []Class
	// Classes are the types that all of these name.
	Classes []Class
	// Absent are what Lua has and scripts have not, such as io.open, with the reason.
	Absent map[string]string
	// Names are the names that there are, by the alias of their type: those of luaroute.PoolName are pools. An alias that is not there may
	// be any string.
	Names map[string]Names
}

// Names are what a string can name.
type Names struct {
	// What is the word for it: "pool".
	What string
	// Kind is the name of the kind of findings.
	Kind string
	// All are the names.
	All []string
	// Of are those that scripts of a tenant see besides, by its name, where tenants do not see the same.
	Of map[string][]string
	// Open says that scripts may declare names which are not among them. They are looked for in the text.
	Open bool
}

// Every returns all names, whoever sees them.
func (n Names) Every() []string {
	all := slices.Clone(n.All)
	for _, of := range n.Of {
		all = append(all, of...)
	}
	return sorted(all)
}

// Class is a type with members. One without members and Keys may have any.
type Class struct {
	Name string
	// Label is how messages call it: crypto, req; else its name.
	Label string
	// Of is the class whose members this one has, too.
	Of string
	// Alias is what the name stands for, if it is no more than that.
	Alias *signature.Type
	// Key and Keys are the types of other keys and of their values, nil if there are none.
	Key, Keys *signature.Type
	// Dot says that methods may be called with a dot.
	Dot bool
	// Bare says that its members are known by their names only.
	Bare            bool
	Fields, Methods []Member
}

// Member is a field, a method or a function.
type Member struct {
	Name string
	Type *signature.Type
}

func find(list []Member, name string) (Member, bool) {
	i := slices.IndexFunc(list, func(m Member) bool { return m.Name == name })
	if i < 0 {
		return Member{}, false
	}
	return list[i], true
}

func (c *Class) label() string {
	if c.Label != "" {
		return c.Label
	}
	return c.Name
}

// opaque reports whether it is not known what the class has.
func (c *Class) opaque() bool {
	return len(c.Fields)+len(c.Methods) == 0 && c.Of == "" && c.Keys == nil
}

// globalTable is the name of the type of a library among the globals, and library that of one to require. No description can name them.
func globalTable(name string) string { return "_G." + name }
func library(name string) string     { return "require " + name }

// api is an API in the form for look-ups.
type api struct {
	API
	classes map[string]*Class
	globals map[string]*signature.Type
}

func newAPI(from API) *api {
	a := &api{API: from, classes: map[string]*Class{}, globals: map[string]*signature.Type{}}
	add := func(list []Class, name func(string) string) {
		for _, c := range list {
			c.Label = c.label()
			c.Name = name(c.Name)
			a.classes[c.Name] = &c
		}
	}
	add(from.Classes, strings.Clone)
	add(from.Tables, globalTable)
	add(from.Libraries, library)
	for _, m := range from.Globals {
		a.globals[m.Name] = m.Type
	}
	for _, c := range from.Tables {
		a.globals[c.Name] = named(globalTable(c.Name))
	}
	return a
}

// fields returns the fields of a class, with those of the class that it extends; methods does so for methods.
func (a *api) fields(c *Class) []Member {
	if of := a.classes[c.Of]; of != nil && of != c {
		return slices.Concat(c.Fields, of.Fields)
	}
	return c.Fields
}

func (a *api) methods(c *Class) []Member {
	if of := a.classes[c.Of]; of != nil && of != c {
		return slices.Concat(c.Methods, of.Methods)
	}
	return c.Methods
}

func named(name string) *signature.Type { return &signature.Type{Name: name} }

// sorted returns the names in order, each once.
func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
