package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
	"github.com/luaroute/caddy-luaroute/internal/ports"
)

func TestTheExampleOfAPIKeysLetsThoseInWhoMay(t *testing.T) {
	c, app := startExample(t, "api_key/main.lua", nil)
	for _, row := range []struct {
		who, method, path, key string
		status                 int
		user, roles            string
	}{
		{"nobody", http.MethodGet, "/api/orders", "", 401, "", ""},
		{"a wrong key", http.MethodGet, "/api/orders", "bob", 401, "", ""},
		{"the hash of a key", http.MethodGet, "/api/orders", sum([]byte("ann-key")), 401, "", ""},
		{"nobody, where there is no route", http.MethodGet, "/api/nowhere", "", 401, "", ""},
		{"nobody, in the admin's part", http.MethodGet, "/api/admin/cache", "", 401, "", ""},
		{"a user without roles", http.MethodGet, "/api/orders", "eve-key", 200, "eve", ""},
		{"a user without roles who orders", http.MethodPost, "/api/orders", "eve-key", 403, "", ""},
		{"staff", http.MethodPost, "/api/orders", "bob-key", 200, "bob", "staff"},
		{"staff in the admin's part", http.MethodDelete, "/api/admin/cache", "bob-key", 403, "", ""},
		{"staff in the admin's part, where there is no route", http.MethodGet, "/api/admin", "bob-key", 403, "", ""},
		{"an admin", http.MethodDelete, "/api/admin/cache", "ann-key", 200, "ann", "admin,staff"},
		{"anybody, where all may read", http.MethodGet, "/public/news", "", 200, "", ""},
	} {
		t.Run(row.who, func(t *testing.T) {
			before := app.Requests.Load()
			headers := []string{"X-User: root", "X-Roles: admin", "x-roles: staff", "Connection: X-User, X-Roles"} // nobody is what he says he is
			if row.key != "" {
				headers = append(headers, "X-Api-Key: "+row.key)
			}
			answer := c.Send(row.method, row.path, nil, headers...)
			if answer.Status != row.status || (row.status == 401) != (answer.Header.Get("WWW-Authenticate") != "") {
				t.Errorf("the answer is %d with %v; want %d", answer.Status, answer.Header, row.status)
			}
			if row.status != 200 {
				if app.Requests.Load() != before {
					t.Error("the origin was asked")
				}
				return
			}
			sees := answer.From("app").Header
			user, roles := strings.Join(sees.Values("X-User"), "|"), strings.Join(sees.Values("X-Roles"), "|")
			if user != row.user || roles != row.roles || sees.Get("X-Api-Key") != "" {
				t.Errorf("the origin sees the user %q with the roles %q and the key %q", user, roles, sees.Get("X-Api-Key"))
			}
		})
	}
}

func TestTheExampleOfMaintenanceClosesTheSite(t *testing.T) {
	c, _ := startExample(t, "maintenance/main.lua", nil)
	// The office is known by an address that a proxy tells.
	config := c.JSON(strings.Replace(string(c.Caddyfile(e2e.Site(""))), `"listen":[`,
		`"trusted_proxies":{"source":"static","ranges":["127.0.0.0/8"]},"listen":[`, 1))
	c.MustLoad(config)
	for _, path := range []string{"/", "/cart?id=7", "/a/b/c"} {
		answer := c.Get(path, "X-Forwarded-For: 198.51.100.1")
		if answer.Status != 503 || answer.Header.Get("Retry-After") != "600" || !strings.Contains(answer.Body, "We are back") ||
			answer.Header.Get("Content-Type") != "text/html; charset=utf-8" || answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s answers %d %v %q", path, answer.Status, answer.Header, answer.Body)
		}
		c.Get(path, "X-Forwarded-For: 10.1.2.3").From("app")
		c.Get(path, "X-Forwarded-For: 192.0.2.17").From("app")
	}
	if answer := c.Send(http.MethodPost, "/cart", strings.NewReader("item"), "X-Forwarded-For: 192.0.2.18"); answer.Status != 503 {
		t.Errorf("a POST is answered with %d", answer.Status)
	}
	c.Get("/health", "X-Forwarded-For: 198.51.100.1").From("app")

	c.File("main.lua", readExample(t, "maintenance/main.lua", "127.0.0.1:9001", "$app", "local on = true", "local on = false"))
	c.MustLoad(config)
	c.Get("/cart", "X-Forwarded-For: 198.51.100.1").From("app")
}

