package jwt

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/bearer"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/credential"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/luaroute/token"
)

// protected returns a table whose route asks for a token that is remembered, with a scope, and one that asks for nothing; and a request that has
// such a token.
func protected(t testing.TB) (with, without *routing.Table, r *http.Request) {
	t.Helper()
	secret, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := token.New(token.Config{
		Issuer: "https://idp.example", Audience: []string{"api"}, Algorithms: []string{"RS256"}, Cache: 100,
		Keys: token.Fixed{Set: token.NewSet(token.Key{Public: secret.Public()})},
	})
	if err != nil {
		t.Fatal(err)
	}
	maker := token.Maker{Algorithm: "RS256", Key: token.Key{Public: secret.Public(), Private: secret}}
	text, err := maker.Sign(fmt.Appendf(nil, `{"iss":"https://idp.example","aud":"api","sub":"ann","scope":"read write","name":"Ann Example","exp":%d}`,
		time.Now().Unix()+3600))
	if err != nil {
		t.Fatal(err)
	}
	from, err := credential.Parse("header:Authorization", "Bearer")
	if err != nil {
		t.Fatal(err)
	}
	m, err := bearer.New(bearer.Config{
		Verifier: verifier{issuer}, From: from, Scopes: []string{"read"}, Headers: []bearer.Header{{Name: "X-User", Claim: "sub"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	action := policytest.Action(func(ex *chiproxy.Exchange) error {
		if _, claimed := ex.R.Header["X-User"]; claimed {
			ex.W.Header()["X-Is"] = ex.R.Header["X-User"]
		}
		return nil
	})
	with, without = policytest.Table(t, action, m), policytest.Table(t, action)
	r = policytest.From(policytest.Request("GET", "/items/1", "Authorization", "Bearer "+text), policytest.Client)
	w := policytest.Discard()
	if err := with.Serve(w, r, nil); err != nil || w.Header().Get("X-Is") != "ann" {
		t.Fatalf("the token is not taken: %v, %v", err, w.Header())
	}
	return with, without, r
}

func TestWhatARequestWithARememberedTokenAllocates(t *testing.T) {
	with, without, r := protected(t)
	w := policytest.Discard()
	least := testkit.Allocs(100, func() { _ = without.Serve(w, r, nil) })
	if n := testkit.Allocs(100, func() { _ = with.Serve(w, r, nil) }); n > least+3 {
		t.Errorf("it allocates %v times, and %v without a token", n, least)
	}
}

// BenchmarkARequestWithARememberedToken is the whole of a request by itself, and how much of it the token takes.
func BenchmarkARequestWithARememberedToken(b *testing.B) {
	with, without, r := protected(b)
	w := policytest.Discard()
	least := [2]time.Duration{time.Hour, time.Hour}
	b.ReportAllocs()
	for b.Loop() {
		for i, table := range []*routing.Table{with, without} { // in turns, and the least of each: others use the machine, too
			start := time.Now()
			for range 100 {
				_ = table.Serve(w, r, nil)
			}
			least[i] = min(least[i], time.Since(start)/100)
		}
	}
	b.ReportMetric(float64(least[0]), "ns/request")
	b.ReportMetric(float64(least[0]-least[1]), "ns/token")
	b.ReportMetric(0, "ns/op") // of 200 requests
}
