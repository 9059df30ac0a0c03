package simulate

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/declare"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Globals describes what files of tests have besides what all scripts have.
func Globals() []vm.Doc {
	docs := make([]vm.Doc, len(globals))
	for i := range globals {
		docs[i] = globals[i].doc
	}
	return append(docs, vm.Doc{Name: nameAssert, Type: "luaroute.Assert", Text: "assertions as those of luassert; it can still be called"})
}

// Router describes what the router has in files of tests besides.
func Router() []vm.Doc { return []vm.Doc{simulateDoc} }

// Classes describes the types that these name.
func Classes() []vm.Class {
	expectation := vm.Class{Name: "luaroute.Expectation", Link: "testing.md#tests", Text: "a value that is to be compared"}
	for _, c := range claims {
		expectation.Methods = append(expectation.Methods, c.doc)
	}
	return append(assertClasses(), []vm.Class{
		expectation, requestClass, outcomeClass, handedClass, doubleClass,
		{
			Name: "luaroute.Stub", Link: "testing.md#simulate", Text: "what a pool answers",
			Alias: "luaroute.ResponseTable|luaroute.StubError",
		},
		{Name: "luaroute.StubError", Link: "testing.md#simulate", Text: "the answer of a pool that fails", Fields: []vm.Doc{
			{Name: "error", Type: "number", Text: "a status from 400 to 599"},
		}},
	}...)
}

// doubleClass is what stub and spy return.
var doubleClass = vm.Class{Name: "luaroute.Double", Link: "testing.md#stubs", Text: "the calls of a function", Fields: []vm.Doc{
	{Name: "count", Type: "number", Text: "how many calls there were"},
	{Name: "calls", Type: "any[][]", Text: "their arguments: a list for each call"},
}}

// requestClass is what route.simulate takes.
var requestClass = func() vm.Class {
	class := vm.Class{Name: "luaroute.SimulateRequest", Link: "testing.md#simulate", Text: "a request", Fields: declare.RequestFields()}
	for i, field := range class.Fields {
		if field.Name == "path" {
			class.Fields[i].Type, class.Fields[i].Text = "string?", field.Text+". Default: `/`"
		}
	}
	class.Fields = append(class.Fields, vm.Doc{
		Name: "pools", Type: "table<luaroute.PoolName, luaroute.Stub>?",
		Text: "what pools answer, by name: a table of `status`, `body` and `headers`, or `{ error = 502 }` for a pool that fails, as if its " +
			"upstreams were unreachable. A pool that is not listed answers 200 with an empty body",
	}, vm.Doc{
		Name: "now", Type: "number|string|nil",
		Text: "the time that scripts see, in `os.time`, `os.date`, the library `time` and the log: seconds since 1970, or a string such as " +
			"`2026-05-04T10:00:00Z`. It stands still, and what a test has written with a `ttl` to [`kv`](state.md) ends by it. Default: the real one",
	})
	return class
}()

// outcomeClass is what route.simulate returns.
var outcomeClass = vm.Class{Name: "luaroute.Outcome", Link: "testing.md#simulate", Text: "what becomes of a request", Fields: []vm.Doc{
	{Name: "pool", Type: "luaroute.PoolName?", Text: "the pool that gets the request; nil if none does"},
	{Name: "upstream", Type: "string?", Text: "the one upstream that the action names; nil if it names none"},
	{Name: "handler", Type: "string?", Text: "the Caddy handler that would answer; it is not run. Nil if there is none"},
	{Name: "next", Type: "boolean", Text: "`true` if the request goes to Caddy's next handler"},
	{Name: "tenant", Type: "string", Text: asReq},
	{Name: "route", Type: "string", Text: asReq},
	{Name: "pattern", Type: "string", Text: asReq},
	{Name: "params", Type: "table<string, string>", Text: "a table of the parameters"},
	{Name: "status", Type: "number?", Text: asClient},
	{Name: "headers", Type: "table<string, any>?", Text: asClient},
	{Name: "body", Type: "string?", Text: asClient},
	{Name: "error", Type: "string?", Text: "the error that the request ended with, of a script or of `route.error`; nil if there was none"},
	{
		Name: "request", Type: "luaroute.HandedRequest?",
		Text: "the request as it is forwarded or passed on: `method`, `uri`, `host`, `headers`, and for a pool `body`; nil if luaroute answers it",
	},
}}

// What several fields have in common.
const (
	asReq    = "as `req` has them: strings, empty where there is none"
	asClient = "what the client would get; nil where a pool or Caddy decides. A field of `headers` is a string, or a list where it has several " +
		"values; names are read in any case"
)

var handedClass = vm.Class{Name: "luaroute.HandedRequest", Link: "testing.md#simulate", Text: "a request as it was handed on", Fields: []vm.Doc{
	{Name: "method", Type: "string", Text: "the method"},
	{Name: "uri", Type: "string", Text: "path and query, encoded"},
	{Name: "host", Type: "string", Text: "the host, perhaps with a port"},
	{Name: "headers", Type: "table<string, any>", Text: "a field is a string, or a list where it has several values"},
	{Name: "body", Type: "string?", Text: "what a pool was sent"},
}}

var simulateDoc = vm.Doc{
	Name: "simulate", Args: "request: luaroute.SimulateRequest", Returns: "luaroute.Outcome",
	Text: "what becomes of a request; in files of tests only, see [simulate](testing.md#simulate)",
}

// What runs around tests.
const (
	nameSetup, nameTeardown       = "setup", "teardown"
	nameBeforeEach, nameAfterEach = "before_each", "after_each"
)

// global is what a file of tests finds without require.
type global struct {
	fn  func(*Suite, *lua.LState) int
	doc vm.Doc
}

var globals = []global{
	{(*Suite).describe, vm.Doc{
		Name: "describe", Args: "name: string, fn: fun()",
		Text: "groups the tests that the function declares; groups may be nested",
	}},
	{(*Suite).it, vm.Doc{Name: "it", Args: "name: string, fn: fun()", Text: "a test. It passes if the function does not fail"}},
	{(*Suite).pending, vm.Doc{Name: "pending", Args: "name: string, fn?: fun()", Text: "a test that is still to be written. It is counted, and not run"}},
	{around(nameSetup), vm.Doc{Name: nameSetup, Args: "fn: fun()", Text: "runs before the first test of the group, or of the file"}},
	{around(nameTeardown), vm.Doc{Name: nameTeardown, Args: "fn: fun()", Text: "runs after the last one"}},
	{around(nameBeforeEach), vm.Doc{Name: nameBeforeEach, Args: "fn: fun()", Text: "runs before each test of the group; that of an outer group first"}},
	{around(nameAfterEach), vm.Doc{
		Name: nameAfterEach, Args: "fn: fun()",
		Text: "runs after each test, also if it fails; that of an outer group last",
	}},
	{(*Suite).stub, vm.Doc{
		Name: "stub", Args: "library: string, name: string, fn?: function", Returns: "luaroute.Double",
		Text: "has a function of a library replaced by another one, or by one that does nothing, see [stubs](testing.md#stubs)",
	}},
	{(*Suite).spy, vm.Doc{
		Name: "spy", Args: "library: string, name: string", Returns: "luaroute.Double",
		Text: "writes down the calls of a function of a library",
	}},
	{func(_ *Suite, L *lua.LState) int { return expect(L) }, vm.Doc{
		Name: "expect", Args: "value: any", Returns: "luaroute.Expectation",
		Text: "a value that is to be compared",
	}},
}
