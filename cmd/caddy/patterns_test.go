package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// startPattern runs one of the examples that are short, with an origin for each of the addresses in it.
func startPattern(t *testing.T, name string) (c *e2e.Caddy, first, second *e2e.Origin) {
	t.Helper()
	script := readExample(t, name, "127.0.0.1:9001", "$first", "127.0.0.1:9002", "$second")
	if lines := strings.Count(script[strings.Index(script, "\nlocal"):], "\n"); lines >= 20 {
		t.Errorf("%s has %d lines below its header; a new routing pattern takes fewer than 20", name, lines)
	}
	c = e2e.New(t)
	first, second = c.Origin("first"), c.Origin("second")
	c.Set("dollar", "$")
	c.Route(script)
	return c, first, second
}

func TestAScriptRoutesByTheVersionOfTheAPI(t *testing.T) {
	c, _, _ := startPattern(t, "api_version/main.lua")
	for version, want := range map[string]string{"": "first", "1": "first", "2": "first", "3": "second", "17": "second", "new": "first"} {
		c.Get("/users/7", "X-API-Version: "+version).From(want)
	}
}

func TestAScriptRoutesByAClaimOfAToken(t *testing.T) {
	c, _, _ := startPattern(t, "jwt_claim/main.lua")
	token := func(claims any) string {
		payload, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		return "Authorization: Bearer e30." + base64.RawURLEncoding.EncodeToString(payload) + ".c2ln"
	}
	for header, want := range map[string]string{
		token(map[string]string{"plan": "paid"}):   "second",
		token(map[string]string{"plan": "free"}):   "first",
		token([]int{1}):                            "first",
		"Authorization: Bearer x.%%%.y":            "first",
		"Authorization: Basic cGFpZDpwYWlk":        "first",
		"X-Nothing: there is no token":             "first",
		token(map[string]any{"plan": []int{1, 2}}): "first",
	} {
		c.Get("/any", header).From(want)
	}
}

func TestAScriptRoutesByTheTimeOfDay(t *testing.T) {
	c, _, _ := startPattern(t, "time_window/main.lua")
	for hour, want := range map[int]string{0: "second", 5: "second", 6: "first", 12: "first", 21: "first", 22: "second", 23: "second"} {
		c.Get("/any", fmt.Sprintf("X-Hour: %d", hour)).From(want)
	}
}

func TestAScriptRoutesByWeightAndClientsStayWhereTheyAre(t *testing.T) {
	c, stable, canary := startPattern(t, "weighted/main.lua")
	const clients = 300
	for range clients {
		c.Get("/any")
	}
	// One in five of 300 is 60 with a deviation of 7; six of those are a chance of one in a billion.
	if got := canary.Requests.Load(); got < 18 || got > 102 || got+stable.Requests.Load() != clients {
		t.Errorf("%d of %d went to the canary, and %d elsewhere", got, clients, stable.Requests.Load())
	}
	for version, want := range map[string]string{"canary": "second", "stable": "first"} {
		for range 20 {
			answer := c.Get("/any", "Cookie: version="+version)
			answer.From(want)
			if cookie := answer.Header.Get("Set-Cookie"); cookie != "" {
				t.Fatalf("a client that has a version got another cookie: %s", cookie)
			}
		}
	}
	cookie, err := http.ParseSetCookie(c.Get("/any", "Cookie: version=other").Header.Get("Set-Cookie"))
	if err != nil || cookie.Name != "version" || !cookie.HttpOnly || cookie.MaxAge != 86400 {
		t.Errorf("the cookie is %+v, %v", cookie, err)
	}
}
