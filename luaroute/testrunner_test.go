package luaroute_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/coverage"
	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
)

// noting is the beginning of a file whose tests write down what runs.
const noting = `local seen = {}
local function note(what) return function() seen[#seen + 1] = what end end
local function fails(what) return function() seen[#seen + 1] = what error(what) end end
local function shows(want) return function() expect(table.concat(seen, " ")):equals(want) end end
`

func TestFunctionsAroundTestsRunInOrder(t *testing.T) {
	app := provisioned(t, bare)
	for name, row := range map[string]struct{ code, want string }{
		"outer ones around inner ones": {
			`before_each(note("b1")) after_each(note("a1")) setup(note("s1")) teardown(note("t1"))
			describe("g", function()
				before_each(note("b2")) after_each(note("a2")) setup(note("s2")) teardown(note("t2"))
				it("1", note("1")) it("2", note("2"))
			end)
			it("all", shows("s1 s2 b1 b2 1 a2 a1 b1 b2 2 a2 a1 t2 b1"))`,
			"g > 1: ok\ng > 2: ok\nall: ok",
		},
		"after_each and teardown run after a failure": {
			`describe("g", function() after_each(note("a")) teardown(note("t")) it("1", fails("1")) end) it("all", shows("1 a t"))`,
			"g > 1: x_test.lua:3: 1\nall: ok",
		},
		"a before_each that fails takes the place of its test": {
			`describe("g", function() before_each(fails("b")) after_each(note("a")) it("1", note("1")) end) it("all", shows("b a"))`,
			"g > 1: x_test.lua:3: b\nall: ok",
		},
		"an after_each that fails fails the test": {
			`describe("g", function() after_each(fails("a")) it("1", note("1")) it("2", fails("2")) end)`,
			"g > 1: x_test.lua:3: a\ng > 2: x_test.lua:3: 2",
		},
		"a setup that fails fails the tests of its group only": {
			`describe("g", function() setup(fails("s")) teardown(note("t")) it("1", note("1")) it("2", note("2")) end) it("all", shows("s t"))`,
			"g > 1: x_test.lua:3: s\ng > 2: x_test.lua:3: s\nall: ok",
		},
		"a teardown that fails is a failure of its own": {
			`describe("g", function() teardown(fails("t")) it("1", note("1")) end) it("2", note("2"))`,
			"g > 1: ok\ng > teardown: x_test.lua:3: t\n2: ok",
		},
		"groups without tests are not set up": {
			`describe("g", function() setup(note("s")) teardown(note("t")) pending("1") end) it("all", shows(""))`,
			"g > 1: pending\nall: ok",
		},
		"a virtual machine that broke is set up again": {
			`setup(note("s")) it("loops", function() while true do end end) it("all", shows("s"))`,
			"loops: x_test.lua:5: the budget of the script is used up: it ran for more than 1s\nall: ok",
		},
		"pending tests are not run": {
			`pending("1") describe("g", function() pending("2", function() error("no") end) end) it("3", function() end)`,
			"1: pending\ng > 2: pending\n3: ok",
		},
		"none can be declared while a test runs": {
			`it("1", function() before_each(function() end) end) it("2", function() pending("x") end) it("3", function() describe("x", function() end) end)`,
			"1: x_test.lua:5: before_each is called while a test runs; call it beside the tests\n" +
				"2: x_test.lua:5: pending is called while a test runs; call it where the test is going to be\n" +
				"3: x_test.lua:5: describe is called while a test runs; call it outside of tests, to group them",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := files(t, map[string]string{"x_test.lua": noting + row.code})
			if got := report(dir, tested(t, app, new(simulate.Bench), filepath.Join(dir, "x_test.lua"), "")); got != row.want {
				t.Errorf("got\n%s\nexpected\n%s", got, row.want)
			}
		})
	}
}

