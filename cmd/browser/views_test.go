package browser

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

var shots = flag.String("shots", "", "a folder for pictures of all views")

const shop = `local route = require("luaroute")
route:pool("users", { "$users" })
route:pool("orders", { "127.0.0.1:1", "$users" })
local function beta(req) return req:header("X-Beta") == "1" end
route:tenant("acme", { hosts = { "acme.localhost", "*.acme.test" }, pool = "users" })
route:tenant("globex", { path_prefix = "/globex" }, function(globex)
  globex:get("/orders/{id:[0-9]+}", "orders")
end)
route:get("/users/{id}", { name = "beta", when = { beta, { header = { ["X-Canary"] = "1" } } } }, "orders")
route:get("/users/{id}", { name = "user", meta = { team = "blue" } }, "users")
route:route("/admin", function(r)
  r:use(route.limit{ name = "admin", rate = 5, key = "all" })
  r:get("/report", function(req) return 200, "report\n" end)
  r:delete("/cache/*", { status = 204 })
end)
route:host("next.localhost", function(r)
  r:when({ header = { ["X-Next"] = "1" } }, function(r) r:route("/next", function(r) r:get("/new", { status = 204 }) end) end)
end)
route:get("/old/{page}", route.redirect("/users/{page}", 308))
route:get("/fails", function() error("no such thing") end)
route:not_found(function(req) return 404, "nothing here\n" end)
`

// sample is a site with something in each view.
func sample(t *testing.T) *e2e.Caddy {
	c := e2e.New(t)
	c.Origin("users")
	c.File("main.lua", shop)
	c.Start(site("tail", ""))
	for range 3 {
		c.Get("/users/1")
		c.Get("/admin/report")
	}
	c.Get("/fails")
	return c
}

func TestEveryViewShowsWhatThereIs(t *testing.T) {
	c := sample(t)
	p := open(t, c.Expand("http://127.0.0.1:$port/ops/"), "overview")
	p.shows("Requests per second", "Version 1", "routes", "There was no reload")
	for _, view := range []struct {
		name  string
		shows []string
	}{
		{"Routes", []string{"/users/{id}", "header X-Canary", "limit admin", "main.lua:9", "proxy orders", "globex", "/globex/orders/{id:[0-9]+}", "as they are matched"}},
		{"Explain", []string{"Nothing is sent anywhere"}},
		{"Live", []string{"looking", "At most 50 a second"}},
		{"Pools", []string{"127.0.0.1:1", "healthy", "main.lua:3"}},
		{"Tenants", []string{"(default)", "acme.localhost, *.acme.test", "/globex", "else to pool users", "100 ms CPU"}},
		{"Scripts", []string{"route:get(\"/fails\"", "Read only"}},
		{"Graph", []string{"acme.localhost", "pool orders", "/admin", "client"}},
		{"Overview", []string{"Errors of scripts"}},
	} {
		p.clickText(view.name)
		p.until(`document.querySelector("h1").textContent === "` + view.name + `" && document.activeElement.tagName === "H1"`)
		p.until(`document.title.startsWith("` + view.name + `")`)
		p.shows(view.shows...)
	}
	p.clean()
}

func TestTheOverviewTellsOfReloads(t *testing.T) {
	c := sample(t)
	p := open(t, c.Expand("http://127.0.0.1:$port/ops/"), "overview")
	p.shows("Version 1")
	c.File("main.lua", strings.Replace(shop, `"/old/{page}"`, `"/ancient/{page}"`, 1))
	if answer := c.Admin(http.MethodPost, "/luaroute/main/reload", ""); answer.Status != http.StatusOK {
		t.Fatal(answer)
	}
	p.shows("Version 2", "1 route added: GET /ancient/{page}", "1 route removed: GET /old/{page}")
	c.File("main.lua", "route:nonsense(")
	c.Admin(http.MethodPost, "/luaroute/main/reload", "")
	p.shows("The last reload has failed", "main.lua:1")
	p.clean()
}

func TestRoutesAreFoundAndExplained(t *testing.T) {
	c := sample(t)
	p := open(t, c.Expand("http://127.0.0.1:$port/ops/"), "routes/main")
	p.shows("9 routes")
	p.write(`input[type=search]`, "users beta")
	p.shows("1 route of")
	p.click(`.box tbody tr:not(.space)`)
	p.shows("Declared at", "header X-Canary", "main.lua:9")
	p.clickText("Try it")
	p.shows("The request is forwarded to pool users.", "lost, since a guard said no", "guard data", "header X-Canary")
	p.clickText("main.lua:10")
	p.until(`document.querySelector("li.here")?.textContent.includes("team")`)
	p.clean()
}

