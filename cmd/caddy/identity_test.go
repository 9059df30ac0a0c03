package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestAFileOfKeysIsWatchedAndAWrongOneKeepsThoseBefore(t *testing.T) {
	c := e2e.New(t)
	c.File("main.lua", `local route = require("luaroute")
		route:use(route.keys{ file = "keys.json" })
		route:get("/", function(req) return 200, req.ctx.consumer.name end)`)
	c.File("keys.json", `[{"name":"ann","key":"the first key of ann"}]`)
	c.Start(watched)
	c.Get("/", "X-Api-Key: the first key of ann").Want(200, "ann")
	c.File("keys.json", `[{"name":"ann","key":"the second key of ann"}]`)
	e2e.Until(t, "the new key is known", func() bool { return c.Get("/", "X-Api-Key: the second key of ann").Body == "ann" })
	c.Get("/", "X-Api-Key: the first key of ann").Want(401, "")
	c.File("keys.json", `[{"name":"ann","key":["the second key of ann",7]}]`)
	e2e.Until(t, "the error is reported", func() bool { return instances(t, c)[0].LastError != nil })
	if failed := instances(t, c)[0].LastError; !strings.Contains(failed.Error, "main.lua:2: route.keys: keys.json: [0].key[1]: expected a string, or a list of strings") {
		t.Errorf("the error is %s", failed.Error)
	}
	c.Get("/", "X-Api-Key: the second key of ann").Want(200, "ann")
}

func TestATenantVerifiesTokensOfAnIssuerThatItMayAsk(t *testing.T) {
	c := e2e.New(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	idp := c.Serve("idp", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "a", Algorithm: "RS256", Use: "sig"}}})
	})
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "a"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	claims, _ := json.Marshal(map[string]any{"iss": "https://idp.example", "sub": "ann", "aud": "api", "exp": time.Now().Unix() + 600})
	signed, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := signed.CompactSerialize()
	c.File("acme/main.lua", head+`local jwt = require("jwt")
		local idp = jwt.issuer{ issuer = "https://idp.example", audience = "api", algorithms = { "RS256" }, jwks = "http://$idp/keys" }
		route:use(idp:bearer{})
		route:get("/", function(req) return 200, req.ctx.claims.sub end)`)
	site := func(allow, libs string) string {
		return "http:// {\nluaroute {\n" + libs + "\ntenant acme {\nscript $dir/acme/main.lua\nallow {\n" + allow + "\n}\n}\n}\n}"
	}
	err = c.Load(c.Caddyfile(site("libs safe", "")))
	if err == nil || !strings.Contains(err.Error(), "library \"jwt\" is not allowed for the scripts of this tenant; it needs `libs safe jwt` in its allow block") {
		t.Errorf("without jwt among its libs: %v", err)
	}
	for _, row := range []struct {
		allow, libs string
		status      int
	}{
		{"libs safe jwt", "", 503},
		{"libs safe jwt", "libs http {\nallow 127.0.0.1\n}", 503},
		{"libs safe jwt\nupstreams network 127.0.0.1", "", 503},
		{"libs safe jwt\nupstreams network 127.0.0.1", "libs http {\nallow 127.0.0.1\n}", 200},
	} {
		before := idp.Requests.Load()
		c.Start(site(row.allow, row.libs))
		got := c.Get("/", "Authorization: Bearer "+text)
		if asked := idp.Requests.Load() > before; got.Status != row.status || asked != (row.status == 200) {
			t.Errorf("%+v: got %d %s, the issuer was asked: %v", row, got.Status, got.Body, asked)
		}
	}
	c.Get("/").Want(401, "")
	c.Get("/", "Authorization: Bearer "+text[:len(text)-4]+"AAAA").Want(401, "")
}
