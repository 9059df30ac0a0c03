package hook_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/lib/jwt"
	"github.com/luaroute/caddy-luaroute/luaroute/token"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var withJWT = luatest.Setup{Libraries: map[string]vm.Library{"jwt": jwt.Library{}}}

const (
	identitySecret = "a secret of more than 32 bytes, for tests"
	idp            = `local route, jwt = require("luaroute"), require("jwt")
		local idp = jwt.issuer{ issuer = "me", algorithms = { "HS256" }, secret = "` + identitySecret + `", audience = "api", cache = 10 }
		`
	// show answers with what a request has.
	show = `route:get("/*", function(req)
		local c = req.ctx.claims or req.ctx.consumer or req.ctx.user or {}
		return 200, table.concat({ tostring(c.sub or c.name), tostring(req.headers["X-User"]), tostring(req.headers["X_User"]), tostring(req.headers["X-Roles"]),
			tostring(req.headers["Authorization"] or req.headers["X-Api-Key"] or req.cookies.sid or req.query.key), req:expand("{http.auth.user.id}") }, " ")
	end)`
)

// bearerToken returns a token for idp, with changes.
func bearerToken(t testing.TB, changes map[string]any) string {
	t.Helper()
	claims := map[string]any{"iss": "me", "aud": "api", "sub": "ann", "exp": time.Now().Unix() + 600, "scope": "read write", "roles": []string{"a", "b"}}
	maps.Copy(claims, changes)
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	m := token.Maker{Algorithm: "HS256", Secret: []byte(identitySecret)}
	signed, err := m.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestBearerLetsRequestsWithAGoodTokenPass(t *testing.T) {
	t.Parallel()
	good := bearerToken(t, nil)
	const spoofed = "X-User: eve"
	site := func(options string) *luatest.Site {
		return withJWT.Serve(t, idp+"route:use(idp:bearer"+options+")\n"+show)
	}
	for _, row := range []struct {
		name, options, target string
		fields                []string
		want                  string
	}{
		{"a token", "{}", "/", []string{"Authorization: Bearer " + good, spoofed}, "200 ann eve nil nil Bearer " + good + " ann"},
		{"the scheme in other case", "{}", "/", []string{"Authorization: bEARER  " + good}, "200 ann nil nil nil bEARER  " + good + " ann"},
		{"no token", "{}", "/", nil, "401"},
		{"another scheme", "{}", "/", []string{"Authorization: Basic YTpi"}, "401"},
		{"a bad token", "{}", "/", []string{"Authorization: Bearer x"}, "401"},
		{"two tokens", "{}", "/", []string{"Authorization: Bearer " + good, "Authorization: Bearer " + good}, "401"},
		{"an empty token", "{ optional = true }", "/", []string{"Authorization: Bearer"}, "401"},
		{"none, optional", `{ optional = true, claims_to_headers = { ["X-User"] = "sub" } }`, "/", []string{spoofed}, "200 nil nil nil nil nil "},
		{"a bad one, optional", "{ optional = true }", "/", []string{"Authorization: Bearer x"}, "401"},
		{"claims to headers", `{ strip = true, claims_to_headers = { ["x-user"] = "sub", ["X-Roles"] = "roles" } }`, "/", []string{"Authorization: Bearer " + good, spoofed, "X-User: eve", "X_User: eve", "X-Roles: root"}, "200 ann ann nil a,b nil ann"},
		{"a claim that is missing", `{ strip = true, claims_to_headers = { ["X-User"] = "none" } }`, "/", []string{"Authorization: Bearer " + good, spoofed}, "200 ann nil nil nil nil ann"},
		{"a header that Connection names", `{ strip = true, claims_to_headers = { ["X-User"] = "sub" } }`, "/", []string{"Authorization: Bearer " + good, "Connection: X-User", spoofed}, "200 ann ann nil nil nil ann"},
		{"scopes", `{ strip = true, scopes = { "read", "write" } }`, "/", []string{"Authorization: Bearer " + good}, "200 ann nil nil nil nil ann"},
		{"a scope that is missing", `{ scopes = { "read", "admin" } }`, "/", []string{"Authorization: Bearer " + good}, "403"},
		{"a claim in a list", `{ strip = true, claims = { roles = { "z", "b" }, sub = "ann" } }`, "/", []string{"Authorization: Bearer " + good}, "200 ann nil nil nil nil ann"},
		{"another claim", `{ claims = { roles = "z" } }`, "/", []string{"Authorization: Bearer " + good}, "403"},
		{"from a cookie", `{ from = "cookie:sid", strip = true }`, "/", []string{"Cookie: a=b; sid=" + good + "; c=d"}, "200 ann nil nil nil nil ann"},
		{"from the query", `{ from = "query:key", strip = true }`, "/?key=" + good, nil, "200 ann nil nil nil nil ann"},
		{"from another header", `{ from = "header:X-Api-Key", strip = true }`, "/", []string{"X-Api-Key: " + good}, "200 ann nil nil nil nil ann"},
		{"not from another place", `{ from = "cookie:sid" }`, "/", []string{"Authorization: Bearer " + good}, "401"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got := site(row.options).Do(t, "GET "+row.target, "", row.fields...)
			if s := strings.TrimSpace(got.String()); !strings.HasPrefix(s, strings.TrimSpace(row.want)) || len(row.want) > 3 && s != strings.TrimSpace(row.want) {
				t.Errorf("got  %s\nwant %s", s, row.want)
			}
		})
	}
}

