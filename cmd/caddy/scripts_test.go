package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
	"github.com/luaroute/caddy-luaroute/internal/ports"
)

// stored is a configuration that routes by scripts in the storage. $more is in its handler.
const stored = `{"apps": {"http": {"servers": {"srv0": {
	"listen": ["127.0.0.1:$port"],
	"routes": [{"handle": [{"handler": "luaroute", $more "sources": [{"source": "storage", "prefix": "routes", "writable": true}]}]}]
}}}}}`

func say(text string) string {
	return `require("luaroute"):get("/", function() return 200, "` + text + `" end)`
}

func TestScriptsArePushedIntoAWritableSource(t *testing.T) {
	c := e2e.New(t)
	c.Set("more", "")
	c.MustLoad(c.JSON(stored))
	c.Get("/").Want(200, "") // nothing is there yet

	put := func(name, code string) e2e.Answer {
		return c.Admin(http.MethodPut, "/luaroute/main/scripts/"+name, code)
	}
	if answer := put("main.lua", say("first")); answer.Status != 200 || !strings.Contains(answer.Body, `"added_names":["GET /"]`) {
		t.Fatalf("the answer is %d %q", answer.Status, answer.Body)
	}
	c.Get("/").Want(200, "first")
	c.Admin(http.MethodGet, "/luaroute/main/scripts/main.lua", "").Want(200, say("first"))
	if now := instances(t, c)[0]; len(now.Scripts) != 1 || now.Scripts[0] != "routes/main.lua" {
		t.Errorf("the instance is %+v", now)
	}

	for name, code := range map[string]string{
		"main.lua": "\nerror('no good')", "other.lua": "local = 1", "twice.lua": say("again"),
	} {
		refuses(t, put(name, code), http.StatusUnprocessableEntity, "routes/"+name+":")
		c.Get("/").Want(200, "first")
	}
	refuses(t, c.Admin(http.MethodGet, "/luaroute/main/scripts/other.lua", ""), http.StatusNotFound, `there is no script "other.lua"`)
	c.Admin(http.MethodGet, "/luaroute/main/scripts/main.lua", "").Want(200, say("first"))
	if failed := instances(t, c)[0].LastError; failed != nil {
		t.Errorf("what was refused is remembered: %+v", failed)
	}
	c.MustLoad(c.JSON(stored)) // what was pushed stays
	c.Get("/").Want(200, "first")

	// A module is no script by itself, and one that is in use cannot go.
	if answer := put("lib/text.lua", `return "module"`); answer.Status != 200 {
		t.Errorf("the answer is %d %q", answer.Status, answer.Body)
	}
	put("main.lua", `local text = require("lib.text") require("luaroute"):get("/", function() return 200, text end)`)
	c.Get("/").Want(200, "module")
	refuses(t, c.Admin(http.MethodDelete, "/luaroute/main/scripts/lib/text.lua", ""), http.StatusUnprocessableEntity, "routes/main.lua:1:")
	c.Get("/").Want(200, "module")
	if answer := c.Admin(http.MethodDelete, "/luaroute/main/scripts/main.lua", ""); answer.Status != 200 {
		t.Errorf("the answer is %d %q", answer.Status, answer.Body)
	}
	c.Get("/").Want(200, "")
	refuses(t, c.Admin(http.MethodDelete, "/luaroute/main/scripts/main.lua", ""), http.StatusNotFound, "there is no script")

	for _, name := range []string{"../main.lua", "%2e%2e%2fmain.lua", "main.txt", "a%5cb.lua"} {
		if answer := put(name, say("out")); answer.Status == 200 {
			t.Errorf("%s: the answer is %d %q", name, answer.Status, answer.Body)
		}
	}
	if found, _ := filepath.Glob(c.Expand("$dir/storage/*.lua")); found != nil {
		t.Errorf("%v were written", found)
	}
}

func TestASourceIsNotWritableUnlessTheConfigurationSaysSo(t *testing.T) {
	c := e2e.New(t)
	c.Route(say("mine"))
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		refuses(t, c.Admin(method, "/luaroute/main/scripts/main.lua", say("other")), http.StatusForbidden, "no source is writable")
	}
	c.File("storage/routes/main.lua", say("stored"))
	c.Set("more", "")
	c.MustLoad(c.JSON(strings.Replace(stored, `, "writable": true`, "", 1)))
	refuses(t, c.Admin(http.MethodPut, "/luaroute/main/scripts/main.lua", say("other")), http.StatusForbidden, "no source is writable")
	c.Get("/").Want(200, "stored")
}

func TestTheSourceOfATenantIsWritten(t *testing.T) {
	c := e2e.New(t)
	c.Set("more", `"tenants": {"acme": {"hosts": ["acme.example"], "sources": [{"source": "storage", "prefix": "acme", "writable": true}]}},`)
	c.MustLoad(c.JSON(stored))
	if answer := c.Admin(http.MethodPut, "/luaroute/main/scripts/main.lua?tenant=acme", say("acme")); answer.Status != 200 {
		t.Fatalf("the answer is %d %q", answer.Status, answer.Body)
	}
	c.Get("/", "Host: acme.example").Want(200, "acme")
	c.Get("/").Want(200, "")
	refuses(t, c.Admin(http.MethodPut, "/luaroute/main/scripts/main.lua?tenant=globex", say("acme")), http.StatusForbidden, `no source of tenant "globex" is writable`)
}