func TestTheTreeOfRoutesHasThemAll(t *testing.T) {
	c := sample(t)
	p := open(t, c.Expand("http://127.0.0.1:$port/ops/"), "routes")
	p.shows("9 routes")
	p.click(`input[type=checkbox]`)
	p.until(`document.querySelectorAll(".tree button").length === 9`)
	p.shows("(default tenant)", "acme: acme.localhost, *.acme.test  (1)", "route scope /admin  (2)")
	path := eval[string](p, `(() => { const all = []; for (let e = [...document.querySelectorAll(".tree button")].find((b) => b.textContent.includes("/next/new"));
		e; e = e.parentElement.closest("details")) all.unshift(e.querySelector("summary, code").textContent); return all.join(" | "); })()`)
	if want := "(default tenant)  (7) | host layer next.localhost  (1) | layer data header X-Next  (1) | route scope /next  (1) | /next/new"; path != want {
		t.Errorf("around the route are %s; want %s", path, want)
	}
}

func TestAScriptShowsWhatCheckFindsAndTheModulesThatItRequires(t *testing.T) {
	c := e2e.New(t)
	c.File("lib/paths.lua", "local M = { root = \"/x\" }\nfunction M.shout(req) return req.paht end\nreturn M\n")
	c.File("main.lua", "local route, paths = require(\"luaroute\"), require(\"lib.paths\")\nroute:get(paths.root, function(req)\n  req:hedaer(\"X\")\n  return 204\nend)\n")
	c.Start(site("", ""))
	p := open(t, c.Expand("http://127.0.0.1:$port/ops/"), "scripts/main")
	p.shows("main.lua", "paths.lua", "1 finding", "warning:", `did you mean "header"?`)
	if line := eval[string](p, `document.querySelector("p.warn").closest("li").querySelector("code").textContent`); !strings.Contains(line, "hedaer") {
		t.Errorf("the finding is below %q", line)
	}
	if !eval[bool](p, `getComputedStyle(document.querySelector(".chips [aria-current] b.warn")).color === getComputedStyle(document.querySelector(".chips [aria-current]")).color`) {
		t.Error("the number of findings has another colour than the name of the script that is shown, on whose ground it cannot be read")
	}
	p.clickText("paths.lua")
	p.shows("function M.shout")
}

func TestALinkHasTheFormOfAnExplanationButNotTheBody(t *testing.T) {
	c := sample(t)
	p := open(t, c.Expand("http://127.0.0.1:$port/ops/"), "explain/main")
	p.shows("Nothing is sent anywhere")
	set := func(selector, value string) {
		p.run(chromedp.Focus(chromedp.CSS(selector)))
		p.do("document.activeElement.select()")
		p.press(value)
	}
	set(`.question label:nth-of-type(2) input`, "http://localhost/users/7?x=1")
	set(`.question label:nth-of-type(4) textarea`, "X-Canary: 1\nX-Beta: 1")
	set(`.question label:nth-of-type(5) textarea`, "words of the body")
	p.press(kb.Tab)
	p.click(`button[type=submit]`)
	p.shows("The request is forwarded to pool orders.", "/users/7?x=1", "id = 7")
	address := eval[string](p, "location.href")
	if !strings.Contains(address, "X-Canary") || strings.Contains(address, "words") {
		t.Errorf("the address is %s", address)
	}
	p.clean()
	other := open(t, strings.SplitAfter(address, "/ops/")[0], strings.SplitAfter(address, "#/")[1])
	other.shows("The request is forwarded to pool orders.")
}

// Pictures of all views, light and dark, for people and docs/img: go test -run Pictures -shots DIR
func TestPicturesOfAllViewsCanBeTaken(t *testing.T) {
	c := sample(t)
	p := open(t, c.Expand("http://127.0.0.1:$port/ops/"), "overview/main")
	for _, view := range []string{
		"overview/main", "routes/main", "explain/main?method=GET&url=%2Fusers%2F7&headers=X-Beta%3A+1", "live/main", "pools/main", "tenants/main",
		"scripts/main", "graph/main",
	} {
		name, _, _ := strings.Cut(view, "/")
		p.goTo(view)
		p.until(`document.querySelector("h1").textContent.toLowerCase() === "` + name + `" && !document.body.innerText.includes("…\n")`)
		switch name {
		case "overview":
			p.until(`document.querySelector(".spark polyline").getAttribute("points").includes(",")`)
		case "explain":
			p.shows("is forwarded to pool")
		case "scripts":
			p.shows("Read only")
		case "live":
			p.shows("looking")
			for i := range 12 {
				c.Get([]string{"/users/7?secret=1", "/admin/report", "/nowhere", "/fails"}[i%4])
			}
			p.until(`document.querySelectorAll("tbody tr").length >= 12`)
		}
		for _, scheme := range []string{"light", "dark"} {
			call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
			picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
			if err != nil {
				t.Fatal(err)
			}
			ground := eval[string](p, "getComputedStyle(document.body).backgroundColor")
			if want := map[string]string{"light": "rgb(255, 255, 255)", "dark": "rgb(18, 21, 28)"}[scheme]; ground != want {
				t.Errorf("%s: the ground is %s; want %s", scheme, ground, want)
			}
			if *shots != "" {
				if err := os.WriteFile(filepath.Join(*shots, "dashboard-"+name+"-"+scheme+".png"), small(t, picture), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		p.clean()
	}
}
