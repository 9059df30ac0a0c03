package main

import (
	"encoding/json"
	"encoding/xml"
	"path/filepath"
	"strings"
	"testing"
)

// tested are files of tests in a folder: what passes, what fails, and what cannot be loaded.
func tested(t *testing.T) string {
	return written(t, map[string]string{
		"Caddyfile":   "http://:8080 {\n\tluaroute {\n\t\tscript $dir/main.lua\n\t\tpool users 127.0.0.1:1\n\t}\n}\n",
		"main.lua":    `require("luaroute"):get("/users/{id}", "users")`,
		"a_test.lua":  "describe('group #1', function()\n  it('passes', function() expect(1):equals(1) end)\n  it('fails', function()\n    expect('a'):equals('b')\n  end)\nend)",
		"b_test.lua":  "it('is cut off' ",
		"ok_test.lua": "local route = require('luaroute')\nit('forwards', function() expect(route.simulate({ path = '/users/7' }).pool):equals('users') end)",
		"other.lua":   "error('this is no test')",
	})
}

func TestTheTestCommandPrintsWhatPeopleRead(t *testing.T) {
	t.Parallel()
	dir := tested(t)
	out, _, code := caddyOutput(t, "luaroute", "test", filepath.Join(dir, "a_test.lua"), filepath.Join(dir, "b_test.lua"))
	want := strings.ReplaceAll(`$dir/a_test.lua
  ok    group #1 > passes
  FAIL  group #1 > fails
        $dir/a_test.lua:4: found "a", expected "b"
$dir/b_test.lua
  FAIL  the file cannot be run
        $dir/b_test.lua:1: `, "$dir", dir)
	if code != 1 || !strings.HasPrefix(out, want) || !strings.HasSuffix(out, "\n\n3 tests, 2 failed\n") {
		t.Errorf("exit code %d and\n%s\nexpected\n%s", code, out, want)
	}
	out, _, code = caddyOutput(t, "luaroute", "test", "--config", filepath.Join(dir, "Caddyfile"), filepath.Join(dir, "ok_test.lua"))
	if code != 0 || !strings.Contains(out, "  ok    forwards\n\n1 test, 0 failed\n") {
		t.Errorf("exit code %d and\n%s", code, out)
	}
}

func TestTheTestCommandPrintsWhatMachinesRead(t *testing.T) {
	t.Parallel()
	dir := tested(t)
	args := func(format string) []string {
		return []string{"luaroute", "test", "--format", format, "--config", filepath.Join(dir, "Caddyfile"), dir}
	}
	out, _, code := caddyOutput(t, args("tap")...)
	want := strings.ReplaceAll(`TAP version 13
1..4
ok 1 - $dir/a_test.lua > group \#1 > passes
not ok 2 - $dir/a_test.lua > group \#1 > fails
  ---
  message: "found \"a\", expected \"b\""
  at: "$dir/a_test.lua:4"
  found: "\"a\""
  expected: "\"b\""
  ...
not ok 3 - $dir/b_test.lua
`, "$dir", dir)
	if code != 1 || !strings.HasPrefix(out, want) || !strings.HasSuffix(out, "ok_test.lua > forwards\n") {
		t.Errorf("exit code %d and\n%s\nexpected\n%s", code, out, want)
	}

	var suites struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Suites   []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Name    string `xml:"name,attr"`
				Line    int    `xml:"line,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	out, _, _ = caddyOutput(t, args("junit")...)
	if err := xml.Unmarshal([]byte(out), &suites); err != nil {
		t.Fatal(err, out)
	}
	failed := suites.Suites[0].Cases[1]
	if suites.Tests != 4 || suites.Failures != 2 || len(suites.Suites) != 3 || failed.Line != 3 || failed.Failure.Message != `found "a", expected "b"` {
		t.Errorf("the report is %s", out)
	}

	var files []struct {
		File  string
		Tests []struct {
			Name    []string
			Failure *struct{ At, Found, Expected string }
		}
		Failure *struct{ Message string }
	}
	out, _, _ = caddyOutput(t, args("json")...)
	if err := json.Unmarshal([]byte(out), &files); err != nil {
		t.Fatal(err, out)
	}
	if len(files) != 3 || files[0].Tests[1].Failure.At != filepath.Join(dir, "a_test.lua")+":4" || files[1].Failure == nil || len(files[2].Tests) != 1 {
		t.Errorf("the report is %s", out)
	}
}

func TestTheTestsOfTheQuickstartPass(t *testing.T) {
	t.Parallel()
	out, log, code := caddyOutput(t, "luaroute", "test", "--config", "testdata/quickstart/Caddyfile", "testdata/quickstart")
	if code != 0 || !strings.Contains(out, "5 tests, 0 failed") {
		t.Errorf("exit code %d and\n%s%s", code, out, log)
	}
}
