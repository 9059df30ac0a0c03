package main

import (
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// guarded is a site whose fallback answers what no route takes: what loses its guard is answered by it.
func guarded(scripts string) string {
	return "http:// {\nluaroute {\nscript $dir/" + scripts + "\nwatch 10ms\n}\nrespond open\n}"
}

const guard = `require("luaroute"):route("/admin", function(admin) admin:use(function() return 401, "guarded" end) end)` + "\n"

// keepsGuard changes something, waits until the change is reported as an error that has a text, and wants the guard to be there.
func keepsGuard(t *testing.T, c *e2e.Caddy, text string) {
	t.Helper()
	e2e.Until(t, "the failure is known: "+text, func() bool {
		failed := instances(t, c)[0].LastError
		return failed != nil && strings.Contains(failed.Error, text)
	})
	c.Get("/admin/x").Want(401, "guarded")
}

func TestAReloadThatWouldLoseAllOfAScriptKeepsTheOldTable(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	nothings := map[string]string{
		"empty": "", "space": " \n\t\r\n", "a comment": "-- routes\n--[[ come\nhere ]]", "a byte order mark": "\ufeff",
		"a byte order mark and space": "\ufeff\n", "a line for the shell": "#!/usr/bin/lua\n",
	}
	c := e2e.New(t)
	c.File("main.lua", guard)
	c.File("module.lua", guard+"return {}")
	c.File("user.lua", `require("module")`)
	for _, row := range []struct{ scripts, file, good, text string }{
		{"main.lua", "main.lua", guard, "main.lua: it no longer has any code"},
		{"user.lua", "module.lua", guard + "return {}", "module.lua: it no longer has any code"},
	} {
		c.Start(guarded(row.scripts))
		for name, bad := range nothings {
			c.File(row.file, bad)
			text := row.text
			if strings.HasPrefix(bad, "\ufeff") {
				text = row.file // one that the parser does not know is an error of its own
			}
			answer := c.Admin(http.MethodPost, "/luaroute/main/reload", "")
			refuses(t, answer, http.StatusUnprocessableEntity, text)
			if keepsGuard(t, c, text); t.Failed() {
				t.Fatal(name)
			}
			c.File(row.file, row.good)
			e2e.Until(t, "it is mended", func() bool { return instances(t, c)[0].LastError == nil })
		}
	}
	c.File("main.lua", `local route = require("luaroute")`+"\n") // cut off before its first route
	c.Start(guarded("user.lua"))
	c.File("user.lua", `local route = require("luaroute")`+"\n")
	keepsGuard(t, c, "the scripts no longer declare anything: "+c.Expand("$dir/user.lua"))
}

func TestAScriptThatIsEmptyOrGoneIsReportedByTheWatch(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	for _, row := range []struct {
		name, scripts, text string
		lose                func(file string) error
	}{
		{"emptied", "*.lua", "main.lua: it no longer has any code", func(file string) error { return os.Truncate(file, 0) }},
		{"gone", "main.lua", "no such file", os.Remove},
		{"a glob that finds nothing", "*.lua", "no file matches", os.Remove},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := e2e.New(t)
			c.File("main.lua", guard)
			c.Start(guarded(row.scripts))
			if err := row.lose(c.Expand("$dir/main.lua")); err != nil {
				t.Fatal(err)
			}
			keepsGuard(t, c, row.text)
			if i := instances(t, c)[0]; i.LastError.Cause != "watch" || i.Version != 1 {
				t.Errorf("the instance is %+v, its error %+v", i, i.LastError)
			}
			if c.Logged("reload failed, the old routing table keeps serving") != 1 {
				t.Error("the failure is not logged, or more than once")
			}
			c.File("main.lua", guard+"-- back")
			e2e.Until(t, "it is back", func() bool { i := instances(t, c)[0]; return i.LastError == nil && i.Version == 2 })
			c.Get("/admin/x").Want(401, "guarded")
		})
	}
}

func TestALoadOfAConfigurationMayHaveScriptsWithoutCode(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", "")
	c.Start(guarded("main.lua")) // a first start
	c.Get("/admin/x").Want(200, "open")
	if c.Logged("a script has no code") != 1 {
		t.Error("it is not logged")
	}
	c.File("main.lua", guard)
	becomes(t, c, "/admin/x", "guarded")
	c.File("main.lua", "")
	c.Start(guarded("main.lua")) // caddy reload
	c.Get("/admin/x").Want(200, "open")
}

// editors are ways to save a file.
var editors = []struct {
	name string
	save func(c *e2e.Caddy, file, text string) error
}{
	{"truncate and write", func(c *e2e.Caddy, file, text string) error {
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_TRUNC, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		passes(c)
		for _, part := range strings.SplitAfter(text, "\n") {
			if _, err := f.WriteString(part); err != nil {
				return err
			}
		}
		return nil
	}},
	{"write and rename over it", func(c *e2e.Caddy, file, text string) error {
		if err := os.WriteFile(file+".new", []byte(text), 0o644); err != nil {
			return err
		}
		passes(c)
		return os.Rename(file+".new", file)
	}},
	{"rename and write", func(c *e2e.Caddy, file, text string) error {
		if err := os.Rename(file, file+"~"); err != nil {
			return err
		}
		passes(c)
		return os.WriteFile(file, []byte(text), 0o644)
	}},
	{"delete and create", func(c *e2e.Caddy, file, text string) error {
		if err := os.Remove(file); err != nil {
			return err
		}
		passes(c)
		return os.WriteFile(file, []byte(text), 0o644)
	}},
}

// passes lets some time pass, in which the watch looks several times, and which is much less than the 2 s after which a file is gone.
func passes(c *e2e.Caddy) {
	for start := time.Now(); time.Since(start) < 100*time.Millisecond; {
		c.Get("/version")
	}
}

func TestNoWayToSaveAScriptOpensWhatItGuards(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	for _, scripts := range []string{"guard.lua", "*.lua"} {
		t.Run(scripts, func(t *testing.T) { savesGuarded(t, scripts) })
	}
}

func savesGuarded(t *testing.T, scripts string) {
	c := e2e.New(t)
	c.File("guard.lua", guard)
	c.File("other.lua", `require("luaroute"):get("/other", { body = "other" })`)
	c.Start(guarded(scripts))
	var stop atomic.Bool
	var asks sync.WaitGroup
	var open atomic.Int64
	asks.Go(func() {
		for !stop.Load() {
			if answer, err := c.Try(http.MethodGet, "/admin/x", nil); err == nil && answer.Status != 401 {
				open.Add(1)
			}
		}
	})
	for _, editor := range editors {
		for _, version := range []string{"1", "2", "3"} {
			text := guard + `require("luaroute"):get("/version", { body = "` + editor.name + version + `" })` + "\n"
			if err := editor.save(c, c.Expand("$dir/guard.lua"), text); err != nil {
				t.Fatal(err)
			}
			becomes(t, c, "/version", editor.name+version)
		}
		if n := open.Swap(0); n > 0 {
			t.Errorf("%s: %d requests were let through", editor.name, n)
		}
	}
	stop.Store(true)
	asks.Wait()
	if c.Logged("reload failed") > 0 {
		t.Error("a moment was reported as a failure")
	}
}
