package main

import (
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// inPage finds what a page links to, and what it can be linked at.
var inPage = regexp.MustCompile(`\b(href|src|id|data-index)=(?:"([^"]*)"|([^\s">]+))`)

// crawl follows all links of a site to itself, and returns how many pages it has.
func crawl(t *testing.T, c *e2e.Caddy) (pages int) {
	t.Helper()
	type link struct{ from, to string }
	base, err := url.Parse(c.Expand("http://localhost:$port/"))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]map[string]bool{} // of each page
	var parts []link
	for queue := []link{{to: "/"}}; len(queue) > 0; queue = queue[1:] {
		next := queue[0]
		if ids[next.to] != nil {
			continue
		}
		ids[next.to] = map[string]bool{}
		answer := c.Get(next.to)
		if answer.Status != 200 {
			t.Errorf("%s links to %s: %d", next.from, next.to, answer.Status)
			continue
		}
		if !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") {
			continue
		}
		pages++
		for _, found := range inPage.FindAllStringSubmatch(answer.Body, -1) {
			value := found[2] + found[3]
			if found[1] == "id" {
				ids[next.to][value] = true
				continue
			}
			to, err := base.JoinPath(next.to).Parse(value)
			if err != nil {
				t.Errorf("%s: %v", next.to, err)
				continue
			}
			if to.Host != base.Host {
				continue
			}
			if to.Fragment != "" {
				parts = append(parts, link{next.to, to.Path + "#" + to.Fragment})
			}
			queue = append(queue, link{next.to, to.Path})
		}
	}
	for _, l := range parts {
		page, part, _ := strings.Cut(l.to, "#")
		if !ids[page][part] {
			t.Errorf("%s links to %s: there is no such part", l.from, l.to)
		}
	}
	return pages
}

func TestTheDocumentationIsASite(t *testing.T) {
	hugo, err := exec.LookPath("hugo")
	if err != nil {
		t.Log("not tried: there is no hugo in PATH")
		return
	}
	root := filepath.Join(t.TempDir(), "public")
	if out, err := exec.Command(hugo, "--source", "../../examples/docs-site", "--destination", root).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("SITE", root)
	c := e2e.New(t)
	c.Set("dollar", "$")
	c.File("main.lua", readExample(t, "docs-site/main.lua"))
	_, site, _ := strings.Cut(readExample(t, "docs-site/Caddyfile", ":8080", ":$port", "main.lua", "$dir/main.lua"), "\n}\n")
	c.Start(site)

	if documents, pages := len(documents(t)), crawl(t, c); pages < documents-1 {
		t.Errorf("the site has %d pages for %d documents", pages, documents)
	}
	var journeys []string
	for _, heading := range regexp.MustCompile(`<h2>([^<]+)</h2>`).FindAllStringSubmatch(c.Get("/lua/").Body, -1) {
		journeys = append(journeys, heading[1])
	}
	if want := strings.Fields("Start Route Guard Identity State Balance Observe Operate Multi-tenant Migrate Reference"); !slices.Equal(journeys, want) {
		t.Errorf("the menu leads through %v, not %v", journeys, want)
	}
	if got := c.Get("/reference").Header.Get("Location"); got != "/lua/" {
		t.Errorf("a short link leads to %q", got)
	}
	missing := c.Get("/nowhere/")
	if missing.Status != 404 || !strings.Contains(missing.Body, "No such page") {
		t.Errorf("a page that is not there: %d %s", missing.Status, missing.Body)
	}
	for _, answer := range []e2e.Answer{missing, c.Get("/lua/")} {
		if !strings.Contains(answer.Header.Get("Content-Security-Policy"), "default-src 'self'") {
			t.Errorf("the header is %v", answer.Header)
		}
	}
	if index := c.Get("/index.json", "Accept-Encoding", "gzip"); !strings.HasSuffix(index.Header.Get("Etag"), `-gzip"`) {
		t.Errorf("the index is sent with the header %v", index.Header)
	}
}