func TestTheExampleOfCORSTellsBrowsersWhatIsAllowed(t *testing.T) {
	c, app := startExample(t, "cors/main.lua", func(w http.ResponseWriter, _ *http.Request) {
		// What the origin says about other sites does not count, what it varies by does.
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		w.Header().Add("Vary", "Accept-Language")
		w.Header().Add("Vary", "Cookie")
		fmt.Fprint(w, "users")
	})
	const asks = "Access-Control-Request-Method: PUT"
	for _, row := range []struct {
		name, method, path, origin string
		headers                    []string
		status                     int
		allowed                    bool
	}{
		{"a listed site", http.MethodGet, "/api/users", "https://app.example", nil, 200, true},
		{"another listed site", http.MethodPut, "/api/users/7", "https://admin.example", nil, 200, true},
		{"a site that is not listed", http.MethodGet, "/api/users", "https://evil.example", nil, 200, false},
		{"a site whose name begins like a listed one", http.MethodGet, "/api/users", "https://app.example.evil", nil, 200, false},
		{"a listed site without TLS", http.MethodGet, "/api/users", "http://app.example", nil, 200, false},
		{"a page of no site", http.MethodGet, "/api/users", "null", nil, 200, false},
		{"no site", http.MethodGet, "/api/users", "", nil, 200, false},
		{"preflight of a listed site", http.MethodOptions, "/api/users/7", "https://app.example", []string{asks}, 204, true},
		{"preflight where there is no route", http.MethodOptions, "/api/nowhere", "https://app.example", []string{asks}, 204, true},
		{"preflight of a site that is not listed", http.MethodOptions, "/api/users/7", "https://evil.example", []string{asks}, 403, false},
		{"OPTIONS that is no preflight", http.MethodOptions, "/api/users/7", "https://app.example", nil, 405, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := app.Requests.Load()
			if row.origin != "" {
				row.headers = append(row.headers, "Origin: "+row.origin)
			}
			answer := c.Send(row.method, row.path, nil, row.headers...)
			if asked := app.Requests.Load() != before; answer.Status != row.status || asked != (row.status == 200) {
				t.Errorf("status %d; want %d; the origin was asked: %t", answer.Status, row.status, asked)
			}
			preflight := "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network"
			vary := map[int]string{200: "Accept-Language, Cookie, Origin", 204: preflight, 403: preflight, 405: "Origin"}[row.status]
			got := answer.Header.Values("Vary")
			slices.Sort(got)
			if got := strings.Join(got, ", "); got != vary {
				t.Errorf("Vary is %q; want %q", got, vary)
			}
			want := map[string]string{}
			if row.allowed {
				want["Access-Control-Allow-Origin"] = row.origin
				want["Access-Control-Allow-Credentials"] = "true"
			}
			if row.allowed && row.status != 204 {
				want["Access-Control-Expose-Headers"] = "X-Request-Id"
			}
			if row.allowed && row.status == 204 {
				want["Access-Control-Allow-Methods"] = "GET, POST, PUT, DELETE"
				want["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
				want["Access-Control-Max-Age"] = "600"
			}
			for _, name := range []string{"Allow-Origin", "Allow-Credentials", "Expose-Headers", "Allow-Methods", "Allow-Headers", "Max-Age"} {
				name = "Access-Control-" + name
				if got := strings.Join(answer.Header.Values(name), "|"); got != want[name] {
					t.Errorf("%s is %q; want %q", name, got, want[name])
				}
			}
		})
	}
}

func TestTheExampleOfCORSHoldsForAnOriginThatIsDown(t *testing.T) {
	c, _ := startExample(t, "cors/main.lua", nil)
	c.File("main.lua", readExample(t, "cors/main.lua", "127.0.0.1:9001", ports.Dead(t)))
	for _, more := range []string{"", "handle_errors {\n respond {err.status_code} \n}\n"} {
		c.Start(strings.Replace(e2e.Site(""), "{", "{\n"+more, 1))
		answer := c.Get("/api/users", "Origin: https://app.example")
		if answer.Status != http.StatusBadGateway {
			t.Fatalf("the status is %d", answer.Status)
		}
		for name, want := range map[string]string{
			"Access-Control-Allow-Origin": "https://app.example", "Access-Control-Allow-Credentials": "true",
			"Access-Control-Expose-Headers": "X-Request-Id", "Vary": "Origin",
		} {
			if got := answer.Header.Values(name); len(got) != 1 || got[0] != want {
				t.Errorf("%s is %q; want %q", name, got, want)
			}
		}
	}
}
