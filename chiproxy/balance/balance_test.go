package balance

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/internal/testcaddy"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func breaker(t *testing.T, b *Breaker) *Breaker {
	t.Helper()
	if err := b.prepare(); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestABreakerOpensHalfOpensAndCloses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breaker(t, &Breaker{Errors: 3, Of: 10, Open: caddy.Duration(10 * time.Second), Slow: caddy.Duration(time.Second)})
		is := func(want bool) {
			t.Helper()
			if got := b.OK(); got != want {
				t.Fatalf("OK is %v; want %v", got, want)
			}
		}
		for range 100 { // three failures are too few among more than ten
			b.RecordMetric(500, 0)
			for range 5 {
				b.RecordMetric(499, 0)
			}
			is(true)
		}
		for range 10 {
			b.RecordMetric(200, 0)
		}
		b.RecordMetric(503, 0)
		b.RecordMetric(200, time.Second)
		is(true)
		b.Trip(Trip{Err: errors.New("connection refused")})
		is(false)
		b.RecordMetric(200, 0) // sent before
		time.Sleep(10*time.Second - 1)
		is(false)
		time.Sleep(time.Nanosecond)
		is(true)
		is(true) // others try, too, for a moment
		b.RecordMetric(200, time.Minute)
		time.Sleep(trying)
		is(false) // all of them wait; what was sent long before does not count
		b.RecordMetric(502, time.Millisecond)
		time.Sleep(10*time.Second - 1)
		is(false)
		time.Sleep(time.Nanosecond)
		is(true)
		time.Sleep(trying)
		is(false) // the try got lost
		time.Sleep(10 * time.Second)
		is(true)
		time.Sleep(time.Millisecond)
		b.RecordMetric(200, time.Millisecond)
		is(true)
		b.RecordMetric(500, 0)
		b.RecordMetric(500, 0)
		is(true) // it has forgotten those of before
		b.RecordMetric(500, 0)
		is(false)
	})
}

func TestABreakerThatCannotBeIsAnError(t *testing.T) {
	t.Parallel()
	for want, b := range map[string]*Breaker{
		"errors is -1; expected 1 or more": {Errors: -1}, "of is 4; expected 5": {Of: 4}, "of is 10001": {Of: 10001}, "times above 0": {Open: -1},
	} {
		if err := b.prepare(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
}

// proxy is a reverse_proxy of a configuration.
func proxy(t *testing.T, config string) *reverseproxy.Handler {
	t.Helper()
	ctx, cancel := caddy.NewContext(testcaddy.Context(t))
	t.Cleanup(cancel)
	mod, err := testcaddy.Load(ctx, "http.handlers.reverse_proxy", json.RawMessage(config))
	if err != nil {
		t.Fatal(err)
	}
	return mod.(*reverseproxy.Handler)
}

// ask sends a request, and returns its status.
func ask(h *reverseproxy.Handler) int {
	w := httptest.NewRecorder()
	err := h.ServeHTTP(w, testcaddy.Prepared(w, httptest.NewRequest("GET", "/", nil)), nil)
	if failed, ok := errors.AsType[caddyhttp.HandlerError](err); ok {
		return failed.StatusCode
	}
	return w.Code
}

func TestABreakerOfAReverseProxySeesResponsesAndConnectionsThatFail(t *testing.T) {
	t.Parallel()
	failing := testkit.Upstream(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	for address, status := range map[string]int{failing: 500, ports.Dead(t): 502} {
		for _, transport := range []string{"", `, "transport": {"protocol": "http"}`} {
			h := proxy(t, `{"upstreams": [{"dial": "`+address+`"}], "circuit_breaker": {"type": "luaroute", "errors": 3, "open": "1h"}`+transport+`}`)
			var got []int
			for range 5 {
				got = append(got, ask(h))
			}
			if want := fmt.Sprint([]int{status, status, status, 503, 503}); fmt.Sprint(got) != want {
				t.Errorf("%s%s: got %v; want %s", address, transport, got, want)
			}
		}
	}
}

// TestLeastLatencySpreadsLittleToASlowUpstream counts what one upstream in four gets that takes ten times as long: in turn it would be a quarter,
// and so the time of the 99th percentile.
func TestLeastLatencySpreadsLittleToASlowUpstream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := new(Latency)
		l.start()
		var pool reverseproxy.UpstreamPool
		counts := map[string]*atomic.Int64{}
		for _, dial := range []string{"a:1", "b:1", "c:1", "slow:1"} {
			pool = append(pool, &reverseproxy.Upstream{Dial: dial, Host: new(reverseproxy.Host)})
			counts[dial] = new(atomic.Int64)
		}
		var clients sync.WaitGroup
		for range 8 {
			clients.Go(func() {
				for range 1000 {
					u := l.Select(pool, nil, nil)
					counts[u.Dial].Add(1)
					took := 10 * time.Millisecond
					if u.Dial == "slow:1" {
						took = 100 * time.Millisecond
					}
					time.Sleep(took)
					l.Trip(Trip{Upstream: u, Took: took})
				}
			})
		}
		clients.Wait()
		if slow := counts["slow:1"].Load(); slow > 8000/100 { // less than one in a hundred: the 99th percentile is that of the others
			t.Errorf("the slow one got %d of 8000", slow)
		}
		for _, dial := range []string{"a:1", "b:1", "c:1"} {
			if n := counts[dial].Load(); n < 1500 {
				t.Errorf("%s got %d of 8000", dial, n)
			}
		}
		time.Sleep(10 * time.Minute) // all is forgotten
		if took, _ := l.latencies.of("slow:1"); took > 1000 {
			t.Errorf("after ten minutes the slow one counts %v ns", took)
		}
	})
}

