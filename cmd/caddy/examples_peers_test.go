package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// startPeer runs the script of an example that was the configuration of another gateway. What is given are texts of the script, each with what
// stands for it here, such as the address of an origin.
func startPeer(t *testing.T, c *e2e.Caddy, name string, replace ...string) {
	t.Helper()
	c.Set("dollar", "$")
	c.File("main.lua", readExample(t, name+"/main.lua", replace...))
	c.Start(e2e.Site(""))
}

// The originals are the kong.yml of Supabase (docker/volumes/api), whose comments say what each service promises.
func TestTheExampleOfSupabaseDoesWhatItsKongFilePromises(t *testing.T) {
	c := e2e.New(t)
	var replace []string
	for _, name := range []string{"auth", "rest", "storage", "realtime", "functions", "meta", "studio"} {
		c.Origin(name)
		for _, port := range []string{"9001", "9002"} {
			replace = append(replace, fmt.Sprintf(`%s = "127.0.0.1:%s"`, name, port), fmt.Sprintf(`%s = "$%s"`, name, name))
		}
	}
	startPeer(t, c, "supabase", append(replace, "127.0.0.1:9001/rpc", "$rest/rpc", "127.0.0.1:9002/socket", "$realtime/socket")...)
	const anon, service, basic = "apikey: sb_publishable_0123456789", "apikey: sb_secret_0123456789abcdef", "Authorization: Basic c3VwYWJhc2U6cGFzc3dvcmQ="
	for _, row := range []struct {
		path    string
		headers []string
		status  int
		origin  string
		uri     string
		adds    string // a field that the origin gets, as name: value
	}{
		{"/auth/v1/verify?type=signup", nil, 200, "auth", "/verify?type=signup", ""},
		{"/auth/v1/callback", nil, 200, "auth", "/callback", ""},
		{"/auth/v1/authorize", nil, 200, "auth", "/authorize", ""},
		{"/auth/v1/.well-known/jwks.json", nil, 200, "auth", "/.well-known/jwks.json", ""},
		{"/sso/saml/acs", nil, 200, "auth", "/sso/saml/acs", ""},
		{"/sso/saml/metadata", nil, 200, "auth", "/sso/saml/metadata", ""},
		{"/.well-known/oauth-authorization-server", nil, 200, "auth", "/.well-known/oauth-authorization-server", ""},
		{"/auth/v1/user", nil, 401, "", "", ""},
		{"/auth/v1/user", []string{anon}, 200, "auth", "/user", "Authorization: Bearer token-of-anon"},
		{"/auth/v1/user", []string{anon, "Authorization: Bearer of-a-user"}, 200, "auth", "/user", "Authorization: Bearer of-a-user"},
		{"/auth/v1/user", []string{anon, "Authorization: Bearer sb_publishable_x"}, 200, "auth", "/user", "Authorization: Bearer token-of-anon"},
		{"/auth/v1/user", []string{"apikey: sb_publishable_invented_"}, 401, "", "", ""},
		{"/rest/v1/items?id=eq.1", []string{service}, 200, "rest", "/items?id=eq.1", "Authorization: Bearer token-of-service"},
		{"/rest/v1/", []string{anon}, 200, "rest", "/", "Apikey: sb_publishable_0123456789"},
		{"/graphql/v1", []string{anon}, 200, "rest", "/rpc/graphql", "Content-Profile: graphql_public"},
		{"/realtime/v1/websocket?apikey=sb_publishable_0123456789", nil, 200, "realtime", "/socket/websocket?apikey=token-of-anon", "X-Api-Key: token-of-anon"},
		{"/realtime/v1/websocket", nil, 401, "", "", ""},
		{"/realtime/v1/api/ping", []string{anon}, 200, "realtime", "/api/ping", "Authorization: Bearer token-of-anon"},
		{"/realtime/v1/api/openapi", []string{service}, 403, "", "", ""},
		{"/realtime/v1/api/tenants/a", []string{service}, 403, "", "", ""},
		{"/storage/v1/object/a%2Fb", nil, 200, "storage", "/object/a%2Fb", ""},
		{"/storage/v1/object/a", nil, 200, "storage", "/object/a", ""},
		{"/storage/v1/object/a", []string{service}, 200, "storage", "/object/a", "Authorization: Bearer token-of-service"},
		{"/functions/v1/hello", []string{"sb-api-key: forged"}, 200, "functions", "/hello", "Sb-Api-Key: "},
		{"/functions/v1/hello", []string{anon, "Authorization: Bearer u"}, 200, "functions", "/hello", "Sb-Api-Key: token-of-anon"},
		{"/pg/tables", []string{anon}, 403, "", "", ""},
		{"/pg/tables", []string{service}, 200, "meta", "/tables", ""},
		{"/api/mcp", []string{basic}, 403, "", "", ""},
		{"/mcp", []string{basic}, 403, "", "", ""},
		{"/project/default", nil, 401, "", "", ""},
		{"/project/default", []string{basic}, 200, "studio", "/project/default", "Authorization: "},
	} {
		t.Run(row.path+" "+strings.Join(row.headers, " "), func(t *testing.T) {
			answer := c.Get(row.path, row.headers...)
			if answer.Status != row.status {
				t.Fatalf("the status is %d with %q; want %d", answer.Status, answer.Body, row.status)
			}
			if row.origin == "" {
				return
			}
			sees := answer.From(row.origin)
			if name, value, ok := strings.Cut(row.adds, ": "); ok && sees.Header.Get(name) != value {
				t.Errorf("%s is %q; want %q", name, sees.Header.Get(name), value)
			}
			if sees.URI != row.uri {
				t.Errorf("the origin was asked for %s; want %s", sees.URI, row.uri)
			}
		})
	}
	for path, allowed := range map[string]string{"/rest/v1/items": "*", "/pg/tables": "", "/mcp": ""} {
		preflight := c.Send(http.MethodOptions, path, nil, "Origin: https://app.example", "Access-Control-Request-Method: PATCH")
		if got := preflight.Header.Get("Access-Control-Allow-Origin"); got != allowed {
			t.Errorf("a preflight for %s gets %d with %q; want %q", path, preflight.Status, got, allowed)
		}
	}
}

