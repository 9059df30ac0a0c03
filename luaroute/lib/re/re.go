// Package re is the library `re` for scripts: regular expressions of RE2, which search in linear time, whatever the pattern.
// Their syntax is https://github.com/google/re2/wiki/Syntax, and they match UTF-8 characters. Its bindings describe its functions.
//
// A group that took no part in a match is false. init is where the search begins, as in string.match: what is before it is
// not looked at, so ^ matches there. repl is a string, in which $1, ${1} and ${name} stand for groups, $0 for the whole match and
// $$ for a dollar; a table, in which the first group, or the whole match if there is none, is looked up; or a function, which gets
// what re.match returns. If those two give nil or false, the match stays.
//
// A malformed pattern raises, and so does one of more than 2 KiB, of more than 100 groups, or of more than 2 MiB
// in memory, such as one with large repetitions. Strings that gsub and escape make have at most 16 MiB. Compiled patterns are cached,
// so compile makes scripts tidier, not faster.
package re

import (
	"regexp"

	"github.com/caddyserver/caddy/v2"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

func init() {
	caddy.RegisterModule(Library{})
}

// Library is `require("re")` of scripts: regular expressions of RE2. It has no configuration.
type Library struct{}

// CaddyModule returns the Caddy module information.
func (Library) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "luaroute.libs.re", New: func() caddy.Module { return new(Library) }}
}

// Open returns the library's table. Its functions share a cache of compiled patterns; scripts that opened the library separately
// cannot evict one another's patterns.
func (Library) Open(*lua.LState) lua.LValue { return bindings(new(cache)).Table() }

// Docs describes what is in it.
func (Library) Docs() []vm.Doc { return bindings(nil).Docs() }

// Classes describes the types that Docs names.
func (Library) Classes() []vm.Class {
	object := vm.Class{Name: "re.Pattern", Text: "a compiled pattern, whose methods are the functions of the library without the pattern"}
	for _, op := range operations {
		object.Methods = append(object.Methods, op.method())
	}
	return []vm.Class{object, {
		Name: "re.Replacement", Alias: "string|table<string, any>|(fun(group: string|false, ...: string|false): any)",
		Text: "a string with `$1`, `${name}`, `$0` and `$$`, a table in which the first group is looked up, or a function that gets what `re.match` returns",
	}}
}

// bindings are what the library has, whose functions share compiled patterns.
func bindings(patterns *cache) vm.Bindings {
	all := make(vm.Bindings, 0, len(operations)+2)
	for _, op := range operations {
		all = append(all, vm.Binding{Doc: op.doc, Fn: func(L *lua.LState) int {
			text := L.CheckString(1)
			return op.do(L, pattern{patterns, L.CheckString(2)}, text)
		}})
	}
	return append(all, vm.Binding{Fn: escape, Doc: vm.Doc{
		Name: "escape", Args: "s: string", Returns: "string",
		Text: "the pattern that matches exactly this string",
	}}, vm.Binding{Fn: func(L *lua.LState) int { return compileObject(L, patterns) }, Doc: vm.Doc{
		Name: "compile", Args: "pattern: string", Returns: "re.Pattern",
		Text: "an object with these functions as methods, such as `r:match(s, [init])`",
	}})
}

// escape is re.escape(s).
func escape(L *lua.LState) int {
	s := L.CheckString(1)
	vm.Spend(L, 1+len(s)/bytesPerStep)
	vm.Charge(L, len(s))
	if len(s) <= maxText {
		s = regexp.QuoteMeta(s)
	}
	tooLarge(L, len(s))
	L.Push(lua.LString(s))
	return 1
}

// Interface guards
var (
	_ vm.Documented = Library{}
	_ vm.Classified = Library{}
)