// TestLeastLatencyHalvesTheP99OfRoundRobin runs both with one slow upstream of four.
func TestLeastLatencyHalvesTheP99OfRoundRobin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p99 := func(s reverseproxy.Selector, told func(Trip)) time.Duration {
			var pool reverseproxy.UpstreamPool
			for _, dial := range []string{"a:1", "b:1", "c:1", "slow:1"} {
				pool = append(pool, &reverseproxy.Upstream{Dial: dial, Host: new(reverseproxy.Host)})
			}
			times := make([][]time.Duration, 8)
			var clients sync.WaitGroup
			for i := range times {
				clients.Go(func() {
					for range 1000 {
						u := s.Select(pool, nil, nil)
						took := 10 * time.Millisecond
						if u.Dial == "slow:1" {
							took = 100 * time.Millisecond
						}
						time.Sleep(took)
						told(Trip{Upstream: u, Took: took})
						times[i] = append(times[i], took)
					}
				})
			}
			clients.Wait()
			all := slices.Concat(times...)
			slices.Sort(all)
			return all[len(all)*99/100]
		}
		l := new(Latency)
		l.start()
		ours, turns := p99(l, l.Trip), p99(new(reverseproxy.RoundRobinSelection), func(Trip) {})
		if t.Logf("least latency %s, round robin %s", ours, turns); turns < 2*ours {
			t.Errorf("the 99th percentile is %s; that of round robin is %s", ours, turns)
		}
	})
}

func TestAnUpstreamThatDoesNotAnswerGetsOneRequest(t *testing.T) {
	t.Parallel()
	var stuck, others atomic.Int64
	wait := make(chan struct{})
	slow := testkit.Upstream(t, func(http.ResponseWriter, *http.Request) { stuck.Add(1); <-wait })
	fast := func(w http.ResponseWriter, _ *http.Request) { others.Add(1) }
	h := proxy(t, testkit.Dials(`"load_balancing": {"selection_policy": {"policy": "luaroute_latency", "weights": [1, 1, 1, 2]}}`, slow, testkit.Upstream(t, fast), testkit.Upstream(t, fast)))
	var all sync.WaitGroup
	defer all.Wait()
	defer close(wait)
	for range 200 {
		before, answered := stuck.Load(), make(chan struct{})
		all.Go(func() { ask(h); close(answered) })
		testkit.Until(t, "it is answered, or waits", func() bool {
			select {
			case <-answered:
				return true
			default:
				return stuck.Load() > before
			}
		})
	}
	if n := stuck.Load(); n != 1 {
		t.Errorf("it got %d requests, the others %d; want one", n, others.Load())
	}
}

func TestAnUpstreamThatFailsFastIsNotFast(t *testing.T) {
	t.Parallel()
	var fine atomic.Int64
	up := testkit.Upstream(t, func(http.ResponseWriter, *http.Request) { fine.Add(1) })
	h := proxy(t, testkit.Dials(`"load_balancing": {"selection_policy": {"policy": "luaroute_latency"}}`, ports.Dead(t), up))
	for range 100 {
		ask(h)
	}
	if fine.Load() < 98 {
		t.Errorf("%d of 100 went to the one that works", fine.Load())
	}
}

func TestNoUpstreamThatIsNotAvailableIsSelected(t *testing.T) {
	t.Parallel()
	h := proxy(t, `{"upstreams": [{"dial": "127.0.0.1:1"}, {"dial": "127.0.0.1:2"}], "circuit_breaker": {"type": "luaroute", "errors": 1, "open": "1h"}, "load_balancing": {"selection_policy": {"policy": "luaroute_latency"}}}`)
	if u := h.LoadBalancing.SelectionPolicy.Select(h.Upstreams, nil, nil); u == nil {
		t.Error("none was selected")
	}
	h.CB.RecordMetric(500, 0)
	if u := h.LoadBalancing.SelectionPolicy.Select(h.Upstreams, nil, nil); u != nil {
		t.Errorf("%s was selected", u)
	}
	if u := h.LoadBalancing.SelectionPolicy.Select(nil, nil, nil); u != nil {
		t.Errorf("%s was selected", u)
	}
}

func TestThePolicyTakesWeightsFromACaddyfile(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"luaroute_latency": "[]", "luaroute_latency 3 1": "[3 1]", "luaroute_latency 0": `the weight is "0"`, "luaroute_latency x": `the weight is "x"`,
	} {
		l := new(Latency)
		got := ""
		if err := l.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err != nil {
			got = err.Error()
		} else {
			got = fmt.Sprint(l.Weights)
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s; want %s", text, got, want)
		}
	}
}

func BenchmarkLatency(b *testing.B) {
	l := new(Latency)
	l.start()
	var pool reverseproxy.UpstreamPool
	for i := range 10 {
		u := &reverseproxy.Upstream{Dial: fmt.Sprint("a:", i), Host: new(reverseproxy.Host)}
		pool = append(pool, u)
		l.Trip(Trip{Upstream: u, Took: time.Millisecond})
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Trip(Trip{Upstream: l.Select(pool, nil, nil), Took: time.Millisecond})
	}
}