// The original is domain/domain.com of sanyecao-seckill/demo-nginx with the Lua files beside it.
func TestTheExampleOfAFlashSaleLeadsFromStepToStep(t *testing.T) {
	c := e2e.New(t)
	shop := c.Origin("shop")
	startPeer(t, c, "flash_sale", "127.0.0.1:9001", "$shop")
	as := func(user string) string { return "Cookie: user_id=" + user }

	login, err := http.ParseSetCookie(c.Get("/login?user_id=ann").Header.Get("Set-Cookie"))
	if err != nil || login.Name != "user_id" || login.Value != "ann" || login.MaxAge != 86400 {
		t.Errorf("the login gives %v, %v", login, err)
	}
	offer := c.Get("/activity/query?productId=7", as("ann"), "Origin: http://localhost:8080")
	offer.From("shop")
	if h := offer.Header; h.Get("Access-Control-Allow-Origin") != "http://localhost:8080" || h.Get("Access-Control-Expose-Headers") != "st" || h.Get("St") == "" {
		t.Errorf("the offer has %v", h)
	}
	if again := c.Get("/activity/query?productId=7", as("ann")); again.Status != 503 {
		t.Errorf("the second question within a second gets %d", again.Status)
	}
	before := shop.Requests.Load()
	if other := c.Get("/activity/query?productId=7", as("bob")); other.Status != 200 || other.Header.Get("St") == offer.Header.Get("St") {
		t.Errorf("another user gets %d with %v", other.Status, other.Header)
	}
	if shop.Requests.Load() != before {
		t.Error("the shop was asked again for what it has said")
	}

	st := offer.Header.Get("St")
	if wrong := c.Get("/settlement/prePage?productId=7&st="+st, as("bob")); wrong.Status != 500 || !strings.Contains(wrong.Body, "<h1>") {
		t.Errorf("the token of another user gives %d %q", wrong.Status, wrong.Body)
	}
	page := c.Get("/settlement/prePage?productId=a%26b&st="+st, as("ann"))
	at, err := url.Parse(page.Header.Get("Location"))
	if page.Status != 302 || err != nil || at.Path != "/settlement/page" || at.Query().Get("productId") != "a&b" {
		t.Fatalf("the page is at %v; status %d", at, page.Status)
	}
	c.Get(at.String(), as("ann")).From("shop")
	c.Get("/settlement/initData?st="+st, as("ann")).Want(200, `{"code":"200001","message":"intercepted"}`)
	data := c.Get("/settlement/initData?st="+at.Query().Get("st"), as("ann"))
	data.From("shop")
	order := "/settlement/submitData?st=" + data.Header.Get("St")
	c.Send(http.MethodPost, order, strings.NewReader("{}"), as("ann")).From("shop")
	for range 2 { // now the user is out, for 15 seconds
		c.Send(http.MethodPost, order, strings.NewReader("{}"), as("ann")).Want(200, `{"code":"200001","message":"intercepted"}`)
	}
	for _, path := range []string{"/images/a.png", "/useAction/click", "/shop/useAction/click"} {
		c.Get(path).From("shop")
	}
}

