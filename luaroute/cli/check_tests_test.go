package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/reference"
)

func TestFilesOfTestsBesideScriptsAreLookedAt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, code := range map[string]string{
		"main.lua":   `helped = 1`,
		"helper.lua": `return {}`,
		"main_test.lua": `local route, helper = require("luaroute"), require("helper")
total = 0
describe("it", function()
  before_each(function() stub("http", "get", function() return nil, "no" end) end)
  it("works", function()
    local r = route.simulate({ path = "/", metod = "GET" })
    expect(r.statsu):equals(200)
    expect(r.pool):equal("nowhere")
    assert.are.equal(1, 1)
    assert.are.same({}, {})
    assert.is_treu(true)
    assert.are.eqaul(1, 1)
    assert(r, "there is a result")
    descrbe("x", function() end)
  end)
end)`,
		"broken_test.lua":     "local = 1",
		"script_test.lua":     "this is a script",
		"below/deep_test.lua": "local = 1",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(code), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	scripts := map[string]bool{filepath.Join(dir, "main.lua"): true, filepath.Join(dir, "script_test.lua"): true, "inline": true}
	found, err := findingsOfTests(reference.Build(), scripts)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range found {
		got = append(got, strings.ReplaceAll(f.String(), dir+"/", ""))
	}
	want := []string{
		`broken_test.lua:1: error: '<name>' expected near '=' (load)`,
		`main_test.lua:6:44: warning: luaroute.SimulateRequest has no "metod"; did you mean "method"? (unknown-option)`,
		`main_test.lua:7:14: warning: r has no field "statsu"; did you mean "status"? (unknown-field)`,
		`main_test.lua:8:20: warning: luaroute.Expectation has no method "equal"; did you mean "equals"? (unknown-field)`,
		`main_test.lua:11:12: warning: assert has no function "is_treu"; did you mean "is_true"? (unknown-field)`,
		`main_test.lua:12:16: warning: assert.are has no function "eqaul"; did you mean "equal"? (unknown-field)`,
		`main_test.lua:14:5: warning: nothing defines the global "descrbe"; did you mean "describe"? (unknown-global)`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
