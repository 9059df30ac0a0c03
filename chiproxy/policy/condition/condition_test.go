package condition_test

import (
	"crypto/tls"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/condition"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/internal/testcaddy"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// asked calls f with the exchange of a request of a client.
func asked(t testing.TB, r *http.Request, client string, f func(*chiproxy.Exchange)) {
	t.Helper()
	table := policytest.Table(t, policytest.Action(func(ex *chiproxy.Exchange) error { f(ex); return nil }))
	policytest.ServeFrom(table, r, client)
}

func must[P any](p P, err error) P {
	if err != nil {
		panic(err)
	}
	return p
}

// TestGuardsOfDataAgreeWithANaiveModel makes guards that are nested and asks them for many requests.
func TestGuardsOfDataAgreeWithANaiveModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	methods, hosts, clients := []string{"GET", "POST", "PURGE"}, []string{"a.example", "b.a.example", "A.example:80"}, []string{"10.1.2.3", "2001:db8::1", "192.0.2.1", "::ffff:10.0.0.1"}
	type model func(r *http.Request, client string) bool
	var guard func(depth int) (*chiproxy.DataGuard, model)
	guard = func(depth int) (*chiproxy.DataGuard, model) {
		g := &chiproxy.DataGuard{}
		var all []model
		for range 1 + random.IntN(2) {
			kinds := 6
			if depth == 0 {
				kinds = 3
			}
			switch random.IntN(kinds) {
			case 0:
				some := methods[random.IntN(3):]
				g.Parts = append(g.Parts, condition.Method(some))
				all = append(all, func(r *http.Request, _ string) bool { return slices.Contains(some, r.Method) })
			case 1:
				g.Parts = append(g.Parts, must(condition.NewHost([]string{"*.a.example", "other.example"})))
				all = append(all, func(r *http.Request, _ string) bool { return r.Host == "b.a.example" })
			case 2:
				prefix := []string{"10.0.0.0/8", "2001:db8::/32", "192.0.2.1/32"}[random.IntN(3)]
				g.Parts = append(g.Parts, must(condition.NewIP([]string{prefix})))
				all = append(all, func(_ *http.Request, client string) bool {
					return netip.MustParsePrefix(prefix).Contains(netip.MustParseAddr(client).Unmap())
				})
			case 3:
				in, says := guard(depth - 1)
				g.Parts = append(g.Parts, condition.Not{Guard: in})
				all = append(all, func(r *http.Request, client string) bool { return !says(r, client) })
			case 4:
				one, saysOne := guard(depth - 1)
				two, saysTwo := guard(depth - 1)
				g.Parts = append(g.Parts, condition.Any{one, two})
				all = append(all, func(r *http.Request, client string) bool { return saysOne(r, client) || saysTwo(r, client) })
			case 5:
				value := []string{"x1", "x2"}[random.IntN(2)]
				g.Conditions = append(g.Conditions, chiproxy.Condition{Name: "X-A", Prefixes: []string{value}})
				all = append(all, func(r *http.Request, _ string) bool {
					return slices.ContainsFunc(r.Header["X-A"], func(v string) bool { return strings.HasPrefix(v, value) })
				})
			}
		}
		return g, func(r *http.Request, client string) bool {
			return !slices.ContainsFunc(all, func(says model) bool { return !says(r, client) })
		}
	}
	held := 0
	for range 300 {
		g, says := guard(3)
		r := policytest.Request(methods[random.IntN(3)], "/items/1")
		r.Host = hosts[random.IntN(3)]
		if random.IntN(2) == 0 {
			r.Header["X-A"] = []string{"y", fmt.Sprint("x", random.IntN(4))}
		}
		client := clients[random.IntN(4)]
		want := says(r, client)
		asked(t, r, client, func(ex *chiproxy.Exchange) {
			if got := g.Holds(ex); got != want || (g.Missed(ex) == "") != want {
				t.Errorf("%s for %s %s of %s: got %v, missed %q", g, r.Method, r.Host, client, got, g.Missed(ex))
			}
		})
		if want {
			held++
		}
	}
	if held < 30 || held > 270 {
		t.Errorf("%d of 300 hold: the requests say little", held)
	}
}