func TestARefusalOfBearerSaysWhyAsRFC6750Does(t *testing.T) {
	t.Parallel()
	site := withJWT.Serve(t, idp+`route:use(idp:bearer{ realm = "api", scopes = "admin" }) `+show)
	for _, row := range []struct{ name, field, want string }{
		{"none", "X: y", `Bearer realm="api"`},
		{"bad", "Authorization: Bearer x", `Bearer realm="api", error="invalid_token", error_description="malformed"`},
		{"expired", "Authorization: Bearer " + bearerToken(t, map[string]any{"exp": 1}), `Bearer realm="api", error="invalid_token", error_description="expired"`},
		{"scope", "Authorization: Bearer " + bearerToken(t, nil), `Bearer realm="api", error="insufficient_scope", error_description="scope", scope="admin"`},
	} {
		if got := site.Do(t, "GET /", "", row.field).Header.Get("WWW-Authenticate"); got != row.want {
			t.Errorf("%s: got  %s\nwant %s", row.name, got, row.want)
		}
	}
}

// The headers that say who a request is from are gone, whatever the answer: also for what answers the refusal.
func TestAClientsOwnIdentityIsGoneWhateverTheAnswer(t *testing.T) {
	t.Parallel()
	const key = "a key of a consumer"
	for name, mw := range map[string]string{
		"bearer": `idp:bearer{ claims_to_headers = { ["X-User"] = "sub" } }`,
		"keys":   `route.keys{ consumers = { { name = "ann", key = "` + key + `" } }, set = { ["X-User"] = "name" } }`,
	} {
		site := withJWT.Serve(t, idp+"route:use("+mw+`)
			route:on_error(function(req, res, err) return err.status, tostring(req.headers["X-User"]) .. tostring(req.headers["X_user"]) end)
			route:get("/fails", function() error("x") end) route:get("/*", function() return 200, "" end)`)
		for _, target := range []string{"/", "/fails", "/none"} {
			for _, credential := range []string{"X: y", "Authorization: Bearer x", "X-Api-Key: x", "Authorization: Bearer " + bearerToken(t, map[string]any{"sub": nil})} {
				if a := site.Do(t, "GET "+target, "", credential, "X-User: eve", "x_user: eve"); strings.Contains(a.Body, "eve") {
					t.Errorf("%s, %s, %s: got %s", name, target, credential, a)
				}
			}
		}
	}
}

func TestTheIdentityOfACandidateThatDeclinesIsNotThatOfTheNext(t *testing.T) {
	t.Parallel()
	site := withJWT.Serve(t, idp+`
		route:with(idp:bearer{ claims_to_headers = { ["X-User"] = "sub" } }):get("/x", function(req) local _ = req.ctx.claims.sub return route.decline end)
		route:with(route.allow{ groups = "b", field = "roles" }):get("/{a}", function(req) return 200, "allowed" end)
		route:get("/*", function(req) return 200, tostring(req.ctx.claims) .. req:expand("{http.auth.user.id}") .. tostring(req.headers["X-User"]) end)`)
	if a := site.Do(t, "GET /x", "", "Authorization: Bearer "+bearerToken(t, nil)); a.Status != 403 {
		t.Errorf("got %s; want 403: route.allow knows nobody", a)
	}
}

