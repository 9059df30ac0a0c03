package hook_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// realLibs is where Debian's packages lua-penlight, lua-inspect and so on put their files.
var realLibs = flag.String("lualibs", "", "the folder of popular Lua libraries, such as /usr/share/lua/5.1, to load and use them")

// libraryUses are what the documentation of libraries shows. Each is a body of a function that returns a string, and is run while
// the script loads and again for a request.
var libraryUses = []struct{ name, head, body, want string }{
	{"penlight: stringx", `local stringx = require("pl.stringx")`, `return table.concat(stringx.split("a,b,c", ","), "|") .. stringx.strip("  x ") .. tostring(stringx.startswith("abc", "ab"))`, "a|b|cxtrue"},
	{"penlight: List", `local List = require("pl.List")`, `return tostring(List { 1, 2, 3 }:map(function(x) return x * 2 end):filter(function(x) return x > 2 end))`, "{4,6}"},
	{"penlight: tablex", `local tablex = require("pl.tablex")`, `return tostring(tablex.deepcompare({ 1, { a = 2 } }, { 1, { a = 2 } })) .. #tablex.keys({ a = 1, b = 2 })`, "true2"},
	{"penlight: pretty", `local pretty = require("pl.pretty")`, `return pretty.write({ 1, 2, a = "b" }, "")`, `{1,2,a="b"}`},
	{"penlight: class", `local class = require("pl.class") local A = class() function A:_init(n) self.n = n end function A:get() return self.n end local B = class(A)`, `local b = B("x") return b:get() .. tostring(b:is_a(A))`, "xtrue"},
	{"penlight: template", `local template = require("pl.template")`, "return (template.substitute('# for i = 1, 3 do\\n$(i),\\n# end\\n', { _parent = _G }):gsub('%s', ''))", "1,2,3,"},
	{"penlight: OrderedMap", `local OrderedMap = require("pl.OrderedMap")`, `local m = OrderedMap() m:set("z", 1) m:set("a", 2) return tostring(m)`, "{z=1,a=2}"},
	{"penlight: Date-free utils", `local utils = require("pl.utils")`, `return utils.string_lambda("|x| x + 1")(2) .. utils.escape("a.b")`, "3a%.b"},
	{"inspect", `local inspect = require("inspect")`, `return inspect({ 1, 2, a = { b = "c" } }, { newline = "", indent = "" })`, `{ 1, 2,a = {b = "c"}}`},
	{"luaunit", `local lu = require("luaunit")`, `lu.assertEquals({ 1, { 2 } }, { 1, { 2 } }) local ok, e = pcall(lu.assertEquals, 1, 2) return tostring(ok)`, "false"},
	{"say", `local say = require("say") say:set_namespace("en") say:set("hi", "hello %s")`, `return say("hi", { "you" })`, "hello you"},
	{"argparse", `local argparse = require("argparse")`, `local p = argparse("script", "An example.") p:argument("input") p:option("-o --output", "Output.", "a.out") local a = p:parse({ "foo", "-o", "bar" }) return a.input .. a.output`, "foobar"},
	{"basexx", `local basexx = require("basexx")`, `return basexx.to_base64("abc") .. basexx.from_base32("MFRGG===") .. basexx.to_hex("hi")`, "YWJjabc6869"},
	{"markdown", `local markdown = require("markdown")`, `return ((type(markdown) == "function" and markdown or markdown.markdown)("# A *b*\n\ntext"):gsub("\n", ""))`, "<h1>A <em>b</em></h1><p>text</p>"},
	{"MessagePack", `local mp = require("MessagePack")`, `local t = mp.unpack(mp.pack({ a = { 1, 2.5, "x" }, b = true })) return t.a[2] .. t.a[3] .. tostring(t.b)`, "2.5xtrue"},
	{"dkjson", `local json = require("dkjson")`, `return json.encode({ 1, "a", { x = json.null } }) .. json.decode('{"k":[1,2]}').k[2]`, `[1,"a",{"x":null}]2`},
	{"ansicolors", `local colors = require("ansicolors")`, `return colors("%{red}x%{reset}"):gsub("\27", "E"):sub(1, 9)`, "E[0mE[31m"},
	{"binaryheap", `local heap = require("binaryheap")`, `local h = heap.minUnique() h:insert(3, "c") h:insert(1, "a") h:insert(2, "b") return (h:pop()) .. (h:pop())`, "ab"},
	{"fifo", `local fifo = require("fifo")`, `local q = fifo() q:push(1) q:push(2) return q:pop() .. q:length()`, "11"},
	{"mediator", `local Mediator = require("mediator")`, `local m, got = Mediator(), "" m:subscribe({ "a" }, function(x) got = got .. x end) m:publish({ "a" }, "x") return got`, "x"},
}

func TestPopularLibrariesDoWhatTheirDocumentationShows(t *testing.T) {
	t.Parallel()
	if *realLibs == "" {
		return // .ci/run hands in the folder
	}
	for _, use := range libraryUses {
		t.Run(use.name, func(t *testing.T) {
			t.Parallel()
			main := filepath.Join(t.TempDir(), "main.lua")
			if err := os.WriteFile(main, []byte(use.head+"\nlocal route = require('luaroute')\nlocal function use() "+use.body+
				" end\nlocal loaded = use()\nroute:get('/x', function() return 200, loaded .. '\\n' .. use() end)"), 0o644); err != nil {
				t.Fatal(err)
			}
			site := luatest.Setup{
				Sources: source.Set{&source.File{Files: []string{main}, Path: []string{*realLibs}}}, Libraries: map[string]vm.Library{},
				Limits: config.Limits{CPU: caddy.Duration(10 * time.Second)},
			}.Serve(t, "")
			if a, want := site.Do(t, "/x", ""), "200 "+use.want+"\n"+use.want; a.String() != want {
				t.Errorf("got %s, want %s", a, want)
			}
		})
	}
}
