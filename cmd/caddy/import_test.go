package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// imported converts a file of luaroute/convert, checks the script and runs it with origins whose addresses stand for those that it has.
func imported(t *testing.T, format string, origins map[string]string) *e2e.Caddy {
	t.Helper()
	c := e2e.New(t)
	c.Set("dollar", "$")
	out := c.Expand("$dir/out.lua")
	if log, code := caddyCommand(t, "luaroute", "import", "--out", out, format, "luaroute/convert/testdata/"+format+".yml"); code != 0 || !strings.Contains(log, format+".yml: line ") {
		t.Fatalf("exit code %d: %s", code, log)
	}
	script, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(script), "$", "${dollar}")
	for address, name := range origins {
		c.Origin(name)
		text = strings.ReplaceAll(text, `"`+address, `"$`+name)
	}
	c.File("main.lua", text)
	c.File("Caddyfile", e2e.Site(""))
	if out, code := caddyCommand(t, "luaroute", "check", "--config", c.Expand("$dir/Caddyfile"), "--adapter", "caddyfile"); code != 0 {
		t.Errorf("exit code %d: %s", code, out)
	}
	c.Start(e2e.Site(""))
	return c
}

// asked is a request, and what comes of it.
type asked struct {
	method, path string
	headers      []string
	status       int
	origin, uri  string
	sees         string // a field that the origin gets, as name: value
}

func (a asked) ask(t *testing.T, c *e2e.Caddy) {
	t.Helper()
	answer := c.Send(a.method, a.path, nil, a.headers...)
	if answer.Status != a.status {
		t.Errorf("%s %s %q: the status is %d with %q; want %d", a.method, a.path, a.headers, answer.Status, answer.Body, a.status)
		return
	}
	if a.origin == "" {
		return
	}
	echo := answer.From(a.origin)
	if echo.URI != a.uri {
		t.Errorf("%s: the origin was asked for %s; want %s", a.path, echo.URI, a.uri)
	}
	echo.Header.Set("Host", echo.Host)
	if name, value, ok := strings.Cut(a.sees, ": "); ok && echo.Header.Get(name) != value {
		t.Errorf("%s: %s is %q; want %q", a.path, name, echo.Header.Get(name), value)
	}
}

func TestAScriptOfAKongFileServesAsKongDoes(t *testing.T) {
	c := imported(t, "kong", map[string]string{"127.0.0.1:7001": "one", "127.0.0.1:7002": "two", "127.0.0.1:7003": "shop"})
	const ann, bob = "apikey: the-first-key-of-ann", "apikey: the-only-key-of-bob"
	for _, a := range []asked{
		{"GET", "/orders/7", nil, 401, "", "", ""},
		{"GET", "/orders/7", []string{bob}, 403, "", "", ""},
		{"GET", "/", []string{"Host: shop.example"}, 200, "shop", "/", "Host: shop.example"},
		{"GET", "/a", []string{"Host: www.shop.example", "X-Old: a", "X-Gone: b"}, 200, "shop", "/a", "X-Old: new"},
		{"GET", "/a", []string{"Host: shop.example", "X-Added: mine"}, 200, "shop", "/a", "X-Added: mine"},
		{"GET", "/a", []string{"Host: shop.example"}, 200, "shop", "/a", "X-Added: 1"},
		{"GET", "/a", []string{"Host: shop.example", "X-Gone: b"}, 200, "shop", "/a", "X-Gone: "},
		{"GET", "/a", []string{"Host: shop.example"}, 200, "shop", "/a", "X-Both: 2"},
		{"GET", "/images/a.png", []string{"Host: shop.example"}, 200, "shop", "/a.png", ""},
		{"GET", "/a", []string{"Host: other.example"}, 404, "", "", ""},
		{"GET", "/office/a", nil, 403, "", "", ""},
		{"GET", "/blocked", nil, 403, "", "", ""},
		{"GET", "/legacy/a", nil, 501, "", "", ""},
		{"POST", "/order/7", []string{ann}, 404, "", "", ""},
		{"GET", "/order/x", []string{ann}, 404, "", "", ""},
	} {
		a.ask(t, c)
	}
	c.Get("/blocked").Want(403, `{"message":"not for you"}`)
	preflight := c.Send(http.MethodOptions, "/a", nil, "Host: shop.example", "Origin: https://app.example", "Access-Control-Request-Method: PUT")
	if h := preflight.Header; h.Get("Access-Control-Allow-Origin") != "https://app.example" || h.Get("Access-Control-Max-Age") != "60" {
		t.Errorf("a preflight gets %d %v", preflight.Status, h)
	}
	for _, path := range []string{"/order/7", "/order/8"} {
		answer := c.Get(path, ann)
		if echo := answer.From(origin(answer)); echo.Header.Get("Apikey") != "" || echo.URI != "/v2"+path {
			t.Errorf("the origin was asked for %+v", echo)
		}
	}
	hosts := map[string]int{}
	for range 3 { // two of a minute are taken
		answer := c.Get("/orders/7?a=b", ann)
		name := origin(answer)
		if echo := answer.From(name); echo.URI != "/v2/7?a=b" || echo.Host != "orders.upstream" {
			t.Errorf("the origin was asked for %s of %s", echo.URI, echo.Host)
		}
		hosts[name]++
	}
	if len(hosts) != 2 {
		t.Errorf("three requests went to %v", hosts)
	}
	if answer := c.Get("/orders/7", ann); answer.Status != 429 {
		t.Errorf("the sixth request of a minute is answered with %d", answer.Status)
	}
}

