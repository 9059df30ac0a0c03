package bearer_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/attribute"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/bearer"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/credential"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// claims are those of a token.
type claims struct{ attribute.Set }

func (claims) Name() string { return "claims" }
func (claims) JSON() string { return "{}" }
func (c claims) ID() string { id, _ := c.Text("sub"); return id }
func (c claims) HasScopes(scopes []string) bool {
	for _, s := range scopes {
		if !c.Any("scope", []string{s}) {
			return false
		}
	}
	return true
}

// verifier knows some tokens.
type verifier map[string]any

func (v verifier) Verify(ex *chiproxy.Exchange, token string) (bearer.Claims, error) {
	switch known := v[token].(type) {
	case claims:
		return known, nil
	case error:
		return nil, known
	}
	if err := ex.R.Context().Err(); err != nil {
		return nil, err
	}
	return nil, errors.New("signature")
}

var tokens = verifier{
	"ann":    claims{attribute.Set{"sub": "ann", "scope": []any{"read"}, "role": "admin"}},
	"nobody": claims{attribute.Set{"scope": []any{"read", "write"}}},
	"down":   bearer.ErrUnavailable,
	"odd":    errors.New("claim \"a\\b\nc"),
	"large":  claims{attribute.Set{"sub": strings.Repeat("x", 2<<20)}},
}

// table asks for a token, and says who the request is from, by its header and by the placeholder.
func table(t testing.TB, change func(*bearer.Config)) *routing.Table {
	t.Helper()
	from, err := credential.Parse("header:Authorization", "Bearer")
	if err != nil {
		t.Fatal(err)
	}
	c := bearer.Config{Verifier: tokens, From: from, Headers: []bearer.Header{{Name: "X-User", Claim: "sub"}}}
	if change != nil {
		change(&c)
	}
	m, err := bearer.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return policytest.Table(t, policytest.Action(func(ex *chiproxy.Exchange) error {
		repl := ex.R.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
		id, _ := repl.GetString("http.auth.user.id")
		ex.W.Header().Set("X-Is", ex.R.Header.Get("X-User")+"|"+id+"|"+ex.R.Header.Get("Authorization"))
		ex.W.WriteHeader(http.StatusOK)
		return nil
	}), m)
}

func TestATokenOpensOrIsRefusedAsRFC6750Says(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, token string
		change      func(*bearer.Config)
		status      int
		want        string // X-Is of what passes, else the challenge
		note        string
	}{
		{"a token", "Bearer ann", nil, 200, "ann|ann|Bearer ann", "verified ann"},
		{"one of nobody", "Bearer nobody", nil, 200, "||Bearer nobody", "verified"},
		{"none", "", nil, 401, "Bearer", "refused: missing"},
		{"none, optional", "", func(c *bearer.Config) { c.Optional = true }, 200, "||", "no token"},
		{"another scheme, optional", "Basic x", func(c *bearer.Config) { c.Optional = true }, 200, "||Basic x", "no token"},
		{"a bad one", "Bearer x", nil, 401, `Bearer error="invalid_token", error_description="signature"`, "refused: signature"},
		{"a bad one, optional", "Bearer x", func(c *bearer.Config) { c.Optional = true }, 401, `Bearer error="invalid_token", error_description="signature"`, "refused: signature"},
		{"an empty one", "Bearer ", nil, 401, `Bearer error="invalid_token", error_description="malformed"`, "refused: malformed"},
		{"a reason that cannot be quoted", "Bearer odd", nil, 401, `Bearer error="invalid_token", error_description="claim _a_b_c"`, "refused: claim \"a\\b\nc"},
		{"no keys", "Bearer down", nil, 503, "", "refused: keys unavailable"},
		{"a realm", "", func(c *bearer.Config) { c.Realm = "api" }, 401, `Bearer realm="api"`, "refused: missing"},
		{"a scope", "Bearer ann", func(c *bearer.Config) { c.Scopes = []string{"read"} }, 200, "ann|ann|Bearer ann", "verified ann"},
		{
			"a scope that is missing", "Bearer ann", func(c *bearer.Config) { c.Scopes = []string{"read", "write"} }, 403,
			`Bearer error="insufficient_scope", error_description="scope", scope="read write"`, "refused: scope",
		},
		{"a claim", "Bearer ann", func(c *bearer.Config) { c.Claims = []bearer.Condition{{"role", []string{"root", "admin"}}} }, 200, "ann|ann|Bearer ann", "verified ann"},
		{
			"a claim that is missing", "Bearer nobody", func(c *bearer.Config) { c.Claims = []bearer.Condition{{"role", []string{"admin"}}} }, 403,
			`Bearer error="insufficient_scope", error_description="claim role"`, "refused: claim role",
		},
		{"strip", "Bearer ann", func(c *bearer.Config) { c.Strip = true }, 200, "ann|ann|", "verified ann"},
		{"a claim beyond a header", "Bearer large", nil, 431, "", "verified " + strings.Repeat("x", 2<<20)},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			table := table(t, row.change)
			ask := func(method string) *http.Request {
				r := policytest.Request(method, "/items/1", "X-User", "eve")
				if row.token != "" {
					r.Header.Set("Authorization", row.token)
				}
				return r
			}
			for _, method := range []string{"GET", "HEAD", "POST"} {
				got := policytest.Serve(table, ask(method))
				said := got.Header().Get("X-Is")
				if row.status == 401 || row.status == 403 {
					said = got.Header().Get("Www-Authenticate")
				}
				if got.Code != row.status || said != row.want {
					t.Errorf("%s got %d %s; want %d %s", method, got.Code, said, row.status, row.want)
				}
			}
			if steps := policytest.Explain(table, ask("GET")); len(steps) != 1 || steps[0].Note != row.note {
				t.Errorf("the steps are %.300v; want the note %.100s", steps, row.note)
			}
		})
	}
}

