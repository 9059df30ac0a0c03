package pool

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

func TestPoolsAreSharedByConfiguration(t *testing.T) {
	t.Parallel()
	p := newTestPools(t)
	first := mustAcquire(t, p, `{"upstreams":[{"dial":"127.0.0.1:1"}],"stream_timeout":9007199254740993}`)
	for name, row := range map[string]struct {
		config string
		same   bool
	}{
		"the same text is the same pool":            {`{"upstreams":[{"dial":"127.0.0.1:1"}],"stream_timeout":9007199254740993}`, true},
		"order and white space do not matter":       {` {"stream_timeout": 9007199254740993, "upstreams": [ {"dial":"127.0.0.1:1"} ] } `, true},
		"the handler key does not matter":           {`{"handler":"reverse_proxy","upstreams":[{"dial":"127.0.0.1:1"}],"stream_timeout":9007199254740993}`, true},
		"a large number is not rounded":             {`{"upstreams":[{"dial":"127.0.0.1:1"}],"stream_timeout":9007199254740992}`, false},
		"another address makes another pool":        {`{"upstreams":[{"dial":"127.0.0.1:2"}],"stream_timeout":9007199254740993}`, false},
		"the order of upstreams makes another pool": {dials("", "127.0.0.1:1", "127.0.0.1:2"), false},
	} {
		t.Run(name, func(t *testing.T) {
			if same := mustAcquire(t, p, row.config) == first; same != row.same {
				t.Errorf("shared: %v, want %v", same, row.same)
			}
		})
	}
}

func TestAWrongPoolIsRefused(t *testing.T) {
	t.Parallel()
	p := newTestPools(t)
	for name, row := range map[string]struct{ config, want string }{
		"no upstreams":              {`{}`, "no upstreams; give it an address, or dynamic_upstreams"},
		"an unknown field":          {dials(`"flush":1`, "a:1"), `unknown field "flush"`},
		"an unknown nested field":   {dials(`"load_balancing":{"retrys":1}`, "a:1"), `unknown field "retrys"`},
		"another handler":           {dials(`"handler":"file_server"`, "a:1"), `handler "file_server": expected "reverse_proxy", or nothing`},
		"no JSON":                   {`nonsense`, "expected the JSON of a reverse_proxy"},
		"a list":                    {`[]`, "expected the JSON of a reverse_proxy"},
		"more than one object":      {dials("", "a:1") + dials("", "b:1"), "found more after it"},
		"a null upstream":           {`{"upstreams":[null]}`, "upstream 1 is null"},
		"an empty address":          {dials("", ""), `upstream "": expected one host:port or unix/path`},
		"an address without a port": {dials("", "localhost"), `upstream "localhost": expected one host:port`},
		"a port range":              {dials("", "a:1-3"), `upstream "a:1-3": expected one host:port`},
		"an unknown policy":         {dials(`"load_balancing":{"selection_policy":{"policy":"best"}}`, "a:1"), `unknown lb_policy "best"; allowed are `},
		"a policy without a name":   {dials(`"load_balancing":{"selection_policy":{}}`, "a:1"), `the name of the "policy" is missing`},
		"a policy's unknown field":  {dials(`"load_balancing":{"selection_policy":{"policy":"first","x":1}}`, "a:1"), `unknown field "x"`},
		"a policy out of its range": {dials(`"load_balancing":{"selection_policy":{"policy":"random_choose","choose":1}}`, "a:1"), "choose must be at least 2"},
		"an unknown transport":      {dials(`"transport":{"protocol":"carrier"}`, "a:1"), "carrier"},
		"a proxy that is no range":  {dials(`"trusted_proxies":["x"]`, "a:1"), "invalid IP address"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.Acquire(Spec{Name: "a", Config: json.RawMessage(row.config)})
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want %s", err, row.want)
			}
		})
	}
	if p.Len() != 0 {
		t.Errorf("%d pools are left of what failed", p.Len())
	}
}

func TestAPoolThatFailsGivesBackNoHostsOfOthers(t *testing.T) {
	p := newTestPools(t)
	const dial = "127.0.0.1:7" // of this test only
	host := func(more string) *reverseproxy.Host {
		return mustAcquire(t, p, dials(more, dial)).handler.Upstreams[0].Host
	}
	was := host("")
	for _, more := range []string{`"trusted_proxies":["x"]`, `"health_checks":{"active":{"uri":"/","expect_body":"("}}`} {
		if _, err := p.Acquire(Spec{Name: "a", Config: json.RawMessage(dials(more, dial))}); err == nil {
			t.Fatalf("%s was accepted", more)
		}
	}
	if host(`"flush_interval":1`) != was {
		t.Error("the upstream lost its count of requests and failures")
	}
}