// origin is the name of the origin that has answered.
func origin(a e2e.Answer) string {
	_, name, _ := strings.Cut(a.Body, `"Origin":"`)
	name, _, _ = strings.Cut(name, `"`)
	return name
}

func TestAScriptOfATraefikFileServesAsTraefikDoes(t *testing.T) {
	c := imported(t, "traefik", map[string]string{"127.0.0.1:7001": "one", "127.0.0.1:7002": "two", "127.0.0.1:7003": "auth"})
	const api = "Host: api.example"
	for range 2 { // servers take turns
		answer := c.Get("/v1/a?b=c", api, "X-Gone: x", "Origin: https://app.example")
		echo := answer.From(origin(answer))
		if echo.URI != "/a?b=c" || echo.Header.Get("X-Tenant") != "acme" || echo.Header.Get("X-Gone") != "" || echo.Host != "api.example" {
			t.Errorf("the origin was asked for %+v", echo)
		}
		if h := answer.Header; h.Get("X-Frame-Options") != "DENY" || h.Get("Strict-Transport-Security") != "max-age=3600" || h.Get("Access-Control-Allow-Origin") == "" {
			t.Errorf("the header is %v", h)
		}
	}
	for _, a := range []asked{
		{"TRACE", "/v1/a", []string{api}, 404, "", "", ""},
		{"GET", "/v1/a", nil, 404, "", "", ""},
		{"GET", "/users/x", []string{api}, 404, "", "", ""},
		{"GET", "/users/7", nil, 404, "", "", ""},
		{"GET", "/inside/a", []string{"X-Team: blue"}, 403, "", "", ""},
		{"GET", "/inside/a", nil, 404, "", "", ""},
		{"GET", "/digest", nil, 501, "", "", ""},
		{"GET", "/app/a", nil, 301, "", "", ""},
	} {
		a.ask(t, c)
	}
	for path, host := range map[string]string{"/users/7": api, "/people/ann": "Host: any.example"} {
		if answer := c.Get(path, host); answer.Status != 200 {
			t.Errorf("%s is answered with %d", path, answer.Status)
		}
	}
	if at := c.Get("/app/a?b=c").Header.Get("Location"); !strings.HasPrefix(at, "https://") || !strings.HasSuffix(at, "/app/a?b=c") {
		t.Errorf("http is sent to %s", at)
	}
	answer := c.Get("/asked/a", "X-User: forged") // the server that is asked lets everybody pass, and says nothing of them
	if echo := answer.From(origin(answer)); echo.Header.Get("X-User") != "" {
		t.Error("what the client says of its user was forwarded")
	}
}

func TestAScriptOfAnAPIHasARouteForEachOperation(t *testing.T) {
	c := imported(t, "openapi", map[string]string{"127.0.0.1:7001": "api"})
	for _, a := range []asked{
		{"GET", "/v1/pets?limit=2", nil, 200, "api", "/v1/pets?limit=2", ""},
		{"POST", "/v1/pets", nil, 200, "api", "/v1/pets", ""},
		{"PUT", "/v1/pets", nil, 405, "", "", ""},
		{"DELETE", "/v1/pets/7", nil, 200, "api", "/v1/pets/7", ""},
		{"GET", "/v1/pets/7/photos/front.jpg", nil, 200, "api", "/v1/pets/7/photos/front.jpg", ""},
		{"GET", "/v1/pets/7/photos/front.png", nil, 404, "", "", ""},
		{"GET", "/pets", nil, 404, "", "", ""},
	} {
		a.ask(t, c)
	}
}

func TestImportUsedWronglySaysWhatIsAllowed(t *testing.T) {
	t.Parallel()
	dir := written(t, map[string]string{"bad.yaml": "services:\n- url: x", "good.json": "{\t\"openapi\": \"3.0.3\", \"paths\": {\"/a\": {\"get\": {}}}}", "there": ""})
	for args, want := range map[string]string{
		"2 import":                                         "import takes kong, traefik or openapi, and a file, found 0 arguments",
		"2 import nginx $dir/bad.yaml":                     `import reads kong, traefik or openapi, not \"nginx\"`,
		"1 import kong $dir/none.yaml":                     "no such file",
		"1 import kong $dir/bad.yaml":                      "bad.yaml: line 2: a service has no name",
		"1 import --out $dir/there openapi $dir/good.json": "file exists",
		"0 import openapi $dir/good.json":                  `route:get("/a", { name = "GET /a" }, "api")`,
		"0 import --help":                                  "answers 501",
	} {
		words := strings.Fields(strings.ReplaceAll(args, "$dir", dir))
		if out, code := caddyCommand(t, append([]string{"luaroute"}, words[1:]...)...); fmt.Sprint(code) != words[0] || !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d and\n%s\nwant %s", args, code, out, want)
		}
	}
}
