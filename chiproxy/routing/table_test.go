package routing

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
)

func TestATableIsReleasedOnceAfterItsLastRequest(t *testing.T) {
	t.Parallel()
	released := 0
	var table *Table
	s := only(at("/", actionFunc(func(*chiproxy.Exchange) (chiproxy.Verdict, error) {
		table.Retire()
		table.Retire()
		if released != 0 {
			t.Error("released while a request runs")
		}
		return chiproxy.Done, nil
	})))
	s.Release = func() { released++ }
	table = mustBuild(t, s)
	send(table, ask("/"))
	if released != 1 {
		t.Errorf("released %d times", released)
	}
	if err := send(table, ask("/")).err; !errors.Is(err, ErrRetired) {
		t.Errorf("a retired table served: %v", err)
	}
	if table.Acquire() || released != 1 {
		t.Error("a retired table was acquired")
	}
}

func TestRequestsRaceWithASwapOfTables(t *testing.T) {
	t.Parallel()
	const swaps, clients = 300, 4
	var current atomic.Pointer[Table]
	var built, released atomic.Int64
	publish := func() *Table {
		var gone atomic.Bool
		s := only(at("/", actionFunc(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
			if gone.Load() {
				t.Error("a request ran on a table that was released")
			}
			return chiproxy.Done, nil
		})))
		s.Release = func() {
			if gone.Swap(true) {
				t.Error("a table was released twice")
			}
			released.Add(1)
		}
		built.Add(1)
		return current.Swap(mustBuild(t, s))
	}
	publish()
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			w := noWriter{http.Header{}}
			for {
				select {
				case <-done:
					return
				default:
				}
				err := current.Load().Serve(w, r, nextNothing)
				for errors.Is(err, ErrRetired) {
					err = current.Load().Serve(w, r, nextNothing)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range swaps {
		publish().Retire()
	}
	close(done)
	wg.Wait()
	current.Load().Retire()
	if built.Load() != released.Load() {
		t.Errorf("%d tables were built and %d released", built.Load(), released.Load())
	}
}

func TestPoolsAreGivenBackOnceByATableOrItsFailure(t *testing.T) {
	t.Parallel()
	pools := newTestPools(t)
	s := only(at("/*", chiproxy.Proxy{Pool: "p"}))
	s.Pools = []pool.Spec{{Name: "p", Config: json.RawMessage(dials("", named(t, "one")))}}
	s.Release = func() { t.Error("Release ran for a table that was not built") }
	broken := s
	broken.Default.Root.Items = append(broken.Default.Root.Items[:1:1], at("bad", say("")))
	if _, err := Build(broken, pools); err == nil || pools.Len() != 0 {
		t.Fatalf("got %v, %d pools are left", err, pools.Len())
	}
	s.Release = nil
	table, err := Build(s, pools)
	if err != nil || pools.Len() != 1 {
		t.Fatalf("got %v and %d pools", err, pools.Len())
	}
	if got := send(table, ask("/")).String(); got != "one" {
		t.Errorf("got %q", got)
	}
	if table.Retire(); pools.Len() != 0 {
		t.Errorf("%d pools are left", pools.Len())
	}
}

func TestUsePoolIsTheLastRouteOfItsTenant(t *testing.T) {
	t.Parallel()
	pools := newTestPools(t)
	config := func(name string) json.RawMessage { return json.RawMessage(dials("", named(t, name))) }
	deny := middlewareFunc(func(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
		if ex.R.Header.Get("Deny") != "" {
			return ex.Perform(say("denied"))
		}
		return next()
	})
	table, err := Build(chiproxy.Spec{
		Default: chiproxy.Tenant{Root: root(at("/*", say("default"))), Pools: []pool.Spec{{Name: "outer", Config: config("outer")}}},
		Tenants: []chiproxy.Tenant{
			{Name: "t", PathPrefix: "/t", UsePool: "own", Pools: []pool.Spec{{Name: "own", Config: config("own")}}, Root: root(
				at("GET /x", say("x")), owner("/o", at("/y", say("y"))))},
			{Name: "u", PathPrefix: "/u", Inside: true, UsePool: "outer", Root: chiproxy.Scope{Middleware: []chiproxy.Middleware{deny}}},
		},
	}, pools)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Retire)
	for line, want := range map[string]string{
		"/t/x": "x", "/t/z": "own", "POST /t/x": "own", "/t/o/z": "own", "/z": "default", "/u/z": "outer", "/u/z | Deny: 1": "denied",
	} {
		parts := strings.Split(line, " | ")
		if got := send(table, ask(parts[0], parts[1:]...)).String(); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

func TestStripPrefixChangesOnlyWhatIsForwarded(t *testing.T) {
	t.Parallel()
	pools := newTestPools(t)
	echo := upstreamAt(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.RequestURI)) })
	see := middlewareFunc(func(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
		if ex.R.URL.Path != "/acme/a" && ex.R.URL.Path != "/acme/lua" && ex.R.URL.Path != "/acme" && ex.R.URL.Path != "/acme/x/ä" {
			t.Errorf("a hook sees the path %s", ex.R.URL.Path)
		}
		return next()
	})
	table, err := Build(chiproxy.Spec{
		Pools: []pool.Spec{{Name: "p", Config: json.RawMessage(dials("", echo))}},
		Tenants: []chiproxy.Tenant{{Name: "acme", PathPrefix: "/acme", StripPrefix: true, UsePool: "p", Root: chiproxy.Scope{
			Middleware: []chiproxy.Middleware{see},
			Items: []chiproxy.Item{
				at("/a", chiproxy.Proxy{Pool: "p"}), at("/x/*", chiproxy.Proxy{Pool: "p", StripPrefix: "/x"}),
				at("/lua", actionFunc(func(ex *chiproxy.Exchange) (chiproxy.Verdict, error) { return ex.Perform(chiproxy.Proxy{Pool: "p"}) })),
			},
		}}},
	}, pools)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Retire)
	for path, want := range map[string]string{"/acme/a?q=1": "/a?q=1", "/acme/lua": "/lua", "/acme": "/", "/acme/x/%C3%A4": "/%C3%A4"} {
		if got := send(table, ask(path)).String(); got != want {
			t.Errorf("%s: forwarded as %q, want %q", path, got, want)
		}
	}
}
