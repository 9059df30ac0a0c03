// Package signature reads the small language in which bindings of Lua say what they take and return:
//
//	text: string, init?: number                      parameters; one with ? may be left out
//	pattern: string, options?: T, handler: H         one with ? before others that are needed: f(pattern, handler) works, too
//	format: string, ...: any                         any number of further arguments
//	string? value, string? err                       results; their names are for the reader. T? is T or nil
//	number first, number last, ...: string           any number of further results
//
// A type is one of
//
//	string number boolean nil any table function userdata thread
//	luaroute.Request                                 a class or an alias, by its name
//	"hex"|"raw"                                      certain strings, and a union of types
//	true                                             that value
//	string[]                                         a list
//	table<string, number>                            a table of keys and values
//	{name: string, ttl?: number}                     a table with these fields and no others; {[string]: T} has any names
//	fun(req: luaroute.Request): boolean?             a function; one with several results is fun(): (string? value, string? err)
//
// It is close to the annotations of lua-language-server, which editors show, so that little has to be translated.
package signature

import (
	"strings"
)

// Kind is the form of a type.
type Kind int

// The kinds of types.
const (
	// Named is a type by its name: string, luaroute.Request.
	Named Kind = iota
	// Text is one string: "hex".
	Text
	// Union is one of several types.
	Union
	// List is a list of a type.
	List
	// Map is a table of keys and values.
	Map
	// Fields is a table with certain fields.
	Fields
	// Function is a function.
	Function
)

// Type is a type.
type Type struct {
	Kind Kind
	// Name is that of a Named type, or what a Text is.
	Name string
	// Of are the types of a Union, the one of a List, or those of the keys and values of a Map.
	Of []*Type
	// Fields are those of a table, or the parameters of a Function.
	Fields []Param
	// Results are those of a Function.
	Results []Result
	// Fails says that a Function may fail whatever it is given. It is not in the text.
	Fails bool
}

// Param is a parameter, or a field of a table.
type Param struct {
	// Name is Variadic for any number of arguments, and empty for a field that has a Key.
	Name string
	// Key is the type of all other keys of a table, else nil.
	Key *Type
	// Optional says that it may be left out.
	Optional bool
	Type     *Type
}

// Result is what a function returns.
type Result struct {
	// Name is empty for none, and Variadic for any number of results.
	Name string
	Type *Type
}

// Variadic is the name of a parameter, or of a result, that stands for any number of them.
const Variadic = "..."

// Required returns how many arguments a function needs at least, and how many it takes at most; no bound is -1.
func Required(params []Param) (least, most int) {
	for _, p := range params {
		switch {
		case p.Name == Variadic:
			return least, -1
		case !p.Optional:
			least++
		}
		most++
	}
	return least, most
}

// Arrange returns the parameters of a call with so many arguments. It leaves out optional ones in the middle where there would be too few
// arguments for those that follow. Arguments beyond the last parameter have none.
func Arrange(params []Param, arguments int) []Param {
	needed, _ := Required(params)
	spare := arguments - needed
	var given []Param
	for i, p := range params {
		if p.Optional {
			if rest, _ := Required(params[i+1:]); spare <= 0 && rest > 0 {
				continue
			}
			spare--
		}
		if p.Name == Variadic {
			for len(given) < arguments {
				given = append(given, p)
			}
			break
		}
		given = append(given, p)
	}
	return given[:min(len(given), max(arguments, 0))]
}

// Nilable reports whether nil is of a type.
func (t *Type) Nilable() bool {
	switch t.Kind {
	case Named:
		return t.Name == "nil" || t.Name == "any"
	case Union:
		for _, one := range t.Of {
			if one.Nilable() {
				return true
			}
		}
	}
	return false
}

// Names visits the names of all types in a type that are not Lua's own.
func (t *Type) Names(visit func(name string)) {
	if t.Kind == Named && !basic[t.Name] {
		visit(t.Name)
	}
	for _, one := range t.Of {
		one.Names(visit)
	}
	for _, p := range t.Fields {
		if p.Key != nil {
			p.Key.Names(visit)
		}
		p.Type.Names(visit)
	}
	for _, r := range t.Results {
		r.Type.Names(visit)
	}
}

// basic are the types of Lua, and the values that are types.
var basic = map[string]bool{
	"string": true, "number": true, "integer": true, "boolean": true, "nil": true, "any": true, "table": true, "function": true,
	"userdata": true, "thread": true, "true": true, "false": true,
}

// String writes a type in the form that Parse reads.
func (t *Type) String() string { return t.text(false) }

// text writes a type; inner is set for one that ? or [] follows, or that is part of a union.
func (t *Type) text(inner bool) string {
	switch t.Kind {
	case Text:
		return `"` + t.Name + `"`
	case Union:
		if len(t.Of) == 2 && t.Of[1].Kind == Named && t.Of[1].Name == "nil" {
			return t.Of[0].text(true) + "?"
		}
		all := make([]string, len(t.Of))
		for i, one := range t.Of {
			all[i] = one.text(true)
		}
		text := strings.Join(all, "|")
		if inner {
			return "(" + text + ")"
		}
		return text
	case List:
		return t.Of[0].text(true) + "[]"
	case Map:
		return "table<" + t.Of[0].String() + ", " + t.Of[1].String() + ">"
	case Fields:
		return "{" + Join(t.Fields) + "}"
	case Function:
		text := "fun(" + Join(t.Fields) + ")"
		if len(t.Results) == 1 && t.Results[0].Name == "" {
			text += ": " + t.Results[0].Type.String()
		} else if len(t.Results) > 0 {
			text += ": (" + JoinResults(t.Results) + ")"
		}
		if inner {
			return "(" + text + ")"
		}
		return text
	}
	return t.Name
}

// Join writes parameters as they are read.
func Join(params []Param) string {
	all := make([]string, len(params))
	for i, p := range params {
		name := p.Name
		if p.Key != nil {
			name = "[" + p.Key.String() + "]"
		}
		if p.Optional && name != Variadic {
			name += "?"
		}
		all[i] = name + ": " + p.Type.String()
	}
	return strings.Join(all, ", ")
}

// JoinResults writes results as they are read.
func JoinResults(results []Result) string {
	all := make([]string, len(results))
	for i, r := range results {
		switch all[i] = r.Type.String(); {
		case r.Name == Variadic:
			all[i] = Variadic + ": " + all[i]
		case r.Name != "":
			all[i] += " " + r.Name
		}
	}
	return strings.Join(all, ", ")
}