func TestTestsAreSelectedByNameAndTag(t *testing.T) {
	app := provisioned(t, bare)
	dir := files(t, map[string]string{"x_test.lua": `local ran = 0
describe("users #db", function()
	setup(function() ran = ran + 1 end)
	it("are read", function() end)
	it("are counted #slow", function() end)
end)
it("orders #slow-ish", function() end)
it("no tag: a#slow", function() end)
it("ran " .. "last #db", function() expect(ran):equals(1) end)`})
	for _, row := range []struct {
		selection simulate.Selection
		want      string
	}{
		{simulate.Selection{Filter: "^users"}, "users #db > are read, users #db > are counted #slow"},
		{simulate.Selection{Filter: "r.-ad$"}, "users #db > are read"},
		{simulate.Selection{Tags: []string{"slow"}}, "users #db > are counted #slow"},
		{simulate.Selection{Tags: []string{"#db"}, Without: []string{"slow"}}, "users #db > are read, ran last #db"},
		{simulate.Selection{Tags: []string{"slow", "slow-ish"}}, "users #db > are counted #slow, orders #slow-ish"},
		{simulate.Selection{Tags: []string{"slow"}, Filter: "orders"}, ""},
	} {
		got := tested(t, app, &simulate.Bench{Selection: row.selection}, filepath.Join(dir, "x_test.lua"), "")
		var names []string
		for _, test := range got.Tests {
			names = append(names, test.Title())
			if test.Failure != nil {
				t.Errorf("%+v: %s: %s", row.selection, test.Title(), test.Failure.Text())
			}
		}
		if all := strings.Join(names, ", "); got.Failure != nil || all != row.want {
			t.Errorf("%+v: ran %s, want %s", row.selection, all, row.want)
		}
	}
	if err := (simulate.Selection{Filter: "[a"}).Check(); err == nil || !strings.Contains(err.Error(), `the pattern "[a": malformed pattern`) {
		t.Errorf("got %v", err)
	}
}

func TestAssertionsForBustedHoldAndFail(t *testing.T) {
	app := provisioned(t, bare)
	for code, want := range map[string]string{
		`assert.are.equal(2, 1 + 1) assert.are.same({ 1, { 2 } }, { 1, { 2 } }) assert.is_true(true) assert.is_false(false) assert.is_nil(nil)`: "ok",
		`assert.has_error(function() error("no") end) assert.has_error(function() error("no") end, "no")`:                                       "ok",
		`assert.has_error(function() error({ code = 1 }) end, { code = 1 }) assert.has_error(function() error("a:1: b", 0) end, "a:1: b")`:      "ok",
		`local a, b = assert(7, "x") assert.are.equal(7, a) assert.are.equal("x", b)`:                                                           "ok",
		`assert.has_error(function() assert(false, "said") end, "said") assert.has_error(function() assert(nil) end, "assertion failed!")`:      "ok",
		`assert.has_error(function() assert() end)`:          "ok",
		`assert.are.equal({}, {})`:                           "x_test.lua:1: found {}, expected {}",
		`assert.are.same({ a = 1 }, { a = 2 })`:              "x_test.lua:1: found { a = 2 }, expected { a = 1 }; .a is 2, expected 1",
		`assert.is_true(1)`:                                  "x_test.lua:1: found 1, expected true",
		`assert.is_false(nil)`:                               "x_test.lua:1: found nil, expected false",
		`assert.is_nil(false)`:                               "x_test.lua:1: found false, expected nil",
		`assert.has_error(function() end)`:                   "x_test.lua:1: found no error, expected an error",
		`assert.has_error(function() error("a") end, "b")`:   `x_test.lua:1: found the error "x_test.lua:1: a", expected "b"`,
		`assert.has_error(function() error({ 1 }) end, "b")`: `x_test.lua:1: found the error { 1 }, expected "b"`,
		`assert(nil, "said")`:                                "x_test.lua:1: said",
		`assert.is_truthy(1)`:                                `x_test.lua:1: assert has no field "is_truthy"; it has are, has_error, is_false, is_nil, is_true, and expect(v) has more`,
		`assert.are.equals(1, 1)`:                            `x_test.lua:1: assert.are has no field "equals"; it has equal, same, and expect(v) has more`,
	} {
		dir := files(t, map[string]string{"x_test.lua": `it("x", function() ` + code + ` end)`})
		got := report(dir, tested(t, app, new(simulate.Bench), filepath.Join(dir, "x_test.lua"), ""))
		if got != "x: "+want {
			t.Errorf("%s: got\n%s\nexpected\n%s", code, got, want)
		}
	}
}

