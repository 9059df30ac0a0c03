package lint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/lint"
	"github.com/luaroute/caddy-luaroute/luaroute/signature"
)

// typed reads a type that a test has written.
func typed(text string) *signature.Type {
	t, err := signature.Parse(text)
	if err != nil {
		panic(err)
	}
	return t
}

// small is an API with something of everything.
var small = lint.API{
	Module: "web", Router: "web.Router", Pools: "web.Pool",
	Globals: []lint.Member{
		{Name: "require", Type: typed("fun(name: string): any")},
		{Name: "print", Type: typed("fun(...: any)")},
		{Name: "pairs", Type: typed("fun(t: any): (fun(): (any, any), any, nil)")},
		{Name: "ipairs", Type: typed("fun(t: any): (fun(): (any, any), any, nil)")},
	},
	Tables:  []lint.Class{{Name: "string", Fields: []lint.Member{{Name: "upper", Type: typed("fun(s: string): string")}}}},
	Defined: []lint.Member{{Name: "main", Type: typed("fun(r: web.Request): web.Answer")}},
	Libraries: []lint.Class{
		{Name: "plugin", Bare: true, Fields: []lint.Member{{Name: "search", Type: typed("fun(...: any): (...: any)")}}},
		{Name: "empty", Bare: true},
		{Name: "kv", Fields: []lint.Member{
			{Name: "get", Type: typed("fun(key: string): (string? value, string? err)")},
			{Name: "open", Type: typed("fun(options: {name: string, size?: number, [number]: string}): kv.Bucket")},
			{Name: "each", Type: typed("fun(fn: fun(key: string, n: number)): fun(): (string, number)")},
			{Name: "all", Type: typed("fun(): kv.Bucket[]")},
			{Name: "byName", Type: typed("fun(): table<string, kv.Bucket>")},
		}},
	},
	Classes: []lint.Class{
		{Name: "web.Router", Dot: true, Methods: []lint.Member{
			{Name: "get", Type: typed("fun(pattern: string, handler: web.Pool|fun(r: web.Request): web.Answer)")},
			{Name: "pool", Type: typed("fun(name: string, of: string)")},
		}},
		{Name: "web.Request", Label: "req", Fields: []lint.Member{{Name: "path", Type: typed("string")}}, Methods: []lint.Member{{Name: "url", Type: typed("fun(): string")}}},
		{Name: "web.Pool", Alias: typed("string")},
		{Name: "web.Answer", Alias: typed("web.Pool|number|nil")},
		{Name: "kv.Thing", Methods: []lint.Member{{Name: "close", Type: typed("fun()")}}},
		{Name: "kv.Bucket", Of: "kv.Thing", Fields: []lint.Member{{Name: "name", Type: typed("string")}}, Methods: []lint.Member{{Name: "put", Type: typed("fun(key: string, value: string)")}}},
	},
	Names: map[string]lint.Names{"web.Pool": {What: "pool", Kind: "unknown-pool", All: []string{"users"}}},
}

// smallFinds returns what is found in scripts that have the small API.
func smallFinds(t *testing.T, code string) (all []string) {
	t.Helper()
	s := lint.Scripts{API: &small}
	if _, err := s.Add("main.lua", []byte("local web, kv, plugin = require('web'), require('kv'), require('plugin')\n"+code)); err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Findings() {
		if f.Kind != "global" && f.Kind != "unused-pool" {
			all = append(all, f.Message)
		}
	}
	return all
}

