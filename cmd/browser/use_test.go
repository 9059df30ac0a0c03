package browser

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestARequestAppearsInTheTailAndAClickExplainsIt(t *testing.T) {
	c := sample(t)
	p := open(t, c.Expand("http://127.0.0.1:$port/ops/"), "live/main")
	p.shows("looking")
	start := time.Now()
	c.Get("/users/42?secret=1")
	p.until(`document.querySelector("tbody tr")?.textContent.includes("/users/42")`)
	t.Logf("after %v", time.Since(start)) // on a machine of its own within 100 ms
	row := eval[string](p, `document.querySelector("tbody tr").innerText`)
	for _, want := range []string{"GET", "/users/{id}", "proxied", "200", "users", "main.lua:10"} {
		if !strings.Contains(row, want) {
			t.Errorf("the row %q has no %s", row, want)
		}
	}
	if strings.Contains(row, "secret") {
		t.Errorf("the row %q has the query", row)
	}
	p.click(`tbody tr a.button`)
	p.shows("The request is forwarded to pool users.", "/users/42")
	p.clean()
}

func TestTheTailIsFilteredAndPaused(t *testing.T) {
	c := sample(t)
	p := open(t, c.Expand("http://127.0.0.1:$port/ops/"), "live/main")
	p.shows("looking")
	p.write(`input[inputmode=numeric]`, "5")
	e2e.Until(t, "only errors are shown", func() bool {
		c.Get("/users/1")
		c.Get("/fails")
		return eval[bool](p, `document.querySelectorAll("tbody tr").length > 0 && [...document.querySelectorAll("tbody tr")].every((r) => r.textContent.includes("/fails"))`)
	})
	p.click(`button[aria-pressed]`)
	p.shows("Paused.", "Go on")
	rows := eval[int](p, `document.querySelectorAll("tbody tr").length`)
	c.Get("/fails")
	p.click(`button[aria-pressed]`)
	e2e.Until(t, "it goes on", func() bool {
		c.Get("/fails")
		return eval[int](p, `document.querySelectorAll("tbody tr").length`) > rows+1
	})
}

func TestTwoTabsSeeTheSameAndSurviveReloads(t *testing.T) {
	c := sample(t)
	base := c.Expand("http://127.0.0.1:$port/ops/")
	a, b := open(t, base, "live/main"), open(t, base, "live/main")
	a.shows("looking")
	b.shows("looking")
	c.Get("/admin/report")
	for _, p := range []*tab{a, b} {
		p.until(`document.querySelector("tbody tr")?.textContent.includes("/admin/report")`)
		p.clean()
	}
	c.File("main.lua", strings.Replace(shop, "/admin", "/staff", 1))
	if answer := c.Admin(http.MethodPost, "/luaroute/main/reload", ""); answer.Status != http.StatusOK {
		t.Fatal(answer)
	}
	c.Get("/staff/report")
	for _, p := range []*tab{a, b} {
		p.until(`document.querySelector("tbody tr")?.textContent.includes("/staff/report")`)
		p.clean()
	}
	c.Start(site("tail 20/s", "")) // another configuration: the tail ends and begins again
	for _, p := range []*tab{a, b} {
		p.shows("At most 20 a second")
		e2e.Until(t, "requests are shown again", func() bool {
			c.Get("/users/3")
			return eval[bool](p, `document.querySelector("tbody tr")?.textContent.includes("/users/3")`)
		})
		p.mu.Lock()
		p.bad = nil // the browser says that connections were lost, which they were
		p.mu.Unlock()
	}
}

