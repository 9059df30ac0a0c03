package main

import (
	"flag"
	"net"
	"net/http"
	"net/http/fcgi"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/internal/testredis"
)

var fpm = flag.String("fpm", "", "ask this PHP-FPM in the example of PHP, such as php-fpm8.2")

// startPHP starts PHP-FPM and returns its address.
func startPHP(t *testing.T) string {
	t.Helper()
	address, dir := "127.0.0.1:"+ports.Free(t), t.TempDir()
	config := "[global]\nerror_log = " + dir + "/log\n[www]\nlisten = " + address + "\npm = static\npm.max_children = 2\n"
	args := []string{"--nodaemonize", "--fpm-config", filepath.Join(dir, "fpm.conf")}
	if os.Geteuid() == 0 {
		config += "user = root\n"
		args = append(args, "--allow-to-run-as-root")
	}
	if err := os.WriteFile(args[2], []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(*fpm, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	e2e.Until(t, "PHP-FPM listens", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return address
}

func TestTheExampleOfPHPAnswersAsItsREADMESays(t *testing.T) {
	if *fpm == "" {
		t.Log("no PHP is asked: -fpm names none; Debian has it in php-fpm, and .ci/run installs it")
		return
	}
	root, err := filepath.Abs(filepath.Join(examples, "php", "public"))
	if err != nil {
		t.Fatal(err)
	}
	c, _ := startFolder(t, "php", "127.0.0.1:9000", startPHP(t), "root public", "root "+root, `root = "public"`, `root = "`+root+`"`)
	askREADME(t, c, "php")
	c.Send("POST", "/contact", strings.NewReader(strings.Repeat("x", 17<<10))).Want(413, "")
	if answer := c.Send("POST", "/contact", strings.NewReader("x")); answer.Status != 429 {
		t.Errorf("the fourth message in a minute is answered with %d", answer.Status)
	}
}

func TestTheExampleOfPHPRunsOnlyWhatHasARoute(t *testing.T) {
	var mu sync.Mutex
	var ran []string
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		_ = fcgi.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			ran = append(ran, filepath.Base(fcgi.ProcessEnv(r)["SCRIPT_FILENAME"]))
		}))
	}()
	c, _ := startFolder(t, "php", "127.0.0.1:9000", listener.Addr().String())
	for _, path := range []string{"/", "/articles/x", "/config.php", "/article.php", "/index.php/x", "/articles/x/y", "/articles/..%2fconfig.php", "/CONFIG.PHP", "/.git/config"} {
		c.Get(path)
	}
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"index.php", "article.php"}; !slices.Equal(ran, want) {
		t.Errorf("%v have run, not %v", ran, want)
	}
}

func TestTheExampleOfForwardAuthenticationKnowsWhoAsks(t *testing.T) {
	c, _ := startFolder(t, "forward_auth")
	login := func(to, user, password string) (cookie string) {
		t.Helper()
		answer := c.Send("POST", "/auth/login?to="+url.QueryEscape(to), strings.NewReader("user="+user+"&password="+password),
			"Content-Type: application/x-www-form-urlencoded")
		want := to
		if !strings.HasPrefix(to, "/cart") {
			want = "/"
		}
		if got := answer.Header.Get("Location"); answer.Status != 303 || got != want {
			t.Errorf("a login that leads to %q answers %d with the Location %q", to, answer.Status, got)
		}
		cookie, _, _ = strings.Cut(answer.Header.Get("Set-Cookie"), ";")
		return cookie
	}
	ann, bob := login("/cart?item=tea", "ann", "wonderland"), login("//evil.example", "bob", "looking-glass")
	for _, to := range []string{`/\evil.example`, "/\t/evil.example", "https://evil.example"} {
		login(to, "bob", "looking-glass")
	}
	for _, row := range []struct {
		path, cookie string
		status       int
		says         string
	}{
		{"/cart", ann, 200, "user ann, roles admin,staff"},
		{"/cart", bob, 200, "user bob, roles staff"},
		{"/admin/users", ann, 200, "user ann"},
		{"/admin/users", bob, 403, "the role admin"},
		{"/cart", ann[:len(ann)-2], 401, "who are you?"},
		{"/cart", "session=" + url.QueryEscape("9999999999 ann"), 401, "who are you?"},
		{"/auth/verify", "", 401, "who are you?"},
		{"/auth/login", "", 200, "<form"},
	} {
		answer := c.Get(row.path, "Cookie: "+row.cookie, "X-User: root", "X-Roles: admin")
		if answer.Status != row.status || !strings.Contains(answer.Body, row.says) {
			t.Errorf("%s with %q answers %d %q; expected %d and %q", row.path, row.cookie, answer.Status, answer.Body, row.status, row.says)
		}
	}
	// Five tries are over.
	c.Send("POST", "/auth/login", strings.NewReader("user=ann&password=wonderland"), "Content-Type: application/x-www-form-urlencoded").Want(429, "")
}

func TestTheExampleOfContainersCountsRequestsInRedis(t *testing.T) {
	server := testredis.New(t)
	if server == nil {
		return
	}
	c, _ := startFolder(t, "compose", "users:8080", testkit.Named(t, "users"), "orders:8080", testkit.Named(t, "orders"), "redis:6379", server.Address())
	askREADME(t, c, "compose")
	for range 8 {
		c.Get("/users/7").Want(200, "users")
	}
	c.Get("/orders/8").Want(200, "orders")
	if answer := c.Get("/orders/8"); answer.Status != 429 {
		t.Errorf("the eleventh request is answered with %d", answer.Status)
	}
	if keys := server.Ask("DBSIZE"); keys != ":1" {
		t.Errorf("Redis has %s keys", keys)
	}
}