func TestAClientThatLeavesWhileItsTokenIsVerifiedGetsNoChallenge(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := policytest.Serve(table(t, nil), policytest.Request("GET", "/items/1", "Authorization", "Bearer x").WithContext(ctx))
	if got.Code == 401 || got.Header().Get("Www-Authenticate") != "" {
		t.Errorf("got %d %v", got.Code, got.Header())
	}
}

// The user that Caddy's own authentication has found out holds again where the candidate that knew another one has declined.
func TestTheUserOfCaddysAuthenticationHoldsAgainAfterADecline(t *testing.T) {
	t.Parallel()
	from, err := credential.Parse("header:Authorization", "Bearer")
	if err != nil {
		t.Fatal(err)
	}
	m, err := bearer.New(bearer.Config{Verifier: tokens, From: from})
	if err != nil {
		t.Fatal(err)
	}
	table := policytest.Table(t, chiproxy.Decline{}, m)
	for _, outer := range []string{"outer", ""} {
		r := policytest.From(policytest.Request("GET", "/items/1", "Authorization", "Bearer ann"), policytest.Client)
		repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
		if outer != "" {
			repl.Set("http.auth.user.id", outer)
		}
		came := false
		err := table.Serve(policytest.Discard(), r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
			id, known := repl.GetString("http.auth.user.id")
			if came = true; id != outer || known != (outer != "") {
				t.Errorf("with %q outside the user is %q, %v", outer, id, known)
			}
			return nil
		}))
		if err != nil || !came {
			t.Errorf("%v, %v", came, err)
		}
	}
}

func TestWhatATokenThatIsKnownAllocates(t *testing.T) {
	table := table(t, func(c *bearer.Config) { c.Headers = nil })
	r := policytest.From(policytest.Request("GET", "/items/1", "Authorization", "Bearer ann"), policytest.Client)
	w := policytest.Discard()
	bare := policytest.Table(t, policytest.Action(func(ex *chiproxy.Exchange) error { return nil }))
	least := testkit.Allocs(100, func() { _ = bare.Serve(w, r, nil) })
	if n := testkit.Allocs(100, func() { _ = table.Serve(w, r, nil) }); n > least+8 {
		t.Errorf("it allocates %v times, and %v without", n, least)
	}
}
