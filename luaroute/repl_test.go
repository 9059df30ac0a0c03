package luaroute_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute"
	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
)

// spoken is the configuration that sessions are about: scripts with a module, a global, a pool and functions.
func spoken(t *testing.T) (app *luaroute.App, dir string) {
	dir = files(t, map[string]string{
		"main.lua": `local route, version = require("luaroute"), require("version")
settings = { n = 1 }
route:get("/users/{id}", "users")
route:get("/version", function(req) return 200, version.of(req:header("X-Version")) end)
route:get("/reload", function() route.reload() return 204 end)
route:get("/b64", function() return 200, require("base64").encode("a") end)`,
		"version.lua": `local version = {}
function version.of(s)
	if not s then error("no version") end
	return s:sub(2)
end
return version`,
	})
	return provisioned(t, fmt.Sprintf(`{"apps": {"http": {"servers": {"srv": {"listen": ["127.0.0.1:0"], "routes": [{"handle": [{
		"handler": "luaroute", "scripts": [%q], "pools": {"users": {"upstreams": [{"dial": "127.0.0.1:1"}]}}}]}]}}}},
		"logging": {"logs": {"default": {"level": "PANIC"}}}}`, filepath.Join(dir, "main.lua"))), dir
}

// said runs chunks of a session, and returns what it says: failures behind "!", and "more" for a chunk that is not finished.
func said(t *testing.T, app *luaroute.App, chunks ...string) string {
	t.Helper()
	var out strings.Builder
	session := simulate.NewSession(&out)
	err := app.Converse(t.Context(), "main", "", session, func() error {
		for i, chunk := range chunks {
			more, failure := session.Run(t.Context(), i+1, chunk)
			switch {
			case more:
				fmt.Fprintln(&out, "more")
			case failure != nil:
				fmt.Fprintln(&out, "!", failure.Text())
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestASessionSaysWhatChunksAre(t *testing.T) {
	app, dir := spoken(t)
	for name, row := range map[string]struct {
		chunks []string
		want   string
	}{
		"an expression":             {[]string{"1 + 1", "=2 * 3", "  = 'a' .. 'b'", "0.1 + 0.2"}, "2\n6\n\"ab\"\n0.3\n"},
		"several":                   {[]string{"nil, true"}, "nil\ntrue\n"},
		"a call":                    {[]string{"math.max(1, 2)", "(function() end)()"}, "2\n"},
		"a return":                  {[]string{"local x = 3 return x"}, "3\n"},
		"a comment":                 {[]string{"-- nothing", ""}, ""},
		"a table":                   {[]string{"{ 1, 'x', n = { true } }"}, "{ 1, \"x\", n = { true } }\n"},
		"a table in itself":         {[]string{"t = {} t.t = t return #tostring(t) > 0", "t"}, "true\n{ t = { t = { t = { t = { t = { t = { t = { t = {…} } } } } } } } }\n"},
		"a table with a text":       {[]string{"setmetatable({}, { __tostring = function() return 'me' end })"}, "me\n"},
		"a wide table":              {[]string{"{ ('x'):rep(60), b = ('y'):rep(60) }"}, "{\n  \"" + strings.Repeat("x", 60) + "\",\n  b = \"" + strings.Repeat("y", 60) + "\",\n}\n"},
		"a long text":               {[]string{"('x'):rep(2000)"}, "\"" + strings.Repeat("x", 999) + "…\n"},
		"a library":                 {[]string{"require('base64')"}, "{ decode = a function, decode_url = a function, encode = a function, encode_url = a function }\n"},
		"print":                     {[]string{"print(1, nil, 'x')", "print()"}, "1\tnil\tx\n\n"},
		"globals stay":              {[]string{"x = 1", "x = x + 1", "x", "x = nil", "x"}, "2\nnil\n"},
		"functions stay":            {[]string{"function f() return x end x = 4", "f()"}, "4\n"},
		"locals do not":             {[]string{"local x = 1", "x"}, "nil\n"},
		"globals of scripts":        {[]string{"settings.n = settings.n + 1", "settings"}, "{ n = 2 }\n"},
		"modules of scripts":        {[]string{"require('version').of('v2')"}, "\"2\"\n"},
		"other modules":             {[]string{"require('nothing')"}, "! stdin:1: module \"nothing\" was not loaded: require it while the script loads, outside of functions that serve requests\n"},
		"a simulated request":       {[]string{"req = route.simulate{ path = '/users/7' }", "req.pool, req.params"}, "\"users\"\n{ id = \"7\" }\n"},
		"a function of the scripts": {[]string{"route.simulate{ path = '/version', headers = { ['X-Version'] = 'v3' } }.body"}, "\"3\"\n"},
		"a stub":                    {[]string{"s = stub('base64', 'encode', function() return 'stub' end)", "route.simulate{ path = '/b64' }.body", "require('base64').encode('b')", "s.count"}, "\"stub\"\n\"stub\"\n2\n"},
		"what it expects":           {[]string{"expect(1):equals(2)", "expect(1):equals(1)"}, "! stdin:1: found 1, expected 2\n"},
		"what is not done":          {[]string{"route.reload() route.reload()", "route.reload()"}, "not done: route.reload()\nnot done: route.reload()\n"},
		"what a route does not do":  {[]string{"for _ = 1, 2 do route.simulate{ path = '/reload' } end"}, "not done: route.reload()\n"},
		"an error":                  {[]string{"x = 1", "\nx()"}, "! stdin:3: attempt to call global 'x' (a number value)\n"},
		"an error of a module":      {[]string{"require('version').of()"}, "! version.lua:3: no version\n"},
		"an error that is a table":  {[]string{"error({ message = 'broken' })"}, "! stdin:1: broken\n"},
		"no Lua":                    {[]string{"x", "1 +* 2"}, "nil\n! stdin:2: unexpected symbol near '1'\n"},
		"a text without an end":     {[]string{"'abc"}, "! stdin:1: unfinished string near ''abc'\n"},
		"the beginning of a chunk":  {[]string{"function f()", "{", "= 1 +", "if x then", "x =", "f(", "[[a", "--[[", "'a\\", "local"}, strings.Repeat("more\n", 10)},
		"the end of a budget":       {[]string{"x = 1", "while true do end", "x", "settings"}, "! stdin:2: the budget of the script is used up: it ran for more than 1s\n1\n{ n = 1 }\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := said(t, app, row.chunks...); strings.ReplaceAll(got, dir+"/", "") != row.want {
				t.Errorf("got\n%s\nexpected\n%s", got, row.want)
			}
		})
	}
}

func TestASessionShowsTheFirstFieldsOfALargeTable(t *testing.T) {
	app, _ := spoken(t)
	got := said(t, app, "t = {} for i = 1, 1000 do t[i] = i end", "t")
	if lines := strings.Split(got, "\n"); len(lines) != 104 || lines[100] != "  100," || lines[101] != "  … and 900 more" {
		t.Errorf("there are %d lines:\n%s", len(lines), got)
	}
}

func TestAChunkEndsWhenItIsInterruptedAndTheSessionGoesOn(t *testing.T) {
	app, _ := spoken(t)
	var out strings.Builder
	session := simulate.NewSession(&out)
	err := app.Converse(t.Context(), "main", "", session, func() error {
		ctx, end := context.WithCancelCause(t.Context())
		end(errors.New("interrupted"))
		if _, failure := session.Run(ctx, 1, "x = 1 while true do end"); failure == nil || failure.Text() != "stdin:1: interrupted" {
			t.Errorf("the failure is %+v", failure)
		}
		_, failure := session.Run(t.Context(), 2, "x")
		if failure != nil {
			return failure
		}
		return nil
	})
	if err != nil || out.String() != "1\n" {
		t.Errorf("%v: %s", err, out.String())
	}
}

func TestWhatASessionChangesIsNotSeenByAnother(t *testing.T) {
	app, _ := spoken(t)
	said(t, app, "settings.n = 5", "x = 1")
	if got := said(t, app, "settings.n, x"); got != "1\nnil\n" {
		t.Errorf("got %s", got)
	}
}

func TestASessionNeedsScripts(t *testing.T) {
	app := provisioned(t, `{"apps": {"http": {"servers": {"srv": {"listen": ["127.0.0.1:0"], "routes": [{"handle": [{
		"handler": "luaroute", "tenants": [{"name": "acme", "hosts": ["acme.example"], "use_pool": "p", "pools": {"p": {"upstreams": [{"dial": "127.0.0.1:1"}]}}}]}]}]}}}},
		"logging": {"logs": {"default": {"level": "PANIC"}}}}`)
	for name, want := range map[string]string{
		"main":  "the instance has no scripts but those of tenants; expected a script of its own, or the name of a tenant",
		"other": `no luaroute instance "other"`,
	} {
		err := app.Converse(t.Context(), name, "", simulate.NewSession(new(strings.Builder)), func() error { return nil })
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASessionIsInTheScriptsOfATenantThatIsNamed(t *testing.T) {
	dir := files(t, map[string]string{
		"main.lua": `local route = require("luaroute") who = "main"
			route:tenant("inner", { path_prefix = "/inner", script = "inner.lua" })
			route:tenant("shared", { path_prefix = "/shared" }, function(r) r:get("/", function() return 204 end) end)`,
		"inner.lua": `local route = require("luaroute") who = "inner" route:get("/x", function() return 200, who end)`,
		"own.lua":   `local route = require("luaroute") who = "own" route:get("/x", function() return 200, who end)`,
	})
	app := provisioned(t, fmt.Sprintf(`{"apps": {"http": {"servers": {"srv": {"listen": ["127.0.0.1:0"], "routes": [{"handle": [{
		"handler": "luaroute", "scripts": [%q], "tenants": [{"name": "own", "path_prefix": "/own", "scripts": [%q]}]}]}]}}}},
		"logging": {"logs": {"default": {"level": "PANIC"}}}}`, filepath.Join(dir, "main.lua"), filepath.Join(dir, "own.lua")))
	for tenant, want := range map[string]string{
		"":       `"main"`,
		"inner":  `"inner"`,
		"own":    `"own"`,
		"shared": `tenant "shared" has no scripts of its own; the functions of its routes are those of the instance's scripts`,
		"inenr":  `there is no tenant "inenr"; did you mean "inner"?`,
	} {
		var out strings.Builder
		session := simulate.NewSession(&out)
		err := app.Converse(t.Context(), "main", tenant, session, func() error {
			session.Run(t.Context(), 1, "who")
			return nil
		})
		if err != nil {
			out.WriteString(err.Error())
		}
		if got := strings.TrimSpace(out.String()); got != want {
			t.Errorf("%q: got %s, want %s", tenant, got, want)
		}
	}
}
