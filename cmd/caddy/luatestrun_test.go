package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheTestCommandSelectsTests(t *testing.T) {
	t.Parallel()
	dir := written(t, map[string]string{
		"a_test.lua": "it('one #slow', function() end) it('two', function() error('no') end)",
		"b_test.lua": "describe('#db', function() it('three', function() end) pending('four') end)",
	})
	for _, row := range []struct {
		args []string
		want string // of the output, or of what is logged for a code of 2
		code int
	}{
		{[]string{"--tags", "slow"}, "a_test.lua\n  ok    one #slow\n\n1 test, 0 failed\n", 0},
		{[]string{"--tags", "slow,db"}, "b_test.lua\n  ok    #db > three\n  --    #db > four (pending)\n\n3 tests, 0 failed, 1 pending\n", 0},
		{[]string{"--exclude-tags", "db", "--filter", "o$"}, "\n1 test, 1 failed\n", 1},
		{[]string{"--filter", "^#db > th"}, "b_test.lua\n  ok    #db > three\n\n1 test, 0 failed\n", 0},
		{[]string{"--filter", "none"}, "no test is one that --filter, --tags and --exclude-tags select", 2},
		{[]string{"--filter", "[a"}, `--filter: the pattern \"[a\": malformed pattern`, 2},
		{[]string{"-o", "tap", "--tags", "db"}, "1..2\nok 1 - $dir/b_test.lua > \\#db > three\nok 2 - $dir/b_test.lua > \\#db > four # SKIP pending\n", 0},
		{[]string{"--output", "junit", "--filter", "four"}, `line="1" time="0.000">` + "\n      <skipped></skipped>", 0},
		{[]string{"--output", "json", "--filter", "four"}, `"pending": true`, 0},
		{[]string{"--output", "tap", "--coverage"}, "expected --coverage=<file>", 2},
		{[]string{"--coverage=/dev/null/x"}, "--coverage: open /dev/null/x", 1},
	} {
		out, log, code := caddyOutput(t, append([]string{"luaroute", "test", dir}, row.args...)...)
		if all := out + log; code != row.code || !strings.Contains(all, strings.ReplaceAll(row.want, "$dir", dir)) {
			t.Errorf("%v: exit code %d and\n%s\nexpected %d and\n%s", row.args, code, all, row.code, row.want)
		}
	}
}

func TestTheTestCommandWritesCoverage(t *testing.T) {
	t.Parallel()
	dir := written(t, map[string]string{
		"Caddyfile":  "http://:8080 {\n\tluaroute {\n\t\tscript main.lua\n\t}\n}\n",
		"main.lua":   "local route = require('luaroute')\nlocal m = require('m')\nroute:get('/{n}', function(req)\n  if req.params.n == 'a' then\n    return 204\n  end\n  return m()\nend)\n",
		"m.lua":      "return function()\n  local n = 404\n  return n\nend\n",
		"x_test.lua": "local route = require('luaroute')\nit('a', function() expect(route.simulate({ path = '/a' }).status):equals(204) end)",
	})
	out, log, code := caddyOutputIn(t, dir, "luaroute", "test", "--config", "Caddyfile", "--coverage=lcov.info", ".")
	const want = `
SCRIPT    LINES  RUN  SHARE  NOT RUN
m.lua     3      1    33%    2-3
main.lua  7      6    85%    7
all       10     7    70%    -
`
	if code != 0 || !strings.HasSuffix(out, want) {
		t.Errorf("exit code %d and\n%s%s\nexpected\n%s", code, out, log, want)
	}
	lcov, err := os.ReadFile(filepath.Join(dir, "lcov.info"))
	if err != nil || !strings.HasPrefix(string(lcov), "TN:\nSF:m.lua\nDA:2,0\nDA:3,0\nDA:4,1\nLF:3\nLH:1\nend_of_record\nTN:\nSF:main.lua\n") {
		t.Errorf("%v\n%s", err, lcov)
	}
}

func TestTheTestCommandRunsAgainAfterAChange(t *testing.T) {
	t.Parallel()
	dir := written(t, map[string]string{
		"Caddyfile":  "http://:8080 {\n\tluaroute {\n\t\tscript main.lua\n\t}\n}\n",
		"main.lua":   "local m = require('m') require('luaroute'):get('/', function() return m.status end)",
		"m.lua":      "return { status = 204 }",
		"a_test.lua": "local route = require('luaroute') it('answers', function() expect(route.simulate({}).status):equals(204) end)",
	})
	cmd := caddyIn(t, dir, "luaroute", "test", "--config", "Caddyfile", "--watch", ".")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(pipe)
	until := func(want, forbidden string) {
		t.Helper()
		var seen strings.Builder
		for lines.Scan() {
			seen.WriteString(lines.Text() + "\n")
			if strings.HasPrefix(lines.Text(), "waiting for changes") {
				if !strings.Contains(seen.String(), want) || forbidden != "" && strings.Contains(seen.String(), forbidden) {
					t.Fatalf("got\n%s\nexpected %s", seen.String(), want)
				}
				return
			}
		}
		t.Fatalf("the command has ended after\n%s", seen.String())
	}
	change := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	until("1 test, 0 failed", "FAIL")
	change("m.lua", "return { status = 205 }") // a module of the configuration's script
	until("found 205, expected 204", "ok  ")
	change("m.lua", "return { status = ")
	until("m.lua:1: ", "ok  ")
	change("m.lua", "return { status = 204 }")
	until("1 test, 0 failed", "FAIL")
	change("a_test.lua", "it('is new', function() end)")
	until("ok    is new", "FAIL")
	change("b_test.lua", "it('is another', function() error('no') end)") // a new file in the folder
	until("2 tests, 1 failed", "")
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d; the last run has failed", code)
	}
}
