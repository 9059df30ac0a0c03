package browser

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// corpus are ways to make markup of a text that somebody else has written.
var corpus = []string{
	`<script>alert(1)</script>`, `<img src=x onerror=alert(2)>`, `"><svg onload=alert(3)>`, `'-alert(4)-'`, "`${alert(5)}`", `javascript:alert(6)`,
	`</textarea><script>alert(7)</script>`, `</title><img src=x onerror=alert(8)>`, `&lt;img src=x onerror=alert(9)&gt;`, `<a href="javascript:alert(10)">x</a>`,
	`<iframe srcdoc="<script>alert(11)</script>">`, `<style>*{background:url(x)}</style>`, `{{constructor.constructor('alert(12)')()}}`, `<base href=//evil.example>`,
	`<form action=//evil.example><input type=submit>`, `<meta http-equiv=refresh content=0;url=//evil.example>`, `__proto__`, `constructor`,
}

func TestWhatOthersHaveWrittenStaysText(t *testing.T) {
	c := e2e.New(t)
	var script strings.Builder
	script.WriteString("local route = require(\"luaroute\")\n")
	quoted := func(text string) string { return "[==[" + text + "]==]" }
	for i, text := range corpus {
		segment := strings.NewReplacer("{", "(", "}", ")", "/", "|", "*", "+").Replace(text)
		script.WriteString("route:pool(" + quoted("pool "+text) + ", { \"127.0.0.1:1\" })\n")
		script.WriteString("route:get(" + quoted("/x/"+segment) + ", { name = " + quoted("name "+text) + ", meta = { text = " + quoted(text) + " } }, function() error(" + quoted(text) + ") end)\n")
		script.WriteString("route:tenant(" + quoted("tenant "+text) + ", { hosts = { \"t" + strconv.Itoa(i) + ".localhost\" }, pool = " + quoted("pool "+text) + " })\n")
	}
	script.WriteString("-- " + strings.Join(corpus, "\n-- ") + "\n")
	c.Set("dollar", "$")
	c.File("main.lua", strings.ReplaceAll(script.String(), "$", "${dollar}"))

	c.Start(site("tail", ""))
	p := open(t, c.Expand("http://127.0.0.1:$port/ops/"), "live/main")
	p.shows("looking")
	for _, text := range corpus {
		segment := strings.NewReplacer("{", "(", "}", ")", "/", "|", "*", "+").Replace(text)
		c.Get("/x/" + strings.ReplaceAll(url.PathEscape(segment), "$", "%24"))
		c.Get("/y/" + strings.ReplaceAll(url.PathEscape(text), "$", "%24"))
	}
	p.until(`document.querySelectorAll("tbody tr").length >= 36`)
	p.clean()
	for _, view := range []string{"overview", "routes", "pools", "tenants", "scripts", "graph"} {
		p.goTo(view + "/main")
		p.until(`document.querySelector("h1").textContent.toLowerCase() === "` + view + `"`)
		if view != "overview" {
			p.until(`document.querySelector("main").textContent.includes("onerror=alert(2)")`)
		}
		if view == "routes" { // the tree, and the details of each
			p.click(`input[type=checkbox]`)
			p.until(`document.querySelectorAll(".tree button").length >= 18`)
			for i := range corpus {
				p.do(`document.querySelectorAll(".tree button")[` + string(rune('0'+i/10)) + string(rune('0'+i%10)) + `].click()`)
				p.until(`document.querySelector(".details")`)
			}
		}
		nothingNew(p, view)
	}
	for _, text := range corpus { // what is asked, and the errors of that
		p.goTo("explain/main?method=" + url.QueryEscape(text) + "&url=" + url.QueryEscape(text))
		p.until(`document.querySelector("[role=status] .bad, [aria-label=Decision]")`)
		p.goTo("explain/main?method=GET&headers=" + url.QueryEscape("X-A: "+text) + "&url=" + url.QueryEscape("/x/"+url.PathEscape(text)))
		p.until(`document.querySelector("[role=status] .bad, [aria-label=Decision]")`)
		p.goTo(url.PathEscape(text) + "/" + url.PathEscape(text))
		p.shows("There is no instance")
	}
	nothingNew(p, "explain")
	c.File("main.lua", strings.ReplaceAll("error([==["+strings.Join(corpus, " ")+"]==])", "$", "${dollar}"))
	c.Admin(http.MethodPost, "/luaroute/main/reload", "")
	p.goTo("overview/main")
	p.shows("The last reload has failed", "onerror=alert(2)")
	nothingNew(p, "overview")
}

// nothingNew checks that there are no elements but those of the page's own kinds.
func nothingNew(p *tab, view string) {
	p.t.Helper()
	p.clean()
	found := eval[string](p, `[...document.querySelectorAll("script:not([type=module]), img, iframe, style, base, meta[http-equiv], object, embed, [onload], [onerror], [srcdoc], a[href^='javascript:'], form[action]")].map((e) => e.outerHTML).join("\n")`)
	if found != "" {
		p.t.Errorf("%s: what others have written became\n%s", view, found)
	}
}
