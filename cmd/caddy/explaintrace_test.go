package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// tracedFiles are scripts with what a trace must get right: functions that call each other also by way of Go's, errors, coroutines, tenants.
var tracedFiles = map[string]string{
	"Caddyfile": `http://:8080 {
	luaroute {
		script $dir/main.lua
	}
}
`,
	"main.lua": `local route = require("luaroute")
local text = require("text")
local function fails(n)
  local before = n + 1
  error("no " .. before)
end
route:get("/caught", function(req)
  local ok = pcall(fails, 1)
  local all = text.each({ "a", "b" }, function(s)
    return s:upper()
  end)
  all[3] = "c"
  return 200, tostring(ok)
end)
route:get("/loop", function()
  local n = 0
  while n < 600 do
    n = n + 1
  end
  return 200
end)
route:get("/thread", function()
  local values = coroutine.wrap(function(a)
    local b = a + 1
    coroutine.yield(b)
  end)
  return values(1) + 198
end)
route:get("/data", { body = "none" })
route:get("/fails", function() return fails(2) end)
route:tenant("acme", { hosts = "acme.example", script = "acme.lua" })
`,
	"text.lua": `local text = {}
function text.each(list, fn)
  for i, s in ipairs(list) do list[i] = fn(s) end
  return list
end
return text
`,
	"acme.lua": `require("luaroute"):get("/", function(req) local h = req.host return 200, h end)
`,
}

func TestATraceListsTheLinesThatHaveRunWithTheLocalsThatHaveChanged(t *testing.T) {
	t.Parallel()
	dir := written(t, tracedFiles)
	for target, want := range map[string]string{
		"/caught": `trace
  main.lua:8   local ok = pcall(fails, 1)                         ok = false
  main.lua:4     local before = n + 1                             n = 1, before = 2
  main.lua:5     error("no " .. before)
  main.lua:9   local all = text.each({ "a", "b" }, function(s)    all = { "A", "B" }
  text.lua:3     for i, s in ipairs(list) do list[i] = fn(s) end  list = { "A", "B" }
  main.lua:10      return s:upper()                               s = "a"
  main.lua:10      return s:upper()                               s = "b"
  text.lua:4     return list
  main.lua:12  all[3] = "c"                                       all = { "A", "B", "c" }
  main.lua:13  return 200, tostring(ok)
`,
		"/thread": `trace
  main.lua:23  local values = coroutine.wrap(function(a)  values = a function
  main.lua:27  return values(1) + 198
  main.lua:24  local b = a + 1                            a = 1, b = 2
  main.lua:25  coroutine.yield(b)
`,
		"/data": "\nno line of a script has run\n",
		"/fails": `trace
  main.lua:30  route:get("/fails", function() return fails(2) end)
  main.lua:4   local before = n + 1                                 n = 2, before = 3
  main.lua:5   error("no " .. before)
`,
		"acme.example/": `trace
  acme.lua:1  require("luaroute"):get("/", function(req) local h = req.host return 200, h end)  h = "acme.example"
`,
		"/loop": "  main.lua:17  while n < 600 do\n  and 203 more\n",
	} {
		out, code := caddyCommand(t, "luaroute", "explain", "--trace", "--config", filepath.Join(dir, "Caddyfile"), target)
		if out = strings.ReplaceAll(out, dir+"/", ""); code != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d and\n%s\nwant 0 and\n%s", target, code, out, want)
		}
	}
}

func TestATraceIsPartOfAnExplanationInJSON(t *testing.T) {
	t.Parallel()
	dir := written(t, tracedFiles)
	out, code := caddyCommand(t, "luaroute", "explain", "--trace", "--format", "json", "--config", filepath.Join(dir, "Caddyfile"), "/loop")
	if code != 0 {
		t.Fatalf("exit code %d and %s", code, out)
	}
	var got struct {
		Status int `json:"status"`
		Trace  []struct {
			Script, Text string
			Line, Depth  int
			Locals       []struct{ Name, Value string }
		} `json:"trace"`
		Omitted int `json:"trace_omitted"`
	}
	if err := json.Unmarshal([]byte(out[strings.Index(out, "\n{\n"):strings.LastIndex(out, "\n}")+2]), &got); err != nil {
		t.Fatal(err)
	}
	if got.Status != 200 || len(got.Trace) != 1000 || got.Omitted != 203 {
		t.Fatalf("status %d, %d lines and %d more", got.Status, len(got.Trace), got.Omitted)
	}
	third := got.Trace[2]
	if third.Script != filepath.Join(dir, "main.lua") || third.Line != 18 || third.Text != "n = n + 1" || len(third.Locals) != 1 || third.Locals[0].Value != "1" {
		t.Errorf("the third line is %+v", third)
	}
}

func TestATraceIsNotOfARunningCaddy(t *testing.T) {
	t.Parallel()
	out, code := caddyCommand(t, "luaroute", "explain", "--trace", "--address", "localhost:1", "/")
	if want := "--trace runs the scripts here; expected no --address"; code != 2 || !strings.Contains(out, want) {
		t.Errorf("exit code %d and %s; want 2 and %q", code, out, want)
	}
}