func TestAnAddressIsReadAsByCaddysMatcher(t *testing.T) {
	ranges := []string{"10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32"}
	own := must(condition.NewIP(ranges))
	matcher := &caddyhttp.MatchClientIP{Ranges: ranges}
	if err := matcher.Provision(testcaddy.Context(t)); err != nil {
		t.Fatal(err)
	}
	for _, client := range []string{"10.255.0.1", "11.0.0.1", "2001:db8::5", "2001:db9::5", "192.0.2.7", "192.0.2.8", "fe80::1"} {
		r := policytest.Request("GET", "/items/1")
		asked(t, r, client, func(ex *chiproxy.Exchange) {
			want, _ := matcher.MatchWithError(ex.R)
			if got := own.Holds(ex); got != want {
				t.Errorf("%s: got %v, Caddy %v", client, got, want)
			}
		})
	}
}

func TestIPv4WrittenAsIPv6IsIPv4(t *testing.T) {
	for _, text := range []string{"::ffff:10.0.0.0/104", "::ffff:10.0.0.1", "10.0.0.0/8"} {
		own := must(condition.NewIP([]string{text}))
		for _, client := range []string{"10.0.0.1", "::ffff:10.0.0.1"} {
			asked(t, policytest.Request("GET", "/items/1"), client, func(ex *chiproxy.Exchange) {
				if !own.Holds(ex) {
					t.Errorf("%s is not in %s", client, text)
				}
			})
		}
	}
}

func TestAShareIsAsLargeAsItSaysAndGrowsWithoutLosingAnybody(t *testing.T) {
	small, large := must(condition.NewPercent(10, "header:X-User")), must(condition.NewPercent(20, "header:X-User"))
	const users = 4000
	in := map[*condition.Percent]int{}
	asked(t, policytest.Request("GET", "/items/1"), policytest.Client, func(ex *chiproxy.Exchange) {
		if small.Holds(ex) {
			t.Error("a request without the key is in the share")
		}
		for i := range users {
			ex.R.Header.Set("X-User", fmt.Sprint("user", i))
			if small.Holds(ex) {
				if in[small]++; !large.Holds(ex) {
					t.Errorf("user %d has left a share that grew", i)
				}
			}
			if large.Holds(ex) {
				in[large]++
			}
		}
		if n := testkit.Allocs(100, func() { large.Holds(ex) }); n > 0 {
			t.Errorf("%v allocations", n)
		}
	})
	for p, share := range map[*condition.Percent]float64{small: 0.1, large: 0.2} {
		if got := float64(in[p]) / users; math.Abs(got-share) > 0.02 {
			t.Errorf("%s: %v", p, got)
		}
	}
}

func TestATimeBeginsAndEnds(t *testing.T) {
	from, to := must(condition.ParseTime("2026-12-24T00:00Z")), must(condition.ParseTime("2026-12-25T01:00:00+01:00"))
	now := from
	d := &condition.During{From: from, To: to, Now: func(*chiproxy.Exchange) time.Time { return now }}
	for after, want := range map[time.Duration]bool{-1: false, 0: true, time.Hour: true, 24*time.Hour - 1: true, 24 * time.Hour: false} {
		if now = from.Add(after); d.Holds(nil) != want {
			t.Errorf("%v: got %v", now, !want)
		}
	}
}

func TestTheSchemeIsThatOfTheConnection(t *testing.T) {
	r := policytest.Request("GET", "/items/1", "X-Forwarded-Proto", "https")
	for _, state := range []*tls.ConnectionState{nil, {HandshakeComplete: true}} {
		r.TLS = state
		asked(t, r, policytest.Client, func(ex *chiproxy.Exchange) {
			if condition.Scheme("https").Holds(ex) != (state != nil) || condition.Scheme("http").Holds(ex) != (state == nil) {
				t.Errorf("with %v", state)
			}
		})
	}
}