// doubled are the scripts of a site whose routes and modules call libraries in every way.
var doubled = map[string]string{
	"main.lua": `local route = require("luaroute")
local json = require("json")
local encode = json.encode
local uuid = require("uuid")
local shared = require("shared")
route:get("/field", function() return 200, json.encode({ a = 1 }) end)
route:get("/local", function() return 200, encode({ a = 1 }) end)
route:get("/module", function() return 200, shared() end)
route:get("/late", function() return 200, require("base64").encode("x") end)
route:get("/fails", function() local ok, err = pcall(json.encode, {}) return 200, tostring(err) end)
route:get("/uncaught", function() return 200, json.encode(1) end)
route:get("/done", function(req, res) res:on_done(function() uuid.v4() end) return 204 end)
route:get("/isolated", function() return 200, json.encode({}) end)`,
	"shared.lua": `local encode = require("json").encode return function() return encode({ a = 1 }) end`,
	"x_test.lua": `local route = require("luaroute")
local json = require("json")
local own = json.encode
local shared = require("shared")
local function body(path) return route.simulate({ path = path }).body end
describe("a stub", function()
  it("stands in everywhere", function()
    local stub = stub("json", "encode", function(v) return "stub " .. v.a end)
    for _, path in ipairs({ "/field", "/local", "/module" }) do expect(body(path)):equals("stub 1") end
    expect(json.encode({ a = 2 })):equals("stub 2")
    expect(own({ a = 3 })):equals("stub 3")
    expect(shared()):equals("stub 1")
    expect(stub.count):equals(6)
    expect(stub.calls[5]):equals({ { a = 3 } })
  end)
  it("is gone after its test", function()
    expect(body("/local")):equals('{"a":1}')
    expect(own({ a = 1 })):equals('{"a":1}')
  end)
  it("is gone after a test that fails", function() stub("json", "encode") error("on purpose") end)
  it("is gone", function() expect(own({ a = 1 })):equals('{"a":1}') end)
  it("does nothing without a function", function()
    local get = stub("json", "encode")
    expect(select("#", json.encode(1, nil, 3))):equals(0)
    expect(#get.calls[1]):equals(3)
    expect(get.calls[1][3]):equals(3)
  end)
  it("is found under the whole name of the library, and where it is opened late", function()
    stub("luaroute.base64", "encode", function() return "late" end)
    expect(body("/late")):equals("late")
  end)
  it("fails as a library does", function()
    stub("json", "encode", function() error("oh no") end)
    expect(body("/fails")):matches("x_test.lua:%d+: oh no")
    expect(route.simulate({ path = "/uncaught" }).status):equals(500)
  end)
  it("may call what it stands in for", function()
    local inner = spy("json", "encode")
    stub("json", "encode", function(v) return "no" end)
    expect(json.encode(1)):equals("no")
    expect(inner.count):equals(0)
  end)
  it("reports an expectation that is not met, whoever has called it", function()
    stub("json", "encode", function(v) expect(v):equals(2) end)
    pcall(route.simulate, { path = "/uncaught" })
  end)
  it("keeps its tables to itself", function()
    local answer = { 1 }
    local decode = stub("json", "decode", function() return answer end)
    json.decode("x")[1] = 2
    expect(answer[1]):equals(2)
  end)
end)
describe("a spy", function()
  it("calls the function", function()
    local encode = spy("json", "encode")
    expect(body("/local")):equals('{"a":1}')
    expect(encode.count):equals(1)
    expect(encode.calls):equals({ { { a = 1 } } })
  end)
  it("sees what runs after the response", function()
    local v4 = spy("uuid", "v4")
    expect(route.simulate({ path = "/done" }).status):equals(204)
    expect(v4.count):equals(1)
  end)
end)
describe("those of setup", function()
  local encode
  setup(function() encode = stub("json", "encode", function() return "setup" end) end)
  before_each(function() stub("base64", "encode", function() return "each" end) end)
  it("last for the group", function() expect(json.encode(1) .. require("base64").encode("")):equals("setupeach") end)
  it("count on", function() json.encode(2) expect(encode.count):equals(2) end)
end)
it("and are gone after it", function() expect(json.encode(1)):equals("1") end)
it("unknown ones are errors", function()
  expect(function() stub("htp", "get") end):fails('no library "htp"; there are base64, crypto, ')
  expect(function() spy("json", "encod") end):fails('no function "encod" in the library json; it has array, decode, encode')
  expect(function() stub("json", "null") end):fails("no function")
  expect(function() return stub("json", "encode").calls_count end):fails('a stub has no field "calls_count"; it has calls, count')
  expect(function() stub("json", "encode", 1) end):fails("function expected")
end)`,
}