func TestTypesAreFollowedAsFarAsTheyAreCertain(t *testing.T) {
	t.Parallel()
	for code, want := range map[string][]string{
		// What a class has of another one.
		"kv.open({ name = 'a' }):closse()":                             {`kv.Bucket has no method "closse"; did you mean "close"?`},
		"local b = kv.open({ name = 'a' }) b:close() b:pt('a', b.nam)": {`b has no method "pt"; did you mean "put"?`, `b has no field "nam"; did you mean "name"?`},
		"kv.open({ name = 'a' }):put('a')":                             {"kv.Bucket:put takes 2 arguments (key: string, value: string), found 1"},
		"kv.open({ 'x', nmae = 'a' })":                                 {`the table has no "nmae"; did you mean "name"?`},
		"kv.open({ name = 1, size = {}, [1] = 2 })":                    {`"size" of the table is a table; expected a number`},
		"kv.open({ size = 1 })":                                        {"the table needs name"},
		// Loops.
		"for _, b in ipairs(kv.all()) do b:putt() end":           {`b has no method "putt"; did you mean "put"?`},
		"kv.all()[1]:putt()":                                     {`kv.Bucket has no method "putt"; did you mean "put"?`},
		"for k, b in pairs(kv.byName()) do b:putt(k:uper()) end": {`b has no method "putt"; did you mean "put"?`, `k has no method "uper"; did you mean "upper"?`},
		"kv.byName().a:putt()":                                   {`kv.Bucket has no method "putt"; did you mean "put"?`},
		"for k, n in kv.each(function(key) print(key:uper()) end) do print(k:uper(), n) end": {
			`key has no method "uper"; did you mean "upper"?`, `k has no method "uper"; did you mean "upper"?`,
		},
		// Functions that are handed on.
		"local function f(b) b:putt() end local function g(h) h(kv.open({ name = 'a' })) end g(f)": {`b has no method "putt"; did you mean "put"?`},
		"function main(r) return r.pth end":   {`r has no field "pth"; did you mean "path"?`},
		"function main(r) return 'usres' end": {`there is no pool "usres"; did you mean "users"?`},
		"local get, url = web.get, function(r) local url = r.url return url(r) end get(web, '/', 'users') web:get('/', url)": nil,
		"local get = kv.gt get('a')": {`kv has no field "gt"; did you mean "get"?`},
		"print(kv.get(web).x)":       {"kv.get may return nil and an error; look at it first, such as with assert(…)", "argument 1 of kv.get is web.Router; expected a string", `a string has no field "x"`},
		"local x = kv.get x()":       {"x takes 1 argument (key: string), found 0"},
		// A library that does not describe itself may have more than its table shows.
		"plugin.serch() plugin.anything() require('empty').anything()": {`plugin has no function "serch"; did you mean "search"?`},
		// A script may declare a pool under a condition that does not hold now.
		"if kv.get('a') then web:pool('beta', 'x') end web:get('/', 'beta') web:get('/', 'betta')": {`there is no pool "betta"; did you mean "beta"?`},
	} {
		if got := smallFinds(t, code); !slices.Equal(got, want) {
			t.Errorf("%s\ngot\n%s\nwant\n%s", code, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// A look at all ways through these functions, of which each may return what each returns, would never end.
func TestFunctionsThatReturnOneAnotherAreFollowedOnce(t *testing.T) {
	t.Parallel()
	var code strings.Builder
	const many = 40
	for i := range many {
		fmt.Fprintf(&code, "local f%d\n", i)
	}
	for i := range many {
		fmt.Fprintf(&code, "local function g%d(x)\n", i)
		for j := range i {
			fmt.Fprintf(&code, "if x == %d then return g%d(x) end\n", j, j)
		}
		fmt.Fprintf(&code, "return g%d(g%d) or g%d(x)\nend\n", i, i, i)
	}
	fmt.Fprintf(&code, "web:get('/', g%d(1)) local x = g%d(g1) x:any()", many-1, many-1)
	if got := smallFinds(t, code.String()); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}

// Whatever a script is, it is looked at to the end.
func FuzzFindings(f *testing.F) {
	f.Add("local b = kv.open({ name = 'a' }) for k, v in pairs(b) do b = v end return b and b.c or b:d(...)")
	f.Add("function a.b:c(x) return self.y end a = a or a a.a = a goto x ::x:: -- luaroute: ignore\n-- luaroute: ignore global")
	f.Add("web:get('/{a:[0-9]{2}}', function(r) return r.params.a end)")
	f.Fuzz(func(t *testing.T, code string) {
		s := lint.Scripts{API: &small}
		if _, err := s.Add("main.lua", []byte("local web, kv, plugin = require('web'), require('kv'), require('plugin')\n"+code)); err == nil {
			s.Findings()
		}
	})
}
