package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// watched is a site whose scripts are watched.
const watched = "http:// {\nluaroute {\nscript $dir/*.lua\nwatch 20ms\n}\n}"

// becomes waits until a path is answered with a body.
func becomes(t *testing.T, c *e2e.Caddy, path, body string) {
	t.Helper()
	e2e.Until(t, fmt.Sprintf("%s is answered with %q", path, body), func() bool { return c.Get(path).Body == body })
}

func TestWhatALoadHasReadIsWatched(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `
		local route = require("luaroute")
		local text = require("text")
		local data = route.read("data.txt")
		route:get("/", route.respond(200, "1 " .. text .. " " .. data))`)
	c.File("text/init.lua", `return "module"`)
	c.File("data.txt", "data")
	c.Start(watched)
	c.Get("/").Want(200, "1 module data")

	c.File("data.txt", "more") // of the same size, and perhaps in the same tick of the file system's clock
	becomes(t, c, "/", "1 module more")
	c.File("text/init.lua", `return "MODULE"`)
	becomes(t, c, "/", "1 MODULE more")
	c.File("text.lua", `return "nearer"`) // the module is found here first
	becomes(t, c, "/", "1 nearer more")
}

func TestAGlobIsWatchedForNewAndRemovedFiles(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	c := e2e.New(t)
	route := func(path string) string {
		return `require("luaroute"):get("` + path + `", function() return 200, "here" end)`
	}
	c.File("a.lua", route("/a"))
	c.Start(watched)
	c.File("b.lua", route("/b"))
	becomes(t, c, "/b", "here")
	if err := os.Remove(c.Expand("$dir/b.lua")); err != nil {
		t.Fatal(err)
	}
	becomes(t, c, "/b", "")
	c.Get("/a").Want(200, "here")
}

func TestAFileThatAnEditorReplacesIsWatched(t *testing.T) {
	c := e2e.New(t)
	script := func(n int) string {
		return fmt.Sprintf(`require("luaroute"):get("/", function() return 200, "%d" end)`, n)
	}
	c.File("main.lua", script(1))
	c.Start(watched)
	for n := 2; n < 6; n++ { // written beside it and renamed, with the old one kept
		c.File("main.lua.new", script(n))
		_ = os.Remove(c.Expand("$dir/main.lua~"))
		for _, names := range [][2]string{{"main.lua", "main.lua~"}, {"main.lua.new", "main.lua"}} {
			if err := os.Rename(c.Expand("$dir/"+names[0]), c.Expand("$dir/"+names[1])); err != nil {
				t.Fatal(err)
			}
		}
		becomes(t, c, "/", fmt.Sprint(n))
	}
}

func TestABrokenModuleIsWatchedUntilItIsMended(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `
		local route, text = require("luaroute"), require("lib.text")
		route:get("/", function() return 200, text end)`)
	c.File("lib/text.lua", `return "good"`)
	c.Start(watched)
	c.File("lib/text.lua", `return = "bad"`)
	e2e.Until(t, "the failure is known", func() bool { return instances(t, c)[0].LastError != nil })
	if failed := instances(t, c)[0].LastError; failed.Cause != "watch" || !strings.Contains(failed.Error, "lib/text.lua:1:") {
		t.Errorf("the failure is %+v", failed)
	}
	c.Get("/").Want(200, "good")
	c.File("lib/text.lua", `return "mended"`)
	becomes(t, c, "/", "mended")
	if failed := instances(t, c)[0].LastError; failed != nil {
		t.Errorf("the failure is still there: %+v", failed)
	}
}

func TestManyChangesAtOnceAreOneReload(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	c := e2e.New(t)
	for i := range 30 {
		c.File(fmt.Sprintf("one/m%d.lua", i), "return 1")
		c.File(fmt.Sprintf("two/m%d.lua", i), "return 2")
	}
	dir := c.Expand("$dir")
	for link, folder := range map[string]string{"lib": "one", "next": "two"} {
		if err := os.Symlink(filepath.Join(dir, folder), filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	c.File("main.lua", `
		local route, sum = require("luaroute"), 0
		for i = 0, 29 do sum = sum + require("lib.m" .. i) end
		route:get("/", function() return 200, tostring(sum) end)`)
	c.Start(watched)
	if err := os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "lib")); err != nil {
		t.Fatal(err)
	}
	becomes(t, c, "/", "60")
	if i := instances(t, c)[0]; i.Version != 2 {
		t.Errorf("it took %d reloads", i.Version-1)
	}
}

func TestWhatIsNotWatchedIsNotReloaded(t *testing.T) {
	c := e2e.New(t)
	c.Route(`require("luaroute"):get("/", function() return 200, "1" end)`)
	c.File("main.lua", `require("luaroute"):get("/", function() return 200, "2" end)`)
	c.Get("/").Want(200, "1")
	c.Admin(http.MethodPost, "/luaroute/main/reload", "")
	c.Get("/").Want(200, "2")
}

func TestTheScriptOfATenantIsWatchedWhereItMayAppear(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	c := e2e.New(t)
	c.File("main.lua", `require("luaroute"):get("/", function() return 200, "alone" end)`)
	c.Start(strings.Replace(watched, "*.lua", "main.lua", 1))
	c.File("main.lua", `
		local route = require("luaroute")
		route:tenant("acme", { path_prefix = "/acme", script = "acme.lua" })`)
	e2e.Until(t, "the failure is known", func() bool { return instances(t, c)[0].LastError != nil })
	c.File("acme.lua", `require("luaroute"):get("/", function() return 200, "acme" end)`)
	becomes(t, c, "/acme/", "acme")
	c.File("acme.lua", `require("luaroute"):get("/", function() return 200, "ACME" end)`)
	becomes(t, c, "/acme/", "ACME")
}