func TestStubsReplaceFunctionsOfLibrariesForATest(t *testing.T) {
	dir := files(t, doubled)
	app := provisioned(t, fmt.Sprintf(`{"apps": {"http": {"servers": {"srv": {"listen": ["127.0.0.1:0"], "routes": [{"handle": [{
		"handler": "luaroute", "scripts": [%q]}]}]}}}}, "logging": {"logs": {"default": {"level": "PANIC"}}}}`, filepath.Join(dir, "main.lua")))
	for range 2 { // nothing stays for the next file
		got := tested(t, app, new(simulate.Bench), filepath.Join(dir, "x_test.lua"), "main")
		var failed []string
		for _, test := range got.Tests {
			if test.Failure != nil {
				failed = append(failed, test.Title()+": "+strings.ReplaceAll(test.Failure.Text(), dir+"/", ""))
			}
		}
		want := "a stub > is gone after a test that fails: x_test.lua:20: on purpose\n" +
			"a stub > reports an expectation that is not met, whoever has called it: x_test.lua:44: found 1, expected 2"
		if all := strings.Join(failed, "\n"); all != want || got.Failure != nil {
			t.Errorf("failed:\n%s\n%v", all, got.Failure)
		}
	}
	outside := files(t, map[string]string{"x_test.lua": `stub("json", "encode") it("x", function() end)`})
	got := report(outside, tested(t, app, new(simulate.Bench), filepath.Join(outside, "x_test.lua"), ""))
	if !strings.HasSuffix(got, "x_test.lua:1: stub is called outside a test; call it in it, before_each or setup") {
		t.Error(got)
	}
}

func TestScriptsSeeTheTimeOfASimulatedRequest(t *testing.T) {
	app := provisioned(t, bare)
	dir := files(t, map[string]string{"x_test.lua": `local route = require("luaroute")
local time, log = require("time"), require("log")
route:get("/", function(req, res)
  res.headers["X-Date"] = os.date("!%Y-%m-%d %H:%M:%S")
  res:on_done(function() log.info("done at " .. os.time()) end)
  return 200, os.time() .. " " .. time.now()
end)
local real = os.time()
local function at(now) local out = route.simulate({ path = "/", now = now }) return out.body .. " " .. out.headers["X-Date"] end
it("a number", function() expect(at(1000000000.5)):equals("1000000000 1000000000.5 2001-09-09 01:46:40") end)
it("a text", function()
  expect(at("2026-05-04T12:00:00+02:00")):equals("1777888800 1777888800 2026-05-04 10:00:00")
  expect(at("2026-05-04T10:00:00")):equals("1777888800 1777888800 2026-05-04 10:00:00")
  expect(at("2026-05-04")):equals("1777852800 1777852800 2026-05-04 00:00:00")
end)
it("the real one else, in the same virtual machines", function()
  local seen = tonumber((route.simulate({ path = "/" }).body:match("^%d+")))
  expect(seen >= real and seen < real + 1000):is_true()
  expect(os.time() < real + 1000):is_true()
end)
it("of stubs too", function()
  stub("time", "now", function() return os.time() end)
  expect(at(5)):equals("5 5 1970-01-01 00:00:05")
end)
it("nonsense", function()
  for _, now in ipairs({ "soon", -1, {}, true, 1e15, 0/0 }) do
    expect(function() at(now) end):fails("simulate: now is .*; expected seconds since 1970, or a time such as")
  end
end)`})
	if got := report(dir, tested(t, app, new(simulate.Bench), filepath.Join(dir, "x_test.lua"), "")); strings.Count(got, ": ok") != 5 {
		t.Error(got)
	}
}