func TestAScriptPushedToOneOfTwoCaddysServesOnBoth(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	c := e2e.New(t)
	c.Set("more", `"watch": "50ms",`)
	c.MustLoad(c.JSON(stored))

	var other map[string]any
	first := c.Expand("$port")
	c.Set("port", ports.Free(t))
	if err := json.Unmarshal(c.JSON(stored), &other); err != nil {
		t.Fatal(err)
	}
	second := c.Expand("http://127.0.0.1:$port/")
	c.Set("port", first)
	other["admin"] = map[string]any{"disabled": true}
	config, err := json.Marshal(other)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "run", "--config", "-")
	cmd.Env = append(os.Environ(), asCaddy+"=1", "XDG_DATA_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
	cmd.Stdin = bytes.NewReader(config)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // the context of the test has ended by then
	serves := func(body string) {
		t.Helper()
		e2e.Until(t, "the other Caddy answers "+body, func() bool {
			answer, err := c.Try(http.MethodGet, second, nil)
			return err == nil && answer.Status == 200 && answer.Body == body
		})
	}
	serves("")
	for _, text := range []string{"a", "b", "c"} { // of one size
		if answer := c.Admin(http.MethodPut, "/luaroute/main/scripts/main.lua", say(text)); answer.Status != 200 {
			t.Fatalf("the answer is %d %q", answer.Status, answer.Body)
		}
		c.Get("/").Want(200, text)
		serves(text)
	}
	c.Admin(http.MethodPut, "/luaroute/main/scripts/more.lua", `require("luaroute"):get("/more", { body = "more" })`)
	c.Admin(http.MethodDelete, "/luaroute/main/scripts/main.lua", "")
	serves("")
	c.Get("/more").Want(200, "more")
}

// A storage that has nothing any more may be one that is not mounted.
func TestAWritableSourceLosesItsLastScriptByADeleteOnly(t *testing.T) {
	if e2e.Apart(t) {
		return
	}
	c := e2e.New(t)
	c.Set("more", `"watch": "10ms",`)
	c.MustLoad(c.JSON(stored))
	c.Admin(http.MethodPut, "/luaroute/main/scripts/main.lua", say("here"))
	if err := os.RemoveAll(c.Expand("$dir/storage/routes")); err != nil {
		t.Fatal(err)
	}
	const text = "the sources no longer have a script"
	e2e.Until(t, "the watch has reported it", func() bool {
		failed := instances(t, c)[0].LastError
		return failed != nil && strings.Contains(failed.Error, text)
	})
	refuses(t, c.Admin(http.MethodPost, "/luaroute/main/reload", ""), http.StatusUnprocessableEntity, text)
	c.Get("/").Want(200, "here")

	c.Admin(http.MethodPut, "/luaroute/main/scripts/main.lua", say("again"))
	for _, code := range []string{"", "-- later\n"} {
		refuses(t, c.Admin(http.MethodPut, "/luaroute/main/scripts/main.lua", code), http.StatusUnprocessableEntity, "it no longer has any code")
	}
	refuses(t, c.Admin(http.MethodPut, "/luaroute/main/scripts/main.lua", `require("luaroute")`), http.StatusUnprocessableEntity, "no longer declare anything")
	c.Get("/").Want(200, "again")
	c.Admin(http.MethodDelete, "/luaroute/main/scripts/main.lua", "")
	c.Get("/").Want(200, "")
}

func TestTheScriptOfATenantIsInTheStorageOfTheScriptThatNamesIt(t *testing.T) {
	c := e2e.New(t)
	c.Set("more", "")
	c.MustLoad(c.JSON(stored))
	put := func(status int, name, code, want string) {
		t.Helper()
		if answer := c.Admin(http.MethodPut, "/luaroute/main/scripts/"+name, code); answer.Status != status || !strings.Contains(answer.Body, want) {
			t.Errorf("%s is answered with %d %s, want %d %s", name, answer.Status, answer.Body, status, want)
		}
	}
	tenants := func(script string) string {
		return `local route = require("luaroute")
			route:tenant("acme", { path_prefix = "/acme", script = "` + script + `" })
			route:tenant("all", { path_prefix = "/all", script = "tenants/*.lua" })`
	}
	put(422, "main.lua", tenants("tenants/acme.lua"), "script routes/tenants/acme.lua: ")
	put(200, "tenants/acme.lua", say("1"), `"routes":{"added":0`) // no script by itself
	put(200, "main.lua", tenants("tenants/acme.lua"), `"added_names":["acme","all"]`)
	c.Get("/acme/").Want(200, "1")
	put(422, "tenants/acme.lua", "\nerror('no good')", "routes/tenants/acme.lua:2: no good")
	put(200, "tenants/acme.lua", say("2"), `"changed_names"`)
	c.Get("/acme/").Want(200, "2")
	c.Get("/all/").Want(200, "2")

	c.File("outside.lua", say("outside"))
	for _, name := range []string{c.Expand("$dir/outside.lua"), "../outside.lua", "/tenants/acme.lua"} {
		put(422, "main.lua", tenants(name), `routes/main.lua:2: tenant`)
	}
	c.Get("/acme/").Want(200, "2")
}