func TestGroupsOfTokensAndConsumersOpenRoutes(t *testing.T) {
	t.Parallel()
	site := withJWT.Serve(t, idp+`
		local keys = route.keys{ consumers = {
			{ name = "ann", key = { "the first key of ann", "the other key of ann" }, groups = { "admin" }, plan = "gold" },
			{ name = "bob", key = "the only key of bob!" } }, set = { ["X-User"] = "name", ["X-Roles"] = "plan" } }
		route:with(keys, route.allow{ groups = { "root", "admin" } }):get("/keys", function(req) return 200, req.ctx.consumer.name .. req.headers["X-User"] .. req.headers["X-Roles"] .. tostring(req.headers["X-Api-Key"]) .. tostring(req.ctx.consumer.key) end)
		route:with(idp:bearer(), route.allow{ groups = { "b" }, field = "roles" }):get("/token", function(req) return 200, req.ctx.claims.sub end)
		route:with(route.allow{ groups = { "b" } }):get("/nobody", route.respond(204))`)
	for _, row := range []struct{ target, field, want string }{
		{"/keys", "X-Api-Key: the first key of ann", "200 annanngoldnilnil"},
		{"/keys", "X-Api-Key: the other key of ann", "200 annanngoldnilnil"},
		{"/keys", "X-Api-Key: the only key of bob!", "403"},
		{"/keys", "X-Api-Key: the first key of an", "401"},
		{"/keys", "X: y", "401"},
		{"/nobody", "X: y", "403"},
		{"/token", "Authorization: Bearer " + bearerToken(t, nil), "200 ann"},
		{"/token", "Authorization: Bearer " + bearerToken(t, map[string]any{"roles": "c"}), "403"},
	} {
		if a := site.Do(t, "GET "+row.target, "", row.field); !strings.HasPrefix(a.String(), row.want) {
			t.Errorf("%s with %s: got %s; want %s", row.target, row.field, a, row.want)
		}
	}
}

func TestKeysMayBeWrittenAsTheirHashes(t *testing.T) {
	t.Parallel()
	site := withJWT.Serve(t, `local route = require("luaroute")
		route:use(route.keys{ hash = "sha256", keep = true, from = "header:Authorization", realm = "api",
			consumers = { { name = "ann", key = "88ec0b3dba8d1a67e5eb8a4a5d0e9b0d5ac8aaf0c1ccd3ffe0b0f0e4b9d2b6aa" }, { name = "bob", key = "`+sha256Of("a key of bob's own")+`" } } })
		`+show)
	if a := site.Do(t, "GET /", "", "Authorization: Bearer a key of bob's own"); a.String() != "200 bob nil nil nil Bearer a key of bob's own bob" {
		t.Errorf("got %s", a)
	}
	if a := site.Do(t, "GET /", "", "Authorization: Bearer "+sha256Of("a key of bob's own")); a.Status != 401 || a.Header.Get("WWW-Authenticate") != `ApiKey realm="api"` {
		t.Errorf("the hash of a key is a key: %s", a)
	}
}