// covered is a script, with how often each of its lines runs in the test below at its end: a number, or a dash for a line without code.
const covered = `local route = require("luaroute")            -- 1
local shared = require("shared")             -- 1
                                             -- -
local function answer(req)                   -- -
  local n = tonumber(req.params.n)           -- 3
  if n > 10 then                             -- 3
    return 400,                              -- 0
      "too large"                            -- 0
  elseif n > 5 then                          -- 3
    return 204                               -- 1
  else                                       -- -
    local sum = 0                            -- 2
    for i = 1, n do                          -- 5
      sum = sum + i                          -- 3
    end                                      -- -
    while sum > 100 do                       -- 2
      sum = sum - 1                          -- 0
      break                                  -- 0
    end                                      -- -
    return 200, shared.text(sum)             -- 2
  end                                        -- -
end                                          -- 1
                                             -- -
local unused = function()                    -- -
  local a = 1                                -- 0
  local b = a                                -- 0
  return a, b                                -- 0
end                                          -- 1
                                             -- -
route:get("/{n}", answer)                    -- 1
route:get("/x/y", {                          -- 1
  status = 404,                              -- 1
})                                           -- -
`

func TestCoverageOfAScriptIsWhatIsKnownByHand(t *testing.T) {
	dir := files(t, map[string]string{
		"main.lua": covered,
		"shared.lua": `local shared = {}
function shared.text(n)
  return "sum " .. n
end
function shared.other() return 1 end
return shared`,
		"x_test.lua": `local route = require("luaroute")
it("x", function() for _, n in ipairs({ 1, 2, 7 }) do route.simulate({ path = "/" .. n }) end end)`,
	})
	app := provisioned(t, fmt.Sprintf(`{"apps": {"http": {"servers": {"srv": {"listen": ["127.0.0.1:0"], "routes": [{"handle": [{
		"handler": "luaroute", "scripts": [%q]}]}]}}}}, "logging": {"logs": {"default": {"level": "PANIC"}}}}`, filepath.Join(dir, "main.lua")))
	counter := new(coverage.Counter)
	if got := tested(t, app, &simulate.Bench{Step: counter.Step}, filepath.Join(dir, "x_test.lua"), "main"); report(dir, got) != "x: ok" {
		t.Fatal(report(dir, got))
	}
	scripts := counter.Scripts()
	if len(scripts) != 3 || filepath.Base(scripts[0].Name) != "main.lua" || filepath.Base(scripts[1].Name) != "shared.lua" {
		t.Fatalf("covered are %v", scripts)
	}
	counts := map[int]string{}
	for _, line := range scripts[0].Lines {
		counts[line.Number] = fmt.Sprint(line.Count)
	}
	for i, line := range strings.Split(strings.TrimSuffix(covered, "\n"), "\n") {
		text, want, _ := strings.Cut(line, "-- ")
		got := counts[i+1]
		if got == "" {
			got = "-"
		}
		if got != want {
			t.Errorf("line %d, %s: ran %s times, want %s", i+1, strings.TrimSpace(text), got, want)
		}
	}
	var lcov strings.Builder
	if err := coverage.WriteLCOV(&lcov, scripts[1:2]); err != nil {
		t.Fatal(err)
	}
	want := "TN:\nSF:" + filepath.Join(dir, "shared.lua") + "\nDA:1,1\nDA:2,1\nDA:3,2\nDA:4,1\nDA:5,1\nDA:6,1\nLF:6\nLH:6\nend_of_record\n"
	if lcov.String() != want {
		t.Errorf("got\n%s\nwant\n%s", lcov.String(), want)
	}
}
