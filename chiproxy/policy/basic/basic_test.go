package basic_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/basic"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/internal/password"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// argon is the hash of "password", one of the reference implementation.
const argon = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"

// table has ann, whose hash is one of argon2id, and bob with one of bcrypt.
func table(t testing.TB) *routing.Table {
	t.Helper()
	crypted, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	m, err := basic.New(map[string]string{"ann": argon, "bob": string(crypted)}, "home", origin.Origin{Script: "main.lua", Line: 3, Kind: "basic"})
	if err != nil {
		t.Fatal(err)
	}
	return policytest.Table(t, policytest.Action(func(ex *chiproxy.Exchange) error {
		ex.W.Header().Set("X-Is", ex.Identities()[0].ID())
		ex.W.WriteHeader(http.StatusOK)
		return nil
	}), m)
}

func asks(method, name, text string) *http.Request {
	r := policytest.Request(method, "/items/1")
	r.SetBasicAuth(name, text)
	return r
}

func TestANameAndItsPasswordPassAndNothingElseDoes(t *testing.T) {
	t.Parallel()
	table := table(t)
	for _, row := range []struct {
		name, text, is string
		note           string
	}{
		{"ann", "password", "ann", "user ann"},
		{"bob", "secret", "bob", "user bob"},
		{"ann", "secret", "", "refused: name or the password is wrong"},
		{"bob", "password", "", "refused: name or the password is wrong"},
		{"Ann", "password", "", "refused: name or the password is wrong"},
		{"eve", "password", "", "refused: name or the password is wrong"},
		{"eve", "secret", "", "refused: name or the password is wrong"},
		{"", "password", "", "refused: name or the password is wrong"},
		{"ann", "", "", "refused: name or the password is wrong"},
		{"ann", strings.Repeat("x", 2000), "", "refused: name or the password is wrong"},
		{"bob", "secret" + strings.Repeat("x", 80), "", "refused: name or the password is wrong"},
	} {
		for range 2 { // the second one with what is remembered
			for _, method := range []string{"GET", "HEAD"} {
				got := policytest.Serve(table, asks(method, row.name, row.text))
				if row.is != "" && (got.Code != 200 || got.Header().Get("X-Is") != row.is) {
					t.Errorf("%s %s:%.10s got %d as %q", method, row.name, row.text, got.Code, got.Header().Get("X-Is"))
				}
				if row.is == "" && (got.Code != 401 || got.Header().Get("Www-Authenticate") != `Basic realm="home"` || got.Header().Get("X-Is") != "") {
					t.Errorf("%s %s:%.10s got %d %v", method, row.name, row.text, got.Code, got.Header())
				}
			}
		}
		steps := policytest.Explain(table, asks("GET", row.name, row.text))
		if len(steps) != 1 || steps[0].Note != row.note {
			t.Errorf("%s:%.10s: the steps are %+v; want %s", row.name, row.text, steps, row.note)
		}
	}
	if got := policytest.Serve(table, policytest.Request("GET", "/items/1", "Authorization", "Bearer x")); got.Code != 401 {
		t.Errorf("without a password: %d", got.Code)
	}
}

// It is not parallel: it takes both slots.
func TestAPasswordWaitsForASlotUnlessItIsKnown(t *testing.T) {
	table := table(t)
	if got := policytest.Serve(table, asks("GET", "ann", "password")); got.Code != 200 {
		t.Fatal(got.Code)
	}
	password.Slots <- struct{}{}
	password.Slots <- struct{}{}
	defer func() { <-password.Slots; <-password.Slots }()
	if got := policytest.Serve(table, asks("GET", "ann", "password")); got.Code != 200 {
		t.Errorf("one that is known got %d", got.Code)
	}
	for _, name := range []string{"ann", "bob", "eve"} { // whether there is one or not
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("the client has left"))
		if got := policytest.Serve(table, asks("GET", name, "wrong").WithContext(ctx)); got.Code != 499 {
			t.Errorf("%s without a slot got %d; want to wait until the client leaves", name, got.Code)
		}
	}
}

func TestUsersThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for want, users := range map[string]map[string]string{
		"users: expected names and hashes":                            {},
		`users: found the name "a:b"; allowed are those without`:      {"a:b": argon},
		`users: found the name ""; allowed are those without`:         {"": argon},
		"users: ann: the hash is of no known kind; allowed are $argo": {"ann": "secret"},
		"users: ann: the bcrypt hash has a cost of 31; allowed are 14": {
			"ann": "$2a$31$" + strings.Repeat("a", 53),
		},
	} {
		if _, err := basic.New(users, "", origin.Origin{}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v; want %s", err, want)
		}
	}
	if _, err := basic.New(map[string]string{"a": argon}, `"`, origin.Origin{}); err == nil {
		t.Error("a realm with quotes is taken")
	}
}

func TestAPasswordThatIsKnownCostsFewAllocations(t *testing.T) {
	table := table(t)
	r := policytest.From(asks("GET", "ann", "password"), policytest.Client)
	w := policytest.Discard()
	serve := func() { _ = table.Serve(w, r, nil) }
	serve()
	if n := testkit.Allocs(100, serve); n > 8 {
		t.Errorf("it allocates %v times", n)
	}
}