func TestAPasswordOpensARoute(t *testing.T) {
	t.Parallel()
	crypted, err := bcrypt.GenerateFromPassword([]byte("password"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	site := withJWT.Serve(t, `local route = require("luaroute")
		route:use(route.basic{ realm = "home", users = {
			ann = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
			bob = "`+string(crypted)+`" } }) `+show)
	for field, want := range map[string]string{
		"Authorization: Basic YW5uOnBhc3N3b3Jk": "200 ann", // ann:password
		"Authorization: Basic YW5uOnBhc3N3b3Jr": "401",
		"Authorization: Basic Ym9iOnBhc3N3b3Jk": "200 bob", // bob:password
		"Authorization: Basic Ym9iOnBhc3N3b3Jr": "401",
		"Authorization: Basic ZXZlOnBhc3N3b3Jk": "401",
		"X: y":                                  "401",
	} {
		a := site.Do(t, "GET /", "", field)
		if !strings.HasPrefix(a.String(), want) || a.Status == 401 && a.Header.Get("WWW-Authenticate") != `Basic realm="home"` {
			t.Errorf("%s: got %s %s; want %s", field, a, a.Header, want)
		}
	}
}

func TestScriptsVerifyAndMakeTokens(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	site := withJWT.Serve(t, idp+`
		local key = jwt.key([[`+privatePEM(t, key)+`]])
		local rsa = jwt.issuer{ issuer = "rsa", algorithms = { "RS256" }, keys = [[`+privatePEM(t, key)+`]], required = { "exp", "sub" } }
		local both = jwt.any(idp, rsa)
		route:get("/verify", function(req)
			local claims, err = both:verify(req.query.t)
			if not claims then return 401, err end
			claims.changed = true
			return 200, claims.sub .. " " .. tostring(both:verify(req.query.t).changed)
		end)
		route:get("/sign", function(req)
			local t = jwt.sign({ iss = "rsa", sub = "bob", big = 2 ^ 40 }, { algorithm = "RS256", key = key, kid = "k", expires_in = 60 })
			local header, claims = jwt.peek(t)
			return 200, header.alg .. header.kid .. header.typ .. " " .. claims.exp - claims.iat .. " " .. claims.big .. " " .. assert(both:verify(t)).sub .. " " .. tostring(key)
		end)`)
	if a := site.Do(t, "GET /sign", ""); a.String() != "200 RS256kJWT 60 1099511627776 bob jwt.key" {
		t.Errorf("got %s", a)
	}
	for query, want := range map[string]string{
		"t=" + bearerToken(t, nil):                        "200 ann nil",
		"t=" + bearerToken(t, map[string]any{"iss": "x"}): "401 issuer",
		"t=" + bearerToken(t, map[string]any{"exp": "x"}): "401 claim exp",
		"":                               "401 missing",
		"t=":                             "401 missing",
		"t=" + strings.Repeat(".", 5000): "401 malformed",
	} {
		if a := site.Do(t, "GET /verify?"+query, ""); a.String() != want {
			t.Errorf("%s: got %s; want %s", query, a, want)
		}
	}
}

func TestWrongOptionsOfIdentityAreErrorsOfTheLoad(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ code, want string }{
		{`jwt.issuer{ algorithms = { "RS256" }, keys = "" }`, "jwt.issuer: issuer is nil; expected what the claim iss must be, or false for anything"},
		{`jwt.issuer{ issuer = "x", algorithms = { "RS256" } }`, "jwt.issuer: found none of them; expected one of jwks, discover, keys and secret"},
		{`jwt.issuer{ issuer = "x", algorithms = { "RS256" }, keys = "", secret = "" }`, "jwt.issuer: found keys and secret; expected one of jwks, discover, keys and secret"},
		{`jwt.issuer{ issuer = "x", algorithms = { "RS256" }, keys = "x" }`, "jwt.issuer: keys: expected PEM, which begins with -----BEGIN"},
		{`jwt.issuer{ issuer = "x", algorithms = { "HS256" }, secret = "x" }`, "jwt.issuer: secret: found 1 bytes; allowed are 32 and more"},
		{`jwt.issuer{ issuer = "x", algorithm = "RS256" }`, `jwt.issuer: unknown key "algorithm"; allowed are`},
		{`idp:bearer{ from = "x" }`, `idp:bearer: from: found "x"; expected header:NAME, cookie:NAME or query:NAME`},
		{`idp:bearer{ realm = '"' }`, `idp:bearer: realm: found "\""; allowed is ASCII without quotes and backslashes`},
		{`idp:bearer{ claims_to_headers = { Host = "sub" } }`, "idp:bearer: claims_to_headers: the field Host means something else; expected one such as X-User"},
		{`idp:bearer{ scopes = "a b" }`, `idp:bearer: scopes: found "a b"; expected a name without blanks and quotes`},
		{`idp.bearer{}`, "issuer expected, got table; methods are called with a colon"},
		{`jwt.sign({}, { algorithm = "HS256", secret = "x" })`, "jwt.sign: secret: found 1 bytes; allowed are 32 and more"},
		{`jwt.sign({ 1 }, { algorithm = "HS256", secret = ("x"):rep(32) })`, "found a list; expected claims with names"},
		{`jwt.key("x")`, "expected PEM, which begins with -----BEGIN"},
		{`route.keys{}`, "route.keys: expected either consumers or file"},
		{`route.keys{ consumers = { { name = "a", key = "x" } } }`, `route.keys: consumers[1].key: found 1 bytes; allowed are 16 to 512`},
		{`route.keys{ consumers = { { key = "x" } } }`, `route.keys: consumers[1].name: expected a string that is not empty`},
		{`route.keys{ consumers = { name = "ann", key = "x" } }`, `route.keys: consumers: expected a list of consumers, such as { { name = "ann", key = "…" } }`},
		{`route.keys{ hash = "md5", consumers = {} }`, `route.keys: hash is "md5"; expected "sha256"`},
		{`route.keys{ hash = "sha256", consumers = { { name = "a", key = "x" } } }`, `key: found 1 characters; expected a SHA-256, 64 hexadecimal digits`},
		{`route.keys{ file = "none.json" }`, `route.keys: none.json: `},
		{`route.allow{}`, "route.allow: groups is nil; expected a list of names"},
		{`route.basic{ users = {} }`, "route.basic: users: expected names and hashes"},
		{`route.basic{ users = { ann = "secret" } }`, "route.basic: users: ann: the hash is of no known kind"},
	} {
		if _, err := withJWT.Load(t, idp+row.code); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v\nwant %s", row.code, err, row.want)
		}
	}
}

func BenchmarkIdentity(b *testing.B) {
	good := bearerToken(b, nil)
	for name, row := range map[string][2]string{
		"nothing":            {"", "X: y"},
		"bearer, remembered": {`route:use(idp:bearer{})`, "Authorization: Bearer " + good},
	} {
		site := withJWT.Serve(b, idp+row[0]+` route:get("/*", route.respond(204))`)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if a := site.Do(b, "GET /", "", row[1]); a.Status != 204 {
					b.Fatal(a)
				}
			}
		})
	}
}
