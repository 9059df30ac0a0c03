package stdlib

import (
	"slices"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Docs describes the globals that all scripts have: functions and values, and the libraries among them. What is as in Lua 5.1 has no text.
func Docs() (globals []vm.Doc, libraries []vm.Class) {
	core, coreLibraries := vm.CoreDocs()
	return slices.Concat(core, baseDocs), slices.Concat([]vm.Class{
		{Name: "string", Fields: stringDocs},
		{Name: "table", Fields: tableDocs},
		{Name: "math", Fields: mathDocs},
		{Name: "os", Fields: osDocs},
	}, coreLibraries, []vm.Class{
		{Name: "io", Fields: []vm.Doc{{Name: "type", Args: "value: any", Returns: "nil", Text: "returns nil: there are no files"}}},
	})
}

// What several functions take.
const (
	str       = "string|number"
	oneNumber = "x: number"
)

var baseDocs = []vm.Doc{
	{Name: "assert", Args: "v: any, message?: any, ...: any", Returns: "...: any", Effect: true},
	{Name: "getmetatable", Args: "object: any", Returns: "any"},
	{Name: "ipairs", Args: "table: any", Returns: "fun(): (number? index, any value), any table, number index"},
	{Name: "next", Args: "table: table, index?: any", Returns: "any key, any value"},
	{
		Name: "pairs", Args: "table: any", Returns: "fun(): (any key, any value), any table, nil",
		Text: "iterates over `req.params`, `req.headers`, `req.query`, `req.cookies` and `res.headers`, too",
	},
	{Name: "print", Args: "...: any", Text: "writes to Caddy's log, as `log.info` does"},
	{Name: "rawequal", Args: "a: any, b: any", Returns: "boolean"},
	{Name: "rawget", Args: "table: table, index: any", Returns: "any"},
	{Name: "rawset", Args: "table: table, index: any, value: any", Returns: "table", Effect: true},
	{Name: "select", Args: `index: number|"#", ...: any`, Returns: "...: any"},
	{Name: "setmetatable", Args: "table: table, metatable: table?", Returns: "table", Effect: true, Text: "for tables. `__gc` and `__mode` have no effect"},
	{
		Name: "tonumber", Args: "e: any, base?: number", Returns: "number?",
		Text: "returns nil for `inf`, `nan` and strings with a zero byte. In a base, `tonumber(\"-ff\", 16)` is -255",
	},
	{
		Name: "tostring", Args: "e: any", Returns: "string",
		Text: "writes a whole number with all its digits: `tostring(2^53)` is `9007199254740992`",
	},
	{Name: "type", Args: "v: any", Returns: "string"},
	{Name: "unpack", Args: "list: table, i?: number, j?: number", Returns: "...: any", Text: "returns at most 8,000 values"},
}

var stringDocs = []vm.Doc{
	{Name: "byte", Args: "s: " + str + ", i?: number, j?: number", Returns: "...: number", Text: "returns at most 8,000 values"},
	{Name: "char", Args: "...: number", Returns: "string"},
	{Name: "dump", Args: "fn: function", Returns: "string", Text: "returns the header of bytecode without code"},
	{
		Name: "find", Args: "s: " + str + ", pattern: " + str + ", init?: number, plain?: any",
		Returns: "number? first, number? last, ...: string|number",
	},
	{
		Name: "format", Args: "format: " + str + ", ...: any", Returns: "string",
		Text: "`%s` takes any value, and a zero byte does not end what it writes",
	},
	{Name: "gfind", Args: "s: " + str + ", pattern: " + str, Returns: "fun(): (string|number|nil, ...: string|number)", Text: "the old name of `gmatch`"},
	{Name: "gmatch", Args: "s: " + str + ", pattern: " + str, Returns: "fun(): (string|number|nil, ...: string|number)"},
	{
		Name: "gsub", Args: "s: " + str + ", pattern: " + str + ", repl: string|number|table|function, n?: number", Returns: "string text, number count",
		Text: "a single `%` at the end of a replacement is an error",
	},
	{Name: "len", Args: "s: " + str, Returns: "number"},
	{Name: "lower", Args: "s: " + str, Returns: "string"},
	{Name: "match", Args: "s: " + str + ", pattern: " + str + ", init?: number", Returns: "string|number|nil, ...: string|number"},
	{Name: "rep", Args: "s: " + str + ", n: number", Returns: "string", Text: "makes at most 16 MiB"},
	{Name: "reverse", Args: "s: " + str, Returns: "string"},
	{Name: "sub", Args: "s: " + str + ", i: number, j?: number", Returns: "string"},
	{Name: "upper", Args: "s: " + str, Returns: "string"},
}

var tableDocs = []vm.Doc{
	{Name: "concat", Args: "list: table, sep?: " + str + ", i?: number, j?: number", Returns: "string"},
	{Name: "foreach", Args: "table: table, fn: fun(key: any, value: any): any", Returns: "any", Effect: true},
	{Name: "foreachi", Args: "list: table, fn: fun(index: number, value: any): any", Returns: "any", Effect: true},
	{Name: "getn", Args: "list: table", Returns: "number"},
	{Name: "insert", Args: "list: table, pos?: number, value: any"},
	{Name: "maxn", Args: "table: table", Returns: "number"},
	{Name: "remove", Args: "list: table, pos?: number", Returns: "any", Effect: true},
	{Name: "sort", Args: "list: table, comp?: fun(a: any, b: any): boolean"},
}

var mathDocs = slices.Concat([]vm.Doc{
	{Name: "huge", Type: "number"},
	{Name: "pi", Type: "number"},
	{Name: "atan2", Args: "y: number, x: number", Returns: "number"},
	{Name: "fmod", Args: "x: number, y: number", Returns: "number"},
	{Name: "frexp", Args: oneNumber, Returns: "number m, number e"},
	{Name: "ldexp", Args: "m: number, e: number", Returns: "number"},
	{Name: "max", Args: "x: number, ...: number", Returns: "number"},
	{Name: "min", Args: "x: number, ...: number", Returns: "number"},
	{Name: "mod", Args: "x: number, y: number", Returns: "number", Text: "the old name of `fmod`"},
	{Name: "modf", Args: oneNumber, Returns: "number whole, number fraction"},
	{Name: "pow", Args: "x: number, y: number", Returns: "number"},
	{Name: "random", Args: "m?: number, n?: number", Returns: "number"},
	{Name: "randomseed", Args: "x: number", Text: "does nothing: random numbers differ in each run"},
}, ofOne("abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "deg", "exp", "floor", "log", "log10", "rad", "sin", "sinh", "sqrt", "tan", "tanh"))

// ofOne describes functions of one number.
func ofOne(names ...string) (docs []vm.Doc) {
	for _, name := range names {
		docs = append(docs, vm.Doc{Name: name, Args: oneNumber, Returns: "number"})
	}
	return docs
}

var osDocs = []vm.Doc{
	{Name: "clock", Returns: "number", Text: "seconds since Caddy started, to measure how long something takes"},
	{Name: "date", Args: "format?: string, time?: number", Returns: "string|table"},
	{Name: "difftime", Args: "later: number, earlier?: number", Returns: "number", Text: "keeps fractions of seconds"},
	{Name: "time", Args: "table?: table", Returns: "number?"},
}

// Absent describes what Lua 5.1 has and scripts have not, by the names of globals and of fields of libraries, with the reason.
func Absent() (absent []vm.Doc) {
	for _, group := range []struct {
		why   string
		names []string
	}{
		{"scripts reach no files; `route.read` reads one beside the script while it loads", []string{"dofile", "loadfile"}},
		{"scripts reach no files; `route.read` reads one beside the script while it loads", of("io", "close", "flush", "input", "lines", "open",
			"output", "popen", "read", "stderr", "stdin", "stdout", "tmpfile", "write")},
		{"there is no collector to talk to", []string{"collectgarbage", "gcinfo"}},
		{"its values are of use with a collector only", []string{"newproxy"}},
		{"it would hand out the globals of other code; `setfenv` and `load` set an environment", []string{"getfenv"}},
		{"a module is a file that returns its table, for `require`", []string{"module", "package.seeall"}},
		{"modules are found beside the script and in the path of its source; nothing else is loaded", of("package", "loaders", "loadlib")},
		{"scripts reach no other programs and do not end Caddy", of("os", "execute", "exit")},
		{"use `route.env`, which reads the variables that the configuration lists", of("os", "getenv")},
		{"scripts reach no files", of("os", "remove", "rename", "tmpname")},
		{"a list knows its length, which is `#list`", of("table", "setn")},
		{"texts are compared and converted as in the C locale", of("os", "setlocale")},
		{"it reaches into what other code keeps to itself", of("debug", "debug", "getfenv", "gethook", "getlocal", "getregistry", "getupvalue",
			"setfenv", "sethook", "setlocal", "setmetatable", "setupvalue")},
	} {
		for _, name := range group.names {
			doc := vm.Doc{Name: name, Text: group.why, Args: "...: any", Returns: "...: any", Effect: true}
			if slices.Contains([]string{"io.stderr", "io.stdin", "io.stdout", "package.loaders"}, name) {
				doc = vm.Doc{Name: name, Text: group.why, Type: "any"}
			}
			absent = append(absent, doc)
		}
	}
	return absent
}

// of returns the names of the fields of a library.
func of(library string, names ...string) []string {
	for i, name := range names {
		names[i] = library + "." + name
	}
	return names
}
