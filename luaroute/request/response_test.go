package request_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

func TestTheHeaderOfTheResponseIsWhatTheScriptHasAssigned(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		assign string
		want   []string
	}{
		{"", []string{"upstream"}},
		{"res.headers['x-a'] = 'b'", []string{"b"}},
		{"res.headers['X-A'] = { 'b', 'c', 5 }", []string{"b", "c", "5"}},
		{"res.headers['X-A'] = nil", nil},
		{"res.headers['X-A'] = {}", nil},
		{"res.headers['X-A'] = 'b' res.headers['x-a'] = 'c'", []string{"c"}},
		{"res.headers['X-A'] = 'b' res.headers['X-A'] = nil", nil},
		{"res.headers['X-A'] = nil res.headers['X-A'] = 'b'", []string{"b"}},
		{"res.headers['X-A'] = 'b' res.headers['X-A'] = res.headers['x-a'] .. 'c'", []string{"bc"}},
	} {
		t.Run(row.assign, func(t *testing.T) {
			t.Parallel()
			p := luatest.Origin(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-A", "upstream") })
			s := luatest.Setup{}.Serve(t, fmt.Sprintf("local route = require('luaroute') route:pool('p', %q) route:get('/x', function(req, res) %s return 'p' end)", p, row.assign))
			if a := s.Do(t, "/x", ""); !slices.Equal(a.Header["X-A"], row.want) {
				t.Errorf("got %v, want %v", a.Header["X-A"], row.want)
			}
		})
	}
}

func TestAResponseIsWritten(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ body, want, kind string }{
		{"res:write('a') res:write(5)", "200 a5", "text/plain; charset=utf-8"},
		{"res.status = 201 res:write('a')", "201 a", "text/plain; charset=utf-8"},
		{"res.headers['Content-Type'] = 'text/css' res:write('a')", "200 a", "text/css"},
		{"res:json({ a = json.null })", `200 {"a":null}`, "application/json"},
		{"res.status = 422 res:json({})", "422 {}", "application/json"},
		{"res.headers['Content-Type'] = 'application/ld+json' res:json({})", "200 {}", "application/ld+json"},
		{"res:redirect('/y', 301)", "301", ""},
		{"res:flush() res:write('a') res:flush()", "200 a", ""},
		{"res:write(tostring(res.status)) res:write('b')", "200 200b", "text/plain; charset=utf-8"},
	} {
		t.Run(row.body, func(t *testing.T) {
			t.Parallel()
			if a := site(t, row.body).Do(t, "/x", ""); a.String() != row.want || row.kind != "" && a.Header.Get("Content-Type") != row.kind {
				t.Errorf("got %s, a %s; want %s, a %s", a, a.Header.Get("Content-Type"), row.want, row.kind)
			}
		})
	}
}

// waiting is a handler that returns when the channel is closed.
type waiting chan struct{}

func (wait waiting) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	err := next.ServeHTTP(w, r)
	<-wait
	return err
}

func TestAFlushSendsWhatWasWrittenBefore(t *testing.T) {
	t.Parallel()
	wait := make(waiting)
	s := luatest.Setup{Handlers: map[string]caddyhttp.MiddlewareHandler{"wait": wait}}.Serve(t, `local route = require("luaroute")
		route:use(route.handler("wait"))
		route:get("/x", function(req, res) res:write("first") res:flush() end)`)
	resp, err := luatest.Client.Get(s.URL + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	piece := make([]byte, 5)
	if _, err := io.ReadFull(resp.Body, piece); err != nil || string(piece) != "first" {
		t.Errorf("got %q, %v", piece, err)
	}
	close(wait)
}

func TestACookieIsAdded(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ fields, want string }{
		{"name = 'a', value = 'b'", "a=b"},
		{"name = 'a', value = 'b c'", `a="b c"`},
		{
			"name = 'a', value = 'b', path = '/', domain = 'a.example', max_age = 60, secure = true, http_only = true, same_site = 'Lax'",
			"a=b; Path=/; Domain=a.example; Max-Age=60; HttpOnly; Secure; SameSite=Lax",
		},
		{"name = 'a', value = 'b', max_age = 0", "a=b; Max-Age=0"},
		{"name = 'a', value = 'b', expires = 1893456000", "a=b; Expires=Tue, 01 Jan 2030 00:00:00 GMT"},
	} {
		t.Run(row.fields, func(t *testing.T) {
			t.Parallel()
			a := site(t, "res:cookie({ name = 'first', value = '1' }) res:cookie({ "+row.fields+" }) return 200").Do(t, "/x", "")
			if got := a.Header["Set-Cookie"]; !slices.Equal(got, []string{"first=1", row.want}) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestACookieThatBreaksTheHeaderIsRefused(t *testing.T) {
	t.Parallel()
	for fields, want := range map[string]string{
		"value = 'b'":                               "cookie: invalid Cookie.Name",
		"name = 'a b', value = 'c'":                 "cookie: invalid Cookie.Name",
		"name = 'a', value = 'b\\r\\nX: y'":         `cookie: invalid byte '\r' in Cookie.Value`,
		"name = 'a', value = 'b;c'":                 `cookie: invalid byte ';' in Cookie.Value`,
		"name = 'a', value = 'b', path = '/;x'":     `cookie: invalid byte ';' in Cookie.Path`,
		"name = 'a', value = 'b', path = '/\\n'":    `cookie: invalid byte '\n' in Cookie.Path`,
		"name = 'a', value = 'b', domain = 'a b'":   "cookie: invalid Cookie.Domain",
		"name = 'a', value = 'b', same_site = 'no'": `cookie: same_site = "no"; expected strings for name, `,
		"name = 'a', value = 5":                     "cookie: value = 5; expected strings for name, ",
		"name = 'a', value = 'b', secure = 'yes'":   `cookie: secure = "yes"; expected strings for name, `,
		"name = 'a', value = 'b', ttl = 5":          "cookie: ttl = 5; expected strings for name, ",
	} {
		t.Run(fields, func(t *testing.T) {
			t.Parallel()
			s := site(t, "res:cookie({ "+fields+" }) return 204")
			if a := s.Do(t, "/x", ""); a.String() != "500" || a.Header["Set-Cookie"] != nil {
				t.Errorf("got %s %v", a, a.Header)
			}
			if err := <-s.Errors; !strings.Contains(err.Error(), ": main.lua:2: "+want) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

func TestAfterTheResponseHasBegunItsHeaderCanNotChange(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ call, want string }{
		{"res.headers['X-A'] = 'b'", "res.headers"},
		{"res.status = 404", "res.status"},
		{"res:json({})", "res:json"},
		{"res:redirect('/y')", "res:redirect"},
		{"res:cookie({ name = 'a', value = 'b' })", "res:cookie"},
		{"res:on_headers(function() end)", "res:on_headers"},
		{"res:on_body(function() end)", "res:on_body"},
	} {
		t.Run(row.call, func(t *testing.T) {
			t.Parallel()
			s := site(t, "res:write('a') res:flush() "+row.call)
			_, _ = s.Try("/x", "") // the connection breaks
			if err := <-s.Errors; !strings.HasSuffix(err.Error(), ": main.lua:2: "+row.want+" is used after the response has begun") {
				t.Errorf("got %v", err)
			}
		})
	}
}