// The original is config/traefik of mendersoftware/integration.
func TestTheExampleOfMenderAsksWhoeverKnowsWhoMayPass(t *testing.T) {
	c := e2e.New(t)
	c.Serve("services", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "/verify"):
			if r.Header.Get("Authorization") == "" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			w.Header().Set("X-MEN-RequestID", "7")
		case strings.HasSuffix(r.URL.Path, "/none"):
			w.WriteHeader(http.StatusNotFound)
		case strings.HasSuffix(r.URL.Path, "/broken"):
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, "details")
		default:
			fmt.Fprint(w, r.URL.Path, " ", r.Header.Get("X-MEN-RequestID"))
		}
	})
	c.Serve("gui", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Method, " gui ", r.URL.Path) })
	startPeer(t, c, "mender", "127.0.0.1:9001", "$services", "127.0.0.1:9002", "$gui")
	const token = "Authorization: Bearer x"
	for _, row := range []struct {
		method, path, header string
		status               int
		body                 string
	}{
		{"GET", "/api/management/v1/deployments/deployments", token, 200, "/api/management/v1/deployments/deployments 7"},
		{"GET", "/api/management/v1/deployments/deployments", "X-MEN-RequestID: forged", 401, ""},
		{"GET", "/api/management/v2/tenantadm/user", "X-MEN-RequestID: forged", 401, ""},
		{"GET", "/api/devices/v2/deployments/next", "X-A: b", 401, ""},
		{"GET", "/api/devices/v2/deployments/next", token, 200, "/api/devices/v2/deployments/next 7"},
		{"GET", "/api/devices/v1/deployments/download/a", "X-A: b", 200, "/api/devices/v1/deployments/download/a "},
		{"POST", "/api/devices/v1/authentication/auth_requests", "X-A: b", 200, "/api/devices/v1/authentication/auth_requests "},
		{"POST", "/api/management/v1/useradm/auth/login", "X-A: b", 200, "/api/management/v1/useradm/auth/login "},
		{"POST", "/api/management/v1/useradm/auth/logout", "X-A: b", 401, ""},
		{"GET", "/api/management/v1/useradm/users", "X-A: b", 401, ""},
		{"POST", "/api/management/v1/tenantadm/tenants", "X-A: b", 200, "/api/management/v1/tenantadm/tenants "},
		{"GET", "/api/management/v1/tenantadm/tenants", "X-A: b", 401, ""},
		{"GET", "/api/management/v1/inventory/devices/1", token, 200, "/api/0.1.0/devices/1 7"},
		{"PATCH", "/api/devices/v1/inventory/device/attributes", token, 200, "/api/0.1.0/attributes 7"},
		{"GET", "/api/management/v2/inventory/devices", token, 200, "/api/management/v2/inventory/devices 7"},
		{"POST", "/api/management/v1/deployments/none", token, 404, "GET gui /404.json"},
		{"GET", "/api/management/v1/deployments/broken", token, 500, "details"},
		{"GET", "/api/devices/v1/deployments/broken", token, 500, "GET gui /500.json"},
		{"GET", "/ui/", "X-A: b", 200, "GET gui /ui/"},
	} {
		t.Run(row.method+" "+row.path+" "+row.header, func(t *testing.T) {
			answer := c.Send(row.method, row.path, nil, row.header)
			answer.Want(row.status, row.body)
			if h := answer.Header; h.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(h.Get("Strict-Transport-Security"), "preload") {
				t.Errorf("the header is %v", h)
			}
		})
	}
	for range 5 {
		c.Get("/api/management/v1/auditlogs/broken", token)
	}
	if answer := c.Get("/api/management/v1/auditlogs/logs", token); answer.Status != 503 {
		t.Errorf("a service that has failed five times is asked again: %d", answer.Status)
	}
}