func TestTenThousandRoutesAreDrawnFilteredAndScrolled(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `local route = require("luaroute")
		for i = 1, 10000 do route:get("/r" .. i .. "/{id}", { name = "n" .. i }, { status = 204 }) end`)
	c.Start(site("", ""))
	p := open(t, c.Expand("http://127.0.0.1:$port/ops/"), "routes/main")
	p.shows("10,000 routes")
	if rows := eval[int](p, `document.querySelectorAll(".box tbody tr:not(.space)").length`); rows == 0 || rows > 100 {
		t.Errorf("%d rows are drawn; want those that are seen", rows)
	}
	if got := eval[string](p, `document.querySelector(".box table").getAttribute("aria-rowcount")`); got != "10001" {
		t.Errorf("the table says that it has %s rows", got)
	}
	took := eval[float64](p, `(async () => {
		location.hash = "#/pools/main"; await new Promise((r) => setTimeout(r, 500));
		const start = performance.now(); location.hash = "#/routes/main";
		while (!document.querySelector(".box tbody tr:not(.space)")) await new Promise((r) => setTimeout(r, 5));
		return performance.now() - start; })()`)
	t.Logf("asked for and drawn after %.0f ms", took)
	if n := eval[int](p, `document.querySelectorAll("*").length`); n > 2000 { // which is what keeps drawing short, however fast a machine is
		t.Errorf("the page has %d elements for 10,000 routes", n)
	}
	p.write(`input[type=search]`, "/r9999/")
	p.shows("1 route of 10,000", "/r9999/{id}")
	p.do(`document.querySelector("input[type=search]").value = ""; document.querySelector("input[type=search]").dispatchEvent(new Event("input", { bubbles: true }))`)
	p.shows("10,000 routes")
	p.tabTo(".box")
	p.press(kb.End)
	p.until(`document.querySelector("tr.active")?.getAttribute("aria-rowindex") === "10001"`)
	p.until(`document.querySelector(".box").getAttribute("aria-activedescendant") === document.querySelector("tr.active").id`)
	p.press(kb.Enter)
	p.shows("Declared at")
	p.click(`input[type=checkbox]`)
	p.shows("(default tenant)")
	if n := eval[int](p, `document.querySelectorAll(".tree details").length`); n != 1 {
		t.Errorf("%d branches are drawn before one is open; want 1", n)
	}
	p.click(".tree summary")
	p.shows("9,800 more")
	p.goTo("graph/main")
	p.shows("too many scopes")
	if nodes := eval[int](p, `document.querySelectorAll(".graph rect").length`); nodes > 200 {
		t.Errorf("the graph has %d nodes", nodes)
	}
}

func TestTheKeyboardAloneReachesEverything(t *testing.T) {
	c := sample(t)
	p := open(t, c.Expand("http://127.0.0.1:$port/ops/"), "overview")
	p.shows("Requests per second")
	p.press(kb.Tab)
	if !eval[bool](p, `document.activeElement.matches(".skip")`) {
		t.Error("the first stop is not the link to the content")
	}
	visit := func(view string) {
		t.Helper()
		p.tabTo(`nav a[href^="#/` + view + `"]`)
		p.press(kb.Enter)
		p.until(`document.querySelector("h1").textContent.toLowerCase() === "` + view + `" && document.activeElement.tagName === "H1"`)
	}
	visit("routes")
	p.shows("/users/{id}")
	p.tabTo("input[type=search]")
	p.press("beta")
	p.shows("1 route of")
	p.tabTo(".box")
	p.press(kb.ArrowDown, kb.Enter)
	p.until(`document.activeElement.matches(".details h2")`)
	p.tabTo(".details .button")
	p.press(kb.Enter)
	p.shows("The request is forwarded")
	p.tabTo(".question label:nth-of-type(2) input")
	p.press("/users/9") // the tabulator has selected what was there
	p.tabTo("button[type=submit]")
	p.press(kb.Enter)
	p.shows("id = 9")
	visit("live")
	p.shows("looking")
	c.Get("/users/5")
	p.until(`document.querySelector("tbody tr a.button")`)
	p.tabTo("button[aria-pressed]")
	p.press(kb.Enter)
	p.shows("Paused.")
	p.tabTo("tbody tr a.button")
	p.press(kb.Enter)
	p.shows("id = 5")
	for _, view := range []string{"pools", "tenants", "scripts", "graph"} {
		visit(view)
	}
	p.tabTo(`div[aria-label^="Graph"]`) // which scrolls
	// What can be pressed has a name, and fields have labels.
	for _, view := range []string{"overview", "routes", "explain", "live", "pools", "tenants", "scripts", "graph"} {
		visit(view)
		nameless := eval[string](p, `[...document.querySelectorAll("a, button, summary")].filter((e) => !(e.textContent.trim() || e.getAttribute("aria-label"))).concat(
			[...document.querySelectorAll("input, select, textarea")].filter((e) => !e.labels?.length)).map((e) => e.outerHTML).join("\n")`)
		if nameless != "" {
			t.Errorf("%s has no name:\n%s", view, nameless)
		}
		if n := eval[int](p, `document.querySelectorAll("h1").length`); n != 1 {
			t.Errorf("%s has %d headings of the first level", view, n)
		}
		bare := eval[string](p, `[...document.querySelectorAll("table")].filter((e) => !e.getAttribute("aria-label") || e.querySelector("thead th:not([scope])")).map((e) => e.outerHTML.slice(0, 200)).join("\n")`)
		if bare != "" {
			t.Errorf("%s: a table without a name or with headings of nothing:\n%s", view, bare)
		}
	}
	p.clean()
}
