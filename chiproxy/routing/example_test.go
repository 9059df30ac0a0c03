package routing_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/explain"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
)

// at is where something stands in a script.
func at(line int) origin.Origin { return origin.Origin{Script: "main.lua", Line: line} }

// say is a route that answers with a text.
func say(line int, pattern, text string) chiproxy.Item {
	return chiproxy.Item{Route: &chiproxy.Route{
		Methods: []string{http.MethodGet}, Pattern: pattern, Action: static.Respond{Body: text}, Origin: at(line),
	}}
}

// tenant is a tenant with routes.
func tenant(name string, hosts []string, items ...chiproxy.Item) chiproxy.Tenant {
	return chiproxy.Tenant{Name: name, Hosts: hosts, Root: chiproxy.Scope{Items: items}}
}

// serve asks a table as a client would, and prints the answer.
func serve(table *routing.Table, target string) {
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, target, nil)
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil)
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		fmt.Println(target, "goes to Caddy's next handler")
		return nil
	})
	if err := table.Serve(w, r, next); err != nil {
		fmt.Println(target, err)
	} else if w.Body.Len() > 0 {
		fmt.Println(target, w.Code, w.Body)
	}
}

// A table is built once and serves any number of requests at a time. What it has no route for goes to the next handler.
func Example() {
	pools := pool.NewSet(caddy.Context{})
	defer pools.Close()
	table, err := routing.Build(chiproxy.Spec{
		Default: tenant("", nil, say(1, "/users/{id}", "a user"), say(2, "/users/new", "a form")),
		Tenants: []chiproxy.Tenant{tenant("shop", []string{"shop.example"}, say(3, "/*", "the shop"))},
	}, pools)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer table.Retire() // gives its pools back after the last request

	serve(table, "http://localhost/users/7")
	serve(table, "http://localhost/users/new")
	serve(table, "http://shop.example/cart")
	serve(table, "http://localhost/cart")
	// Output:
	// http://localhost/users/7 200 a user
	// http://localhost/users/new 200 a form
	// http://shop.example/cart 200 the shop
	// http://localhost/cart goes to Caddy's next handler
}

// Build checks the whole and reports all that is wrong, each with its place.
func ExampleBuild() {
	pools := pool.NewSet(caddy.Context{})
	defer pools.Close()
	_, err := routing.Build(chiproxy.Spec{Default: tenant("", nil,
		say(1, "/users/{id}", "one"),
		say(2, "/users/{name}", "the same"),
		say(3, "/users/{id:[0-9+}", "no pattern"),
	)}, pools)
	fmt.Println(err)
	// Output:
	// main.lua:3: pattern "/users/{id:[0-9+}": {id}: error parsing regexp: missing closing ]: `[0-9+`
	// main.lua:2: route GET /users/{name} can never be reached: /users/{id} at main.lua:1 takes it without a guard; give that one a guard, or this one a guard and a higher priority
}

// A table says what becomes of a request, and why. Nothing is sent.
func ExampleTable_Walk_explain() {
	pools := pool.NewSet(caddy.Context{})
	defer pools.Close()
	guarded := say(1, "/users/{id}", "beta")
	guarded.Route.Guards = []chiproxy.Guard{&chiproxy.DataGuard{
		Conditions: []chiproxy.Condition{{In: chiproxy.InHeader, Name: "X-Beta", Values: []string{"1"}}},
		Origin:     origin.Origin{Script: "main.lua", Line: 1, Kind: "guard", Text: "X-Beta: 1"},
	}}
	table, err := routing.Build(chiproxy.Spec{Default: tenant("", nil, guarded, say(2, "/users/{id}", "stable"))}, pools)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer table.Retire()
	decision := explain.Decide(table, httptest.NewRequest(http.MethodGet, "/users/7", nil), false)
	if err := decision.WriteText(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// answer 200
	//   pattern  /users/{id}
	//   param    id = 7
	//   at       main.lua:2
	//   action   respond 200
	//
	// candidates
	//   guard    main.lua:1  GET  /users/{id}      respond 200
	//     guard  main.lua:1       guard X-Beta: 1  no
	//   taken    main.lua:2  GET  /users/{id}      respond 200
}

// A simulation runs a request to its end, with answers of the caller in place of upstreams.
func ExampleTable_Walk_simulate() {
	ctx, err := caddy.ProvisionContext(&caddy.Config{AppsRaw: caddy.ModuleMap{"events": json.RawMessage(`{}`)}}) // a module has its own
	if err != nil {
		fmt.Println(err)
		return
	}
	pools := pool.NewSet(ctx)
	defer pools.Close()
	app := pool.Spec{Name: "app", Config: json.RawMessage(`{"upstreams": [{"dial": "10.0.0.1:8080"}]}`), Origin: at(1)}
	route := chiproxy.Item{Route: &chiproxy.Route{Pattern: "/*", Action: chiproxy.Proxy{Pool: "app", StripPrefix: "/api"}, Origin: at(2)}}
	table, err := routing.Build(chiproxy.Spec{Pools: []pool.Spec{app}, Default: tenant("", nil, route)}, pools)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer table.Retire()
	decision := explain.Simulate(table, httptest.NewRequest(http.MethodGet, "/api/users", nil), func(pool string) explain.Stub {
		return func(w http.ResponseWriter, r *http.Request) error {
			fmt.Println("the upstream of", pool, "is asked for", r.URL.Path)
			w.WriteHeader(http.StatusTeapot)
			return nil
		}
	})
	fmt.Println("the client gets", decision.Status)
	// Output:
	// the upstream of app is asked for /users
	// the client gets 418
}

// The hosts of a table are those of its tenants. On-demand TLS issues certificates for no others.
func ExampleTable_HasHost() {
	pools := pool.NewSet(caddy.Context{})
	defer pools.Close()
	table, err := routing.Build(chiproxy.Spec{Tenants: []chiproxy.Tenant{
		tenant("shop", []string{"shop.example", "*.shop.example"}, say(1, "/*", "the shop")),
	}}, pools)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer table.Retire()
	for _, host := range []string{"shop.example", "SHOP.example.", "de.shop.example", "a.de.shop.example", "other.example"} {
		fmt.Println(host, table.HasHost(host))
	}
	// Output:
	// shop.example true
	// SHOP.example. true
	// de.shop.example true
	// a.de.shop.example false
	// other.example false
}

// A Request is a request in words, as the admin API takes it.
func ExampleRequest() {
	var q explain.Request
	if err := json.NewDecoder(strings.NewReader(`{"path": "/users?page=2", "headers": {"X-Beta": "1"}}`)).Decode(&q); err != nil {
		fmt.Println(err)
		return
	}
	r, err := q.HTTP()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Method, r.URL, r.Host, r.Header, r.RemoteAddr)
	// Output:
	// GET /users?page=2 localhost map[X-Beta:[1]] 127.0.0.1:0
}
