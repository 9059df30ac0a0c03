package luaroute_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/standard" // tests name modules of it

	"github.com/luaroute/caddy-luaroute/luaroute"
	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// files writes files, and returns their folder.
func files(t *testing.T, all map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// provisioned returns the app of a configuration that is provisioned and not started.
func provisioned(t *testing.T, config string) *luaroute.App {
	t.Helper()
	var c caddy.Config
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		t.Fatal(err)
	}
	ctx, err := caddy.ProvisionContext(&c)
	if err != nil {
		t.Fatal(err)
	}
	app, err := ctx.AppIfConfigured("luaroute")
	if err != nil {
		t.Fatal(err)
	}
	return app.(*luaroute.App)
}

// tested runs a file of tests.
func tested(t *testing.T, app *luaroute.App, bench *simulate.Bench, file, name string) simulate.File {
	t.Helper()
	tests, err := app.Tests(t.Context(), name, bench, new(source.Trace))
	if err != nil {
		return simulate.File{Failure: simulate.FailureOf(err)}
	}
	defer tests.Close()
	return tests.Run(t.Context(), file)
}

const bare = `{"apps": {"events": {}, "luaroute": {}}, "logging": {"logs": {"default": {"level": "PANIC"}}}}`

// report is the result of a file: its tests with "ok", or with the place and message of the failure.
func report(dir string, f simulate.File) string {
	var lines []string
	if f.Failure != nil {
		lines = append(lines, "file: "+f.Failure.Text())
	}
	for _, t := range f.Tests {
		text := "ok"
		switch {
		case t.Failure != nil:
			text = t.Failure.Text()
		case t.Pending:
			text = "pending"
		}
		lines = append(lines, t.Title()+": "+text)
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), dir+"/", "")
}

func TestTestsOfScriptsTellWhatTheyFound(t *testing.T) {
	app := provisioned(t, bare)
	for name, row := range map[string]struct{ code, want string }{
		"groups name their tests": {
			`describe("a", function() describe("b", function() it("c", function() end) end) it("d", function() end) end) it("e", function() end)`,
			"a > b > c: ok\na > d: ok\ne: ok",
		},
		"an expectation names its line, what it found and what it wanted": {
			"it('x', function()\n  expect(1 + 1):equals(3)\nend)",
			"x: x_test.lua:2: found 2, expected 3",
		},
		"tables are equal by what is in them": {
			`it("same", function() expect({ 1, { a = "b" } }):equals({ 1, { a = "b" } }) end)
it("less", function() expect({ a = { 1 } }):equals({ a = { 1, 2 } }) end)
it("more", function() expect({ ["x y"] = true }):equals({}) end)
it("circle", function() local a, b = {}, {} a.a, b.a = a, b expect(a):equals(b) end)`,
			`same: ok
less: x_test.lua:2: found { a = { 1 } }, expected { a = { 1, 2 } }; .a[2] is nil, expected 2
more: x_test.lua:3: found { ["x y"] = true }, expected {}; ["x y"] is true, expected nil
circle: ok`,
		},
		"every expectation can fail": {
			`it("nil", function() expect(1):is_nil() end)
it("true", function() expect(1):is_true() end)
it("matches", function() expect("abc"):matches("^b") end)
it("matches a table", function() expect({}):matches("x") end)
it("fails", function() expect(function() end):fails() end)
it("fails otherwise", function() expect(function() error("a") end):fails("b") end)
it("fails a number", function() expect(1):fails() end)
it("unknown", function() expect(1):is_odd() end)
it("dot", function() expect(1).equals(1) end)
it("a text like a place", function() expect("main.lua:3: boom"):is_nil() end)
it("in one another", function() expect(function() expect(1):equals(2) end):fails("^found 1, expected 3$") end)`,
			`nil: x_test.lua:1: found 1, expected nil
true: x_test.lua:2: found 1, expected true
matches: x_test.lua:3: found "abc", expected a string that matches "^b"
matches a table: x_test.lua:4: found {}, expected a string that matches "x"
fails: x_test.lua:5: found no error, expected an error
fails otherwise: x_test.lua:6: found the error "x_test.lua:6: a", expected one that matches "b"
fails a number: x_test.lua:7: found 1, expected a function that fails
unknown: x_test.lua:8: an expectation has no method "is_odd"; it has equals, matches, is_nil, is_true, fails
dot: x_test.lua:9: bad argument #1 to 'equals' (userdata expected, got number)
a text like a place: x_test.lua:10: found "main.lua:3: boom", expected nil
in one another: x_test.lua:11: found the error "found 1, expected 2", expected one that matches "^found 1, expected 3$"`,
		},
		"every expectation can hold": {
			`it("all", function()
  expect(nil):is_nil() expect(true):is_true() expect("abc"):matches("^a.c$") expect(12):matches("1")
  expect(function() error("oh no") end):fails() expect(function() error("oh no") end):fails("oh")
end)`, "all: ok",
		},
		"an error of the script fails the test": {
			"it('x', function() local y\n return y.z end) it('y', function() end)",
			"x: x_test.lua:2: attempt to index local 'y' (a nil value)\ny: ok",
		},
		"a test sees the sandbox of requests": {
			`it("global", function() leak = 1 end) it("io", function() expect(io.open):is_nil() end)`,
			`global: x_test.lua:1: the global "leak" is assigned while a request runs; allowed are locals, req.ctx and kv
io: ok`,
		},
		"tests do not stand in one another": {
			`it("x", function() it("y", function() end) end)`,
			"x: x_test.lua:1: it is called while a test runs; tests cannot be nested",
		},
		"a file that does not load":      {"local x =", "file: x_test.lua:1: "},
		"a file without tests":           {"local x = 1", "file: the file has no tests; expected it(name, function() … end)"},
		"simulate is for tests":          {`require("luaroute").simulate({ path = "/" })`, "file: x_test.lua:1: route.simulate is called outside a test"},
		"modules beside the file":        {`local m = require("double") it("x", function() expect(m(2)):equals(4) end)`, "x: ok"},
		"a module that is not there":     {`require("nowhere")`, `file: x_test.lua:1: module "nowhere" is not found`},
		"expectations of the table hold": {`require("luaroute"):expect({ path = "/" }, { pool = "x" }) it("x", function() end)`, "file: x_test.lua:1: expect: GET /: pool is none"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := files(t, map[string]string{"x_test.lua": row.code, "double.lua": "return function(n) return 2 * n end"})
			got := report(dir, tested(t, app, new(simulate.Bench), filepath.Join(dir, "x_test.lua"), ""))
			if !strings.HasPrefix(got, row.want) {
				t.Errorf("got\n%s\nexpected\n%s", got, row.want)
			}
		})
	}
}

