package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
	"github.com/luaroute/caddy-luaroute/internal/ports"
)

// runDashboard runs the command, and returns the address of the page and the token.
func runDashboard(t *testing.T, address string, flags ...string) (page, token string) {
	t.Helper()
	cmd := caddyIn(t, t.TempDir(), append([]string{"luaroute", "dashboard", "--address", address, "--no-open"}, flags...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	page, token, _ = strings.Cut(strings.TrimSpace(line), "#token=")
	return page, token
}

func TestTheCommandShowsWhatTheAdminAPIHasToOneBrowser(t *testing.T) {
	c := withDashboard(t, "tail", "")
	page, token := runDashboard(t, c.Expand("$admin"))
	if !strings.HasPrefix(page, "http://127.0.0.1:") || len(token) < 20 {
		t.Fatalf("%s %s", page, token)
	}
	if answer := c.Get(page); answer.Status != http.StatusOK || !strings.Contains(answer.Body, `<div id="app">`) || answer.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("the page: %d %s", answer.Status, answer.Body)
	}
	const kind = "Content-Type: application/json"
	enter := func(token string, headers ...string) e2e.Answer {
		return c.Send(http.MethodPost, page+"enter", strings.NewReader(`{"token":"`+token+`"}`), append(headers, kind)...)
	}
	for what, answer := range map[string]e2e.Answer{
		"without a cookie":      c.Get(page + "api/"),
		"with a wrong one":      c.Get(page+"api/", "Cookie: luaroute_dashboard=x"),
		"with an empty one":     c.Get(page+"api/", "Cookie: luaroute_dashboard="),
		"with a wrong token":    enter("wrong"),
		"with no token":         enter(""),
		"from another site":     enter(token, "Origin: http://evil.example"),
		"by another name":       c.Get(page, "Host: evil.example"),
		"by the name localhost": enter(token, "Host: localhost"),
	} {
		if answer.Status != http.StatusForbidden && answer.Status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", what, answer.Status, answer.Body)
		}
	}
	in := enter(token)
	cookie := in.Header.Get("Set-Cookie")
	if in.Status != http.StatusNoContent || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Strict") {
		t.Fatalf("%d %v %s", in.Status, in.Header, in.Body)
	}
	if again := enter(token); again.Status != http.StatusForbidden {
		t.Errorf("the token was taken twice: %d", again.Status)
	}
	pair, _, _ := strings.Cut(cookie, ";")
	cookie = "Cookie: " + pair
	if answer := c.Get(page+"api/main/routes", cookie, "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors"); answer.Status != http.StatusOK || !strings.Contains(answer.Body, "/items/{id}") {
		t.Errorf("routes: %d %s", answer.Status, answer.Body)
	}
	answer := c.Send(http.MethodPost, page+"api/main/explain", strings.NewReader(`{"path":"/items/7"}`), cookie, kind, "Origin: "+strings.TrimSuffix(page, "/"))
	if answer.Status != http.StatusOK || !strings.Contains(answer.Body, `"pool":"app"`) {
		t.Errorf("explain: %d %s", answer.Status, answer.Body)
	}
	res, err := c.Open(http.MethodGet, page+"api/main/tail", nil, cookie)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	tl := &tailing{t, bufio.NewScanner(res.Body), res}
	if tl.body.Scan(); tl.body.Text() != ": luaroute" {
		t.Fatalf("the tail begins with %d %q", res.StatusCode, tl.body.Text())
	}
	c.Get("/items/9")
	if e := tl.next(); e["path"] != "/items/9" {
		t.Errorf("the event is %v", e)
	}
	if answer := c.Get(page+"api/../config/", cookie); strings.Contains(answer.Body, "apps") {
		t.Errorf("the rest of the admin API is reached: %s", answer.Body)
	}
}

func TestTheCommandAsksAnAdminAPIAtAUnixSocket(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `require("luaroute"):get("/hello", { status = 204 })`)
	socket := c.Expand("unix/$dir/admin.sock")
	text := strings.Replace(string(c.Caddyfile(dashboard("", ""))), `"listen":"`+c.Expand("$admin")+`"`, `"listen":"`+socket+`|0600"`, 1)
	c.MustLoad([]byte(text))
	page, token := runDashboard(t, strings.Replace(socket, "unix/", "unix//", 1))
	in := c.Send(http.MethodPost, page+"enter", strings.NewReader(`{"token":"`+token+`"}`), "Content-Type: application/json")
	pair, _, _ := strings.Cut(in.Header.Get("Set-Cookie"), ";")
	if answer := c.Get(page+"api/main/routes", "Cookie: "+pair); answer.Status != http.StatusOK || !strings.Contains(answer.Body, "/hello") {
		t.Errorf("routes: %d %s", answer.Status, answer.Body)
	}
}

