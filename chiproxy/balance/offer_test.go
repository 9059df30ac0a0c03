package balance

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

func offerOf(n int) *Offer {
	o := &Offer{}
	for i := range n {
		o.Upstreams = append(o.Upstreams, &reverseproxy.Upstream{Dial: fmt.Sprintf("10.0.0.%d:80", i+1), Host: new(reverseproxy.Host)})
		o.Own = append(o.Own, Own{Weight: 1, Fields: map[string]any{"n": float64(i)}})
	}
	return o
}

func TestAHashSpreadsEvenlyAndMovesOnlyWhatItMust(t *testing.T) {
	t.Parallel()
	const texts = 20_000
	o := offerOf(10)
	was, counts := make([]int, texts), make([]int, 10)
	for i := range texts {
		was[i] = o.All().Hash(fmt.Sprint("user", i))
		counts[was[i]]++
	}
	for at, n := range counts {
		if n < texts/10*9/10 || n > texts/10*11/10 {
			t.Errorf("the upstream %d has %d of %d", at, n, texts)
		}
	}
	o.Own[3].Weight = 0 // it goes
	for i := range texts {
		switch now := o.All().Hash(fmt.Sprint("user", i)); {
		case was[i] != 3 && now != was[i]:
			t.Fatalf("user%d moved from %d to %d, though %[2]d stays", i, was[i], now)
		case now == 3:
			t.Fatalf("user%d is at the one that is drained", i)
		}
	}
	o.Own[3].Weight, o.Own[0].Weight = 1, 3 // it comes back, and another gets more: what moves, moves to that
	first := 0
	for i := range texts {
		now := o.All().Hash(fmt.Sprint("user", i))
		if now != was[i] && now != 0 {
			t.Fatalf("user%d moved from %d to %d", i, was[i], now)
		}
		if now == 0 {
			first++
		}
	}
	if want := texts * 3 / 12; first < want*9/10 || first > want*11/10 {
		t.Errorf("three in twelve are %d of %d", first, texts)
	}
}

func TestChanceTakesEachAsOftenAsItsWeightSays(t *testing.T) {
	t.Parallel()
	const draws = 60_000
	for name, choose := range map[string]func(List) int{"random": List.Random, "weighted": List.Weighted} {
		o := offerOf(4)
		for at, w := range []float64{0, 1, 2, 3} {
			o.Own[at].Weight = w
		}
		counts := make([]int, 4)
		for range draws {
			counts[choose(o.All())]++
		}
		want := []int{0, draws / 3, draws / 3, draws / 3}
		if name == "weighted" {
			want = []int{0, draws / 6, draws / 3, draws / 2}
		}
		for at, n := range counts {
			if n < want[at]*95/100 || n > want[at]*105/100 {
				t.Errorf("%s: %v; want about %v", name, counts, want)
				break
			}
		}
	}
}

func TestChanceIsEvenWhereMostAreTried(t *testing.T) {
	t.Parallel()
	const draws = 20_000
	o := offerOf(100)
	o.Tried = o.Upstreams[:96]
	counts := make([]int, 100)
	for range draws {
		counts[o.All().Random()]++
	}
	for at := 96; at < 100; at++ {
		if n := counts[at]; n < draws/4*9/10 || n > draws/4*11/10 {
			t.Errorf("the upstream %d has %d of %d", at, n, draws)
		}
	}
}

func TestWhatIsNotAvailableOrWasTriedIsNotChosen(t *testing.T) {
	t.Parallel()
	all := map[string]func(List) int{
		"hash": func(l List) int { return l.Hash("x") }, "random": List.Random, "weighted": List.Weighted, "best": List.Best,
		"least": func(l List) int { return l.Least("requests") }, "least of its own": func(l List) int { return l.Least("n") },
	}
	for name, choose := range all {
		o := offerOf(3)
		o.Tried = o.Upstreams[:1]
		o.Upstreams[1] = &reverseproxy.Upstream{Dial: "10.0.0.2:80", Host: new(reverseproxy.Host), MaxRequests: -1}
		o.Own[1].Weight = 0
		for range 50 {
			if at := choose(o.All()); at != 2 {
				t.Fatalf("%s: got %d; want 2", name, at)
			}
		}
		o.Tried = append(o.Tried, o.Upstreams[2])
		if at := choose(o.All()); at != -1 {
			t.Errorf("%s: got %d of none", name, at)
		}
		if at := choose((&Offer{}).All()); at != -1 {
			t.Errorf("%s: got %d of nothing", name, at)
		}
		if at := choose(offerOf(3).All().Where("n", 1.0)); at != 1 {
			t.Errorf("%s: got %d of those whose n is 1", name, at)
		}
	}
	if at := offerOf(3).All().Least("nothing"); at != -1 {
		t.Errorf("the least of what none has is %d", at)
	}
}

func TestACookieLeadsToItsUpstreamOnAllServersAlsoWhenThatIsDrained(t *testing.T) {
	t.Parallel()
	o, s := offerOf(20), &Sticky{Cookie: "lb", TTL: time.Hour, Secret: "0123456789abcdef"}
	field := s.Field(o.Upstreams[7], new(CookieValues), true)
	if want := "lb=ov2vYVd6dIgbpiVYQwkpbNqm; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax"; field != want && len(field) != len(want) {
		t.Errorf("the field is %s", field)
	}
	r := &http.Request{Header: http.Header{}}
	c, err := http.ParseSetCookie(field)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", "other=1; lb=nonsense; lb="+c.Value)
	o.Own[7].Weight = 0
	for range 2 {
		if at := o.Kept(s, nil, r); at != 7 {
			t.Errorf("got %d", at)
		}
	}
	o.Upstreams[2], o.Upstreams[7] = o.Upstreams[7], o.Upstreams[2] // another place is the same upstream
	if at := o.Kept(s, new(CookieValues), r); at != 2 {
		t.Errorf("after a move: got %d", at)
	}
	for what, other := range map[string]*Sticky{"another secret": {Cookie: "lb", Secret: "fedcba9876543210"}, "another name": {Cookie: "bl", Secret: s.Secret}} {
		if at := o.Kept(other, nil, r); at != -1 {
			t.Errorf("%s: got %d", what, at)
		}
	}
	o.Tried = o.Upstreams[2:3]
	if at := o.Kept(s, nil, r); at != -1 {
		t.Errorf("after it was tried: got %d", at)
	}
}

func BenchmarkOffer(b *testing.B) {
	for _, n := range []int{3, 10_000} {
		o := offerOf(n)
		o.Latencies = NewLatencies()
		for name, choose := range map[string]func(List) int{
			"hash": func(l List) int { return l.Hash("x") }, "random": List.Random, "weighted": List.Weighted, "best": List.Best,
			"least": func(l List) int { return l.Least("requests") },
		} {
			b.Run(fmt.Sprint(name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					choose(o.All())
				}
			})
		}
	}
}