func TestATestThatNeverEndsIsCutOffAndTheNextOneRuns(t *testing.T) {
	app := provisioned(t, bare)
	dir := files(t, map[string]string{"x_test.lua": `it("loops", function() pcall(function() while true do end end) end) it("next", function() end)`})
	got := report(dir, tested(t, app, new(simulate.Bench), filepath.Join(dir, "x_test.lua"), ""))
	if !strings.HasPrefix(got, "loops: x_test.lua:1: the budget of the script is used up") || !strings.HasSuffix(got, "\nnext: ok") {
		t.Error(got)
	}
}

// simulated is a file of tests that declares routes of every kind and asks about them.
const simulated = `
local route = require("luaroute")
route:pool("users", { "127.0.0.1:1", "127.0.0.1:2" })
route:pool("spare", { "127.0.0.1:3" })
route:use(function(req, res, next)
  res:on_headers(function(res) res.headers["X-Was"] = tostring(res.status) end)
  res:on_body(function(chunk) return chunk:upper() end)
  if not next() then return 404, "nobody\n" end
end)
route:any("/users/{id}", { name = "user" }, route.proxy("users", {
  strip_prefix = "/users", headers = { set = { ["X-A"] = "b" }, remove = "Cookie" }, on_error = { pool = "spare" },
}))
route:post("/echo", function(req, res)
  res:cookie({ name = "a", value = "1" })
  res:cookie({ name = "b", value = "2" })
  return 201, req:body() .. " " .. req.client_ip
end)
route:get("/declines", route.decline)
route:get("/boom", function(req) error("boom") end)
route:get("/next", route.next)
route:tenant("acme", { hosts = "acme.example", pool = "spare" })

it("forwards to a stub", function()
  local out = route.simulate({
    method = "PUT", path = "/users/7?x=1", headers = { Cookie = "c" }, body = "sent",
    pools = { users = { status = 203, body = "hello", headers = { ["X-B"] = { "1", "2" } } } },
  })
  expect(out.pool):equals("users")
  expect(out.status):equals(203)
  expect(out.body):equals("HELLO")
  expect(out.headers["x-was"]):equals("203")
  expect(out.headers["X-B"]):equals({ "1", "2" })
  expect(out.route):equals("user")
  expect(out.pattern):equals("/users/{id}")
  expect(out.params):equals({ id = "7" })
  expect(out.tenant):equals("")
  expect(out.next == false):is_true()
  expect(out.request.method):equals("PUT")
  expect(out.request.uri):equals("/7?x=1")
  expect(out.request.headers["X-A"]):equals("b")
  expect(out.request.headers.Cookie):is_nil()
  expect(out.request.body):equals("sent")
end)
it("answers 200 without a stub of its own", function()
  local out = route:simulate({ path = "/users/7" })
  expect(out.pool):equals("users")
  expect(out.status):equals(200)
  expect(out.body):equals("")
end)
it("tries another pool", function()
  local out = route.simulate({ path = "/users/7", pools = { users = { error = 502 } } })
  expect(out.pool):equals("spare")
  expect(out.request.host):equals("localhost")
end)
it("answers itself", function()
  local out = route.simulate({ method = "POST", path = "/echo", body = "hi", remote_addr = "192.0.2.1" })
  expect(out.status):equals(201)
  expect(out.body):equals("HI 192.0.2.1")
  expect(#out.headers["Set-Cookie"]):equals(2)
  expect(out.pool):is_nil()
end)
it("wraps what declines", function() expect(route.simulate({ path = "/declines" }).body):equals("NOBODY\n") end)
it("passes on", function()
  local out = route.simulate({ path = "/next" })
  expect(out.next):is_true()
  expect(route.simulate({ path = "/none" }).next):is_true()
end)
it("fails", function()
  local out = route.simulate({ path = "/boom" })
  expect(out.status):equals(500)
  expect(out.error):matches("x_test.lua:19: boom")
end)
it("knows tenants", function()
  local out = route.simulate({ host = "acme.example", path = "/any" })
  expect(out.tenant):equals("acme")
  expect(out.pool):equals("spare")
end)
it("refuses nonsense", function()
  for message, request in pairs({
    ['no pool "nope"; there are spare, users'] = { pools = { nope = {} } },
    ["unknown key"] = { url = "/" },
    ["expected one that begins with /"] = { path = "x" },
    ["error is 200"] = { pools = { users = { error = 200 } } },
    ['a response has the key "code"'] = { pools = { users = { code = 1 } } },
    ["found a number"] = { pools = { users = 1 } },
    ["pools is a string"] = { pools = "users" },
  }) do
    expect(function() route.simulate(request) end):fails(message)
  end
end)
`