// The original is config/krakend/krakend.json of krakend/playground-community.
func TestTheExampleOfKrakenDMakesOneAnswerOfSeveral(t *testing.T) {
	c := e2e.New(t)
	answers := func(all map[string]string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, ok := all[r.URL.Path]
			if !ok {
				w.WriteHeader(http.StatusNotFound)
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, body)
		}
	}
	c.Serve("api", answers(map[string]string{
		"/shop/campaigns.json": `{"campaigns":[1],"x":1}`, "/shop/products.json": `{"products":[2],"y":1}`, "/user/1.json": `{"id":1}`,
		"/hotels/1.json": `{"destination_id":7,"stars":5}`, "/destinations/7.json": `{"city":"Graz"}`, "/__debug/post": `{"message":"pong"}`,
		"/token.json": `{"access_token":{"iss":"https://krakend.io","aud":"http://api.example.com","roles":["role_a"],"exp":4102444800},"refresh_token":{"exp":4102444800},"exp":1}`,
	}))
	c.Serve("github", answers(map[string]string{
		"/users/ann": `{"name":"Ann","blog":"https://ann.example","node_id":"x"}`, "/users/ann/repos": `[{"name":"tea"}]`,
	}))
	c.Serve("market", answers(map[string]string{
		"/api/v3/coins/markets": `[{"id":"bitcoin","roi":1}]`,
		"/api/v3/global":        `{"data":{"updated_at":5,"total_market_cap":{"btc":1,"eth":2,"eur":3},"total_volume":{"btc":4,"eth":5},"market_cap_percentage":{"btc":6,"eth":7}}}`,
	}))
	startPeer(t, c, "krakend", `api = "127.0.0.1:9001"`, `api = "$api"`, `github = "127.0.0.1:9002"`, `github = "$github"`, `market = "127.0.0.1:9002"`, `market = "$market"`)
	for path, want := range map[string]string{
		"/git/ann":           `{"repos":[{"name":"tea"}],"user":{"name":"Ann","website":"https://ann.example"}}`,
		"/cryptos/eur":       `{"coins":[{"id":"bitcoin"}],"market":{"market_cap_percentage":{"btc":6,"eth":7},"total_market_cap":{"btc":1,"eth":2},"total_volume":{"btc":4,"eth":5},"updated_at":5}}`,
		"/shop":              `{"campaigns":[1],"products":[2]}`,
		"/market/simple":     `{"coins":[{"id":"bitcoin","roi":1}]}`,
		"/market/concurrent": `{"coins":[{"id":"bitcoin","roi":1}]}`,
		"/sequential":        `{"city":"Graz","destination_id":7}`,
		"/fail":              `{"user":{"id":1}}`,
		"/mocked-response":   `{"an_array":["arr1","arr2"],"an_integer":123,"an_object":{"obj":"obj1"}}`,
	} {
		answer := c.Get(path, "Origin: http://localhost:3000")
		answer.Want(200, want)
		if answer.Header.Get("Access-Control-Allow-Origin") != "http://localhost:3000" {
			t.Errorf("%s: the header is %v", path, answer.Header)
		}
	}
	if whole, part := c.Get("/git/ann").Header, c.Get("/fail").Header; whole.Get("X-Krakend-Completed") != "true" || part.Get("X-Krakend-Completed") != "false" {
		t.Errorf("an answer is complete: %v, one without a part is %v", whole, part)
	}
	if answer := c.Get("/git/nobody"); answer.Status != 500 {
		t.Errorf("without any part the status is %d", answer.Status)
	}
	c.Send(http.MethodPost, "/post", nil).Want(200, `{"message":"pong"}`)
	if answer := c.Get("/post"); answer.Status != 405 {
		t.Errorf("GET of what only takes POST is %d", answer.Status)
	}

	token := c.Get("/token").Body
	_, access, _ := strings.Cut(token, `"access_token":"`)
	access, _, _ = strings.Cut(access, `"`)
	c.Get("/private/custom", "Authorization: Bearer "+access).Want(200, `{"id":1}`)
	_, refresh, _ := strings.Cut(token, `"refresh_token":"`)
	refresh, _, _ = strings.Cut(refresh, `"`)
	for _, wrong := range []string{"", access + "x", refresh} {
		if answer := c.Get("/private/custom", "Authorization: Bearer "+wrong); answer.Status != 401 {
			t.Errorf("the token %q gets %d", wrong, answer.Status)
		}
	}
	statuses := map[int]int{}
	for range 4 {
		statuses[c.Get("/shop").Status]++
	}
	if statuses[503] == 0 {
		t.Errorf("the shop answers %v within a second", statuses)
	}
}