func TestEveryAddressThatCaddyDialsIsAccepted(t *testing.T) {
	t.Parallel()
	p := newTestPools(t)
	for _, dial := range []string{"127.0.0.1:80", "[::1]:80", ":80", "name.example:80", "unix//run/x.sock", "{http.vars.up}", "a:{port}"} {
		if _, err := p.Acquire(Spec{Name: "a", Config: json.RawMessage(dials("", dial))}); err != nil {
			t.Error(err)
		}
	}
}

func TestPoolsWithoutATransportShareOne(t *testing.T) {
	t.Parallel()
	p := newTestPools(t)
	transport := func(more string) http.RoundTripper { return mustAcquire(t, p, dials(more, "a:1")).handler.Transport }
	plain := transport("")
	for name, row := range map[string]struct {
		more string
		same bool
	}{
		"timeouts":           {`"stream_timeout":"1h"`, true},
		"a policy":           {`"load_balancing":{"selection_policy":{"policy":"least_conn"}}`, true},
		"health checks":      {`"health_checks":{"passive":{"max_fails":3}}`, true},
		"its own transport":  {`"transport":{"protocol":"http","dial_timeout":"1s"}`, false},
		"a retry expression": {`"load_balancing":{"retry_match":[{"method":["PUT"]}]}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			if same := transport(row.more) == plain; same != row.same {
				t.Errorf("shared: %v, want %v", same, row.same)
			}
		})
	}
}

func TestPoolsThatMayDialTheSameShareATransport(t *testing.T) {
	t.Parallel()
	p := newTestPools(t)
	transport := func(more string) http.RoundTripper {
		return mustAcquire(t, p, dials(more, "10.0.0.1:1")).handler.Transport
	}
	const network = `"transport":{"protocol":"luaroute","upstreams":["network"]}`
	first := transport(network)
	for name, row := range map[string]struct {
		more string
		same bool
	}{
		"the same":              {network + `,"stream_timeout":"1h"`, true},
		"others":                {`"transport":{"protocol":"luaroute","upstreams":["public"]}`, false},
		"a transport inside":    {`"transport":{"protocol":"luaroute","upstreams":["network"],"transport":{"protocol":"http"}}`, false},
		"what is never checked": {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			if same := transport(row.more) == first; same != row.same {
				t.Errorf("shared: %v, want %v", same, row.same)
			}
		})
	}
}

// tracked is a selection policy that counts its instances.
type tracked struct{}

var trackedLive atomic.Int64

func init() { caddy.RegisterModule(tracked{}) }

func (tracked) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: policyIDPrefix + "chiproxy_tracked", New: func() caddy.Module { return new(tracked) }}
}

func (*tracked) Provision(caddy.Context) error {
	trackedLive.Add(1)
	return nil
}

func (*tracked) Cleanup() error {
	trackedLive.Add(-1)
	return nil
}

func (*tracked) Select(pool reverseproxy.UpstreamPool, _ *http.Request, _ http.ResponseWriter) *reverseproxy.Upstream {
	return pool[0]
}

func TestTheLastReleaseEndsAPool(t *testing.T) {
	const config = `{"upstreams":[{"dial":"127.0.0.1:1"}],"load_balancing":{"selection_policy":{"policy":"chiproxy_tracked"}}}`
	p := newTestPools(t)
	before := trackedLive.Load()
	one, two := mustAcquire(t, p, config), mustAcquire(t, p, config)
	if one != two || trackedLive.Load() != before+1 {
		t.Fatal("the pool was made twice")
	}
	one.Release()
	if trackedLive.Load() != before+1 {
		t.Fatal("the pool ended while it was referred to")
	}
	two.Release()
	if trackedLive.Load() != before {
		t.Fatal("the pool's modules were not cleaned up")
	}
	if again := mustAcquire(t, p, config); again == one || trackedLive.Load() != before+1 {
		t.Fatal("a pool that had ended was used again")
	}
	p.Close()
	if trackedLive.Load() != before {
		t.Fatal("Close left a pool")
	}
}

func TestCloseEndsWhatIsLeftAndLaterReleasesDoNoHarm(t *testing.T) {
	t.Parallel()
	p := newTestPools(t)
	pool := mustAcquire(t, p, dials("", "127.0.0.1:1"))
	p.Close()
	pool.Release()
	p.Close()
	if _, err := p.Acquire(Spec{Name: "a", Config: json.RawMessage(dials("", "a:1"))}); err == nil {
		t.Error("a pool was made after the end")
	}
}

// Caddy's list of a configuration's modules has no lock. Were a pool recorded there, the race detector would say so.
func TestPoolsComeAndGoConcurrently(t *testing.T) {
	t.Parallel()
	p := newTestPools(t)
	configs := []string{
		dials("", "127.0.0.1:1"),
		dials(`"load_balancing":{"selection_policy":{"policy":"round_robin"}}`, "127.0.0.1:1"),
		dials(`"transport":{"protocol":"http"}`, "127.0.0.1:1"),
		dials(`"load_balancing":{"selection_policy":{"policy":"random_choose","choose":2}}`, "127.0.0.1:1"),
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 25 {
				pool, err := p.Acquire(Spec{Name: "p", Config: json.RawMessage(configs[(g+i)%len(configs)])})
				if err != nil {
					t.Error(err)
					return
				}
				if len(pool.Upstreams()) != 1 {
					t.Error("the pool has no upstream")
				}
				pool.Release()
			}
		})
	}
	wg.Wait()
	if p.Len() != 0 {
		t.Errorf("%d pools are left", p.Len())
	}
}

// nesting is a policy that acquires a pool of its own while it is provisioned, as a handler of this project does that
// stands in a pool's handle_response.
type nesting struct{ reverseproxy.RandomSelection }

func init() { caddy.RegisterModule(nesting{}) }

func (nesting) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: policyIDPrefix + "chiproxy_nesting", New: func() caddy.Module { return new(nesting) }}
}

func (*nesting) Provision(ctx caddy.Context) error {
	p := NewSet(ctx)
	defer p.Close()
	_, err := p.Acquire(Spec{Name: "inner", Config: json.RawMessage(dials("", "127.0.0.1:1"))})
	return err
}

func TestAPoolMayBringAPoolOfItsOwn(t *testing.T) {
	pool := mustAcquire(t, newTestPools(t), dials(`"load_balancing":{"selection_policy":{"policy":"chiproxy_nesting"}}`, "127.0.0.1:1"))
	if len(pool.Upstreams()) != 1 {
		t.Error("the pool has no upstream")
	}
}

func TestReleaseStopsTheHealthChecker(t *testing.T) {
	var checks atomic.Int64
	up := upstreamAt(t, func(w http.ResponseWriter, _ *http.Request) {
		checks.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	p := newTestPools(t)
	mustAcquire(t, p, dials("", "127.0.0.1:1")) // what all pools share
	const checker, updater = "reverseproxy.(*Handler).activeHealthChecker", "metricsUpstreamsHealthyUpdater"
	before := goroutines(checker, updater) // those of other tests, which may be about to end

	pool := mustAcquire(t, p, dials(`"health_checks":{"active":{"uri":"/up","interval":"2ms"}}`, up))
	eventually(t, "the upstream is found unhealthy", func() bool { return !pool.Upstreams()[0].Healthy })
	added := func(functions ...string) int {
		now := goroutines(functions...)
		maps.DeleteFunc(now, func(id string, _ bool) bool { return before[id] })
		return len(now)
	}
	if n := added(checker); n != 1 {
		t.Fatalf("%d health checkers run, want one", n)
	}
	pool.Release()
	eventually(t, "the health checker has stopped", func() bool { return added(checker, updater) == 0 })
	if checks.Load() == 0 {
		t.Error("the upstream was never checked")
	}
}

// goroutines returns the names of the goroutines that run one of some functions.
func goroutines(functions ...string) map[string]bool {
	buf := make([]byte, 1<<20)
	n := runtime.Stack(buf, true)
	for ; n == len(buf); n = runtime.Stack(buf, true) {
		buf = make([]byte, 2*len(buf))
	}
	found := map[string]bool{}
	for g := range strings.SplitSeq(string(buf[:n]), "\n\n") {
		name, stack, _ := strings.Cut(g, " [") // goroutine 7 [select]:
		if slices.ContainsFunc(functions, func(f string) bool { return strings.Contains(stack, f) }) {
			found[name] = true
		}
	}
	return found
}

func TestCaddysGaugeOfHealthyUpstreamsIsInTheRegistryOfTheConfiguration(t *testing.T) {
	p := newTestPools(t)
	pool := mustAcquire(t, p, dials(`"transport":{"protocol":"http"}`, "127.0.0.1:9"))
	defer pool.Release()
	eventually(t, "the gauge shows the upstream", func() bool {
		families, err := p.ctx.GetMetricsRegistry().Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "caddy_reverse_proxy_upstreams_healthy" {
				return true
			}
		}
		return false
	})
}

func BenchmarkPools(b *testing.B) {
	for name, more := range map[string]string{
		"plain":      "",
		"least_conn": `"load_balancing":{"selection_policy":{"policy":"least_conn"}}`,
		"transport":  `"transport":{"protocol":"http"}`,
		"checked":    `"transport":{"protocol":"luaroute","upstreams":["network"]}`,
	} {
		b.Run(name, func(b *testing.B) {
			p := newTestPools(b)
			mustAcquire(b, p, dials("", "127.0.0.1:1"))
			specs := make([]Spec, b.N)
			for i := range specs {
				specs[i] = Spec{Name: "p", Config: json.RawMessage(dials(more, fmt.Sprintf("10.%d.%d.%d:80", i>>16, i>>8&255, i&255)))}
			}
			before := heap()
			b.ResetTimer()
			for i := range specs {
				if _, err := p.Acquire(specs[i]); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(heap()-before)/float64(b.N), "kept-B/op")
			runtime.KeepAlive(p)
			runtime.KeepAlive(specs)
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