func TestSimulateAsksTheRoutesOfTheFile(t *testing.T) {
	app := provisioned(t, bare)
	dir := files(t, map[string]string{"x_test.lua": simulated})
	got := tested(t, app, new(simulate.Bench), filepath.Join(dir, "x_test.lua"), "")
	if count := simulate.CountOf(got); count.Failed > 0 || count.All != 9 {
		t.Errorf("%d of %d have failed:\n%s", count.Failed, count.All, report(dir, got))
	}
}

func TestSimulateAsksTheRoutesOfAConfiguration(t *testing.T) {
	dir := files(t, map[string]string{
		"main.lua": `local route = require("luaroute")
local hits = 0
route:get("/count", function() hits = hits + 1 return 200, tostring(hits) end)
route:get("/users", "users")`,
		"x_test.lua": `local route = require("luaroute")
it("is there", function() expect(route.simulate({ path = "/users" }).pool):equals("users") end)
it("runs", function() expect(route.simulate({ path = "/count" }).body):equals("1") end)`,
		"own_test.lua": `require("luaroute"):get("/x", { status = 204 }) it("x", function() end)`,
	})
	app := provisioned(t, fmt.Sprintf(`{"apps": {"http": {"servers": {"srv": {"listen": ["127.0.0.1:0"], "routes": [{"handle": [{
		"handler": "luaroute", "scripts": [%q], "pools": {"users": {"upstreams": [{"dial": "127.0.0.1:1"}]}}}]}]}}}}}`, filepath.Join(dir, "main.lua")))
	for file, want := range map[string]string{
		"x_test.lua":   "is there: ok\nruns: ok",
		"own_test.lua": "file: own_test.lua:1: these tests ask about the routes of a configuration; expected no routes of their own",
	} {
		if got := report(dir, tested(t, app, new(simulate.Bench), filepath.Join(dir, file), "main")); got != want {
			t.Errorf("%s: got\n%s\nexpected\n%s", file, got, want)
		}
	}
	if got := tested(t, app, new(simulate.Bench), filepath.Join(dir, "x_test.lua"), "other"); got.Failure == nil || got.Failure.Message != `no luaroute instance "other"` {
		t.Errorf("got %+v", got)
	}
}
