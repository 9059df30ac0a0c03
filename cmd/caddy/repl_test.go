package main

import (
	"strings"
	"testing"
)

func TestTheReplRunsWhatIsPiped(t *testing.T) {
	t.Parallel()
	dir := written(t, map[string]string{
		"Caddyfile":   "http://:8080 {\n\tluaroute {\n\t\tscript main.lua\n\t\tpool users 127.0.0.1:1\n\t}\n}\n",
		"main.lua":    `local words = require("words") require("luaroute"):get("/users/{id}", "users")`,
		"words.lua":   `return { of = function(s) return s:upper() end }`,
		"Other":       "http://:8080 {\n\tluaroute {\n\t\tscript missing.lua\n\t}\n}\n",
		"static.json": `{"apps": {"http": {}}}`,
	})
	for name, row := range map[string]struct {
		input, args, out, log string
		code                  int
	}{
		"values": {input: "w = require('words')\n\n=w.of('a'),\n  1\nroute.simulate{ path = '/users/7' }.pool", out: "\"A\"\n1\n\"users\"\n"},
		"errors": {
			input: "function f(n)\n  if n == 0 then error('deep') end\n  f(n - 1)\nend\nf(1)\nx = = 1\r\n1\n",
			out: "stdin:2: deep\nstack traceback:\n\tstdin:2: in function 'f'\n\tstdin:3: in function 'f'\n\tstdin:5: in main chunk\n" +
				"stdin:6: unexpected symbol near '='\n1\n", code: 1, log: "chunks failed: 2 of 4",
		},
		"an end that is missing": {input: "x = 1\nfor i = 1, 2 do\n", out: "stdin:2: 'end' expected (to close 'for' at line 2) near '<eof>'\n", code: 1, log: "chunks failed: 1 of 2"},
		"nothing":                {},
		"scripts that fail":      {args: "--config Other --adapter caddyfile", input: "1\n", code: 1, log: "missing.lua"},
		"no handler":             {args: "-c static.json", code: 1, log: "the configuration has no luaroute handler"},
		"another instance":       {args: "--name other", code: 2, log: `--name \"other\": expected main`},
		"an adapter alone":       {args: "--adapter caddyfile", code: 2, log: "--adapter is for the file that --config names"},
		"arguments":              {args: "x.lua", code: 2, log: "repl takes no arguments"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, log, code := caddyFed(t, dir, row.input, append([]string{"luaroute", "repl"}, strings.Fields(row.args)...)...)
			if out != row.out || code != row.code || !strings.Contains(log, row.log) {
				t.Errorf("exit code %d and\n%s\nthe log is\n%s", code, out, log)
			}
		})
	}
}
