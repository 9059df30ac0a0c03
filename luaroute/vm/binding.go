package vm

import (
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// Doc describes one thing that scripts can use: a function, or a field. It is the source of what editors show (`caddy luaroute stubs`), of
// what `caddy luaroute check` knows, and of the tables in the documents. Nothing reads it while scripts run.
//
//	vm.Doc{Name: "incr", Args: "k: string, by?: number", Returns: "number? value, string? err", Text: "adds to a number"}
//	vm.Doc{Name: "null", Type: "json.Null", Text: "null, which unlike nil can be in a table"}
//
// Package signature describes the language of Args, Returns and Type.
type Doc struct {
	// Name is what scripts write.
	Name string
	// Args are the parameters of a function, without the object that stands before a colon.
	Args string
	// Returns are the results of a function. Those that are `nil, err` for a failure are "T? value, string? err".
	Returns string
	// Type is that of a field; a function has none. "T?" is a field that may be nil, or an option that may be left out.
	Type string
	// Fails says that a function may return `nil, err` whatever it is given, as one that asks a server does: `check` warns where a result is
	// used without a look at it. Without it, `check` does so only where an argument is a string that the script does not have in it.
	Fails bool
	// Effect says that a function is called for what it does, so that nobody need look at its results.
	Effect bool
	// Text says what it does or is, in Markdown and a line or two: "the digest of a string".
	Text string
}

// Class describes a type that Args, Returns and Type may name: an object, a table of options, or a short name for another type.
type Class struct {
	// Name begins with that of the library, and a dot: "kv.Options".
	Name string
	// Text says what it is.
	Text string
	// Link is where documents describe it: an address, or a page of luaroute's own and a heading in it, such as "lua.md#req".
	Link string
	// Alias is what the name stands for, if it is no more than that: `"hex"|"raw"`.
	Alias string
	// Of is the class whose fields and methods this one has, too.
	Of string
	// Keys are other keys than the fields, if there may be any, and their values: "[string]: string".
	Keys string
	// Dot says that the methods may be called with a dot, too.
	Dot bool
	// Fields are read and written with a dot.
	Fields []Doc
	// Methods are called with a colon.
	Methods []Doc
}

// FieldNames returns the names of the fields.
func (c *Class) FieldNames() []string {
	names := make([]string, len(c.Fields))
	for i := range c.Fields {
		names[i] = c.Fields[i].Name
	}
	return names
}

// Names returns the names of the fields as an error lists what is allowed: "name, when, priority".
func (c *Class) Names() string { return strings.Join(c.FieldNames(), ", ") }

// Has reports whether a field has a name.
func (c *Class) Has(name string) bool {
	for i := range c.Fields {
		if c.Fields[i].Name == name {
			return true
		}
	}
	return false
}

// Documented is a Library that describes what its table holds. Of one that does not, editors know the names only.
type Documented interface {
	Library
	Docs() []Doc
}

// Classified is a Library that has types of its own, for its Docs to name.
type Classified interface {
	Library
	Classes() []Class
}

// Binding is a function of Go, or another value, together with what describes it, so that there is none without the other.
type Binding struct {
	Doc Doc
	// Fn is the function. What has none is a Value.
	Fn    lua.LGFunction
	Value lua.LValue
}

// Bindings are what a library has:
//
//	var bindings = vm.Bindings{
//		{Fn: now, Doc: vm.Doc{Name: "now", Returns: "number", Text: "the time"}},
//	}
//
//	func (Library) Open(L *lua.LState) lua.LValue { return bindings.Table() }
//	func (Library) Docs() []vm.Doc                { return bindings.Docs() }
type Bindings []Binding

// Table returns a new table of the bindings, for Library.Open.
func (b Bindings) Table() *lua.LTable {
	t := gopher.NewTable(0, len(b))
	for i := range b {
		if b[i].Fn != nil {
			t.RawSetString(b[i].Doc.Name, Described(b[i].Fn, b[i].Doc))
		} else {
			t.RawSetString(b[i].Doc.Name, b[i].Value)
		}
	}
	return t
}

// Methods returns the functions by their names, for objects: the first argument of each is the object.
func (b Bindings) Methods() map[string]*lua.LFunction {
	all := make(map[string]*lua.LFunction, len(b))
	for i := range b {
		if b[i].Fn != nil {
			all[b[i].Doc.Name] = Method(b[i].Fn, b[i].Doc)
		}
	}
	return all
}

// Docs returns what describes the bindings, for Documented.
func (b Bindings) Docs() []Doc {
	docs := make([]Doc, len(b))
	for i := range b {
		docs[i] = b[i].Doc
	}
	return docs
}

// OneOf returns the type of a string that is one of the keys of a map: `"base64"|"hex"`.
func OneOf[T any](all map[string]T) string {
	return `"` + strings.Join(slices.Sorted(maps.Keys(all)), `"|"`) + `"`
}

// Fail pushes nil and why, the results of a function that has failed, and returns their number:
//
//	return vm.Fail(L, err.Error())
func Fail(L *lua.LState, why string) int {
	L.Push(lua.LNil)
	L.Push(lua.LString(why))
	return 2
}