// withRemote adds remote administration at $remote to a configuration, for who has the certificate in a file.
func withRemote(t *testing.T, c *e2e.Caddy, config []byte, cert string) []byte {
	t.Helper()
	text, err := os.ReadFile(c.Expand(cert))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	var all map[string]any
	if err := json.Unmarshal(config, &all); err != nil {
		t.Fatal(err)
	}
	admin := all["admin"].(map[string]any)
	admin["identity"] = map[string]any{"identifiers": []string{"localhost"}, "issuers": []any{map[string]any{"module": "internal"}}}
	admin["remote"] = map[string]any{
		"listen": c.Expand("127.0.0.1:$remote"),
		"access_control": []any{map[string]any{
			"public_keys": []string{base64.StdEncoding.EncodeToString(block.Bytes)},
			"permissions": []any{map[string]any{"paths": []string{"/luaroute_dashboard"}, "methods": []string{"GET", "POST"}}},
		}},
	}
	all["apps"].(map[string]any)["pki"] = map[string]any{"certificate_authorities": map[string]any{"local": map[string]any{"install_trust": false}}}
	config, err = json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func TestTheCommandAsksARemoteAdminAPIWithACertificate(t *testing.T) {
	c := e2e.New(t)
	c.Set("remote", ports.Free(t))
	usual := caddy.DefaultStorage.Path // Caddy keeps its identity there, whatever storage is configured
	caddy.DefaultStorage.Path = c.Expand("$dir/identity")
	t.Cleanup(func() { caddy.DefaultStorage.Path = usual })
	c.SelfSigned("client.crt", "client.key")
	c.SelfSigned("other.crt", "other.key")
	c.File("main.lua", `require("luaroute"):get("/hello", { status = 204 })`)
	c.MustLoad(withRemote(t, c, c.Caddyfile(dashboard("tail", "")), "$dir/client.crt"))
	var ca struct {
		Root string `json:"root_certificate"`
	}
	if err := json.Unmarshal([]byte(c.Admin(http.MethodGet, "/pki/ca/local", "").Body), &ca); err != nil {
		t.Fatal(err)
	}
	c.File("root.crt", ca.Root)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(ca.Root))
	pair, err := tls.LoadX509KeyPair(c.Expand("$dir/client.crt"), c.Expand("$dir/client.key"))
	if err != nil {
		t.Fatal(err)
	}
	e2e.Until(t, "the remote admin API has its certificate", func() bool {
		conn, err := tls.Dial("tcp", c.Expand("localhost:$remote"), &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}})
		return err == nil && conn.Close() == nil
	})
	const kind = "Content-Type: application/json"
	ask := func(flags ...string) (routes, explained e2e.Answer) {
		for i := range flags {
			flags[i] = c.Expand(flags[i])
		}
		page, token := runDashboard(t, c.Expand("https://localhost:$remote"), flags...)
		in := c.Send(http.MethodPost, page+"enter", strings.NewReader(`{"token":"`+token+`"}`), kind)
		pair, _, _ := strings.Cut(in.Header.Get("Set-Cookie"), ";")
		return c.Get(page+"api/main/routes", "Cookie: "+pair), c.Send(http.MethodPost, page+"api/main/explain", strings.NewReader(`{"path":"/hello"}`), "Cookie: "+pair, kind)
	}
	routes, explained := ask("--cert", "$dir/client.crt", "--key", "$dir/client.key", "--ca", "$dir/root.crt")
	if routes.Status != http.StatusOK || !strings.Contains(routes.Body, "/hello") {
		t.Errorf("routes: %d %s", routes.Status, routes.Body)
	}
	if explained.Status != http.StatusOK || !strings.Contains(explained.Body, `"/hello"`) {
		t.Errorf("explain: %d %s", explained.Status, explained.Body)
	}
	for name, flags := range map[string][]string{
		"another certificate":  {"--cert", "$dir/other.crt", "--key", "$dir/other.key", "--ca", "$dir/root.crt"},
		"no certificate":       {"--ca", "$dir/root.crt"},
		"an unknown authority": {"--cert", "$dir/client.crt", "--key", "$dir/client.key"},
	} {
		if routes, _ := ask(flags...); routes.Status != http.StatusBadGateway || strings.Contains(routes.Body, "/hello") {
			t.Errorf("%s: %d %s", name, routes.Status, routes.Body)
		}
	}
}

func TestTheCommandListensOnThisMachineOnly(t *testing.T) {
	for _, args := range [][]string{{"--listen", "0.0.0.0:0"}, {"--address", "a b:x-y"}, {"--address", "https://localhost:1", "--ca", "none"}} {
		out, code := caddyCommand(t, append([]string{"luaroute", "dashboard", "--no-open"}, args...)...)
		if code != 2 || !strings.Contains(out, args[len(args)-2]) {
			t.Errorf("%v: exit code %d: %s", args, code, out)
		}
	}
}
