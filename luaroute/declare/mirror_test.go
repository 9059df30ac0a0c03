package declare_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// mirrored is a site whose requests are copied.
func mirrored(t testing.TB, app, shadow, options string) *luatest.Site {
	t.Helper()
	return luatest.Setup{}.Serve(t, fmt.Sprintf(`local route = require("luaroute")
		route:pool("app", %q) route:pool("shadow", { %q, retries = 3 })
		route:use(route.mirror{ to = "shadow", %s })
		route:post("/lua", function(req) return 200, #req:body() end)
		route:post("/early", { body = "early" })
		route:any("/*", "app")`, app, shadow, options))
}

// copies is an upstream that hands on what it gets.
func copies(t testing.TB) (string, chan string) {
	t.Helper()
	got := make(chan string, 100)
	return luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- fmt.Sprintf("%s %s %s %q mirrored=%s set=%s len=%d", r.Method, r.Host, r.RequestURI, shortened(body), r.Header.Get("X-Mirrored"), r.Header.Get("X-Set"), len(body))
		w.WriteHeader(500)
		fmt.Fprint(w, "nobody sees it")
	}), got
}

func shortened(body []byte) string { return string(body[:min(len(body), 10)]) }

func echoing(t testing.TB) string {
	return luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%s %d", r.Method, n)
	})
}

func TestAMirrorGetsACopyOfEachRequest(t *testing.T) {
	t.Parallel()
	shadow, got := copies(t)
	site := mirrored(t, echoing(t), shadow, `body = 10, headers = { set = { ["X-Set"] = "1" } }`)
	for _, row := range []struct{ request, body, want, copy string }{
		{"GET /a?b=c", "", "200 GET 0", `GET a.example /a?b=c "" mirrored=1 set=1 len=0`},
		{"POST /", "hello", "200 POST 5", `POST a.example / "hello" mirrored=1 set=1 len=5`},
		{"POST /lua", "hello", "200 5", `POST a.example /lua "hello" mirrored=1 set=1 len=5`},
		{"POST /", "more than ten", "200 POST 13", ""},
		{"HEAD /", "", "200", `HEAD a.example / "" mirrored=1 set=1 len=0`},
	} {
		if a := site.Do(t, row.request, row.body, "Host: a.example"); a.String() != row.want {
			t.Errorf("%s: got %s; want %s", row.request, a, row.want)
		}
		if row.copy == "" {
			continue
		}
		if c := <-got; c != row.copy {
			t.Errorf("%s: the copy is\n%s\nwant\n%s", row.request, c, row.copy)
		}
	}
	r, _ := http.NewRequest(http.MethodPost, site.URL+"/", io.MultiReader(strings.NewReader("chunked"), strings.NewReader("")))
	if a, err := luatest.Send(luatest.Client, r); err != nil || a.String() != "200 POST 7" {
		t.Errorf("without a length: %s, %v", a, err)
	}
	if c := <-got; !strings.Contains(c, `"chunked"`) {
		t.Errorf("without a length: the copy is %s", c)
	}
	site.Do(t, "POST /early", "hello")
	site.Do(t, "GET /ws", "", "Connection: Upgrade", "Upgrade: websocket")
	site.Do(t, "GET /last", "")
	if c := <-got; !strings.Contains(c, "/last") {
		t.Errorf("something else was copied: %s", c)
	}
}

func TestAMirrorCopiesWhatItShould(t *testing.T) {
	t.Parallel()
	shadow, got := copies(t)
	site := mirrored(t, echoing(t), shadow, `percent = 50, when = { header = { ["X-Copy"] = "1" } }`)
	for range 200 {
		site.Do(t, "/", "")
	}
	n := 0
	for range 200 {
		site.Do(t, "/", "", "X-Copy: 1")
		select {
		case <-got:
			n++
		default:
		}
	}
	for range 3 { // the last ones may be on their way
		select {
		case <-got:
			n++
		case <-time.After(50 * time.Millisecond):
		}
	}
	if n < 60 || n > 140 {
		t.Errorf("%d of 200 were copied; want about half, and none of the other 200", n)
	}
}

// TestAMirrorDelaysNothing compares the requests of a site whose mirror is dead, and one whose mirror never answers, with those of one without.
func TestAMirrorDelaysNothing(t *testing.T) {
	wait := make(chan struct{})
	stuck := luatest.Origin(t, func(http.ResponseWriter, *http.Request) { <-wait })
	t.Cleanup(func() { close(wait) })
	app := echoing(t)
	sites := map[string]*luatest.Site{
		"without": mirrored(t, app, ports.Dead(t), "percent = 0"), "dead": mirrored(t, app, ports.Dead(t), ""), "stuck": mirrored(t, app, stuck, "inflight = 5, timeout = 60"),
	}
	times := map[string][]time.Duration{}
	for range 300 { // in turn, so that all meet the same machine
		for name, site := range sites {
			began := time.Now()
			if a := site.Do(t, "POST /", "hello"); a.String() != "200 POST 5" {
				t.Fatalf("%s: got %s", name, a)
			}
			times[name] = append(times[name], time.Since(began))
		}
	}
	median := map[string]time.Duration{} // a machine that stops now and then has the same one
	for name, all := range times {
		slices.Sort(all)
		median[name] = all[len(all)/2]
	}
	t.Log(median)
	for _, name := range []string{"dead", "stuck"} {
		if median[name] > 3*median["without"]+20*time.Millisecond { // a mirror that is waited for takes a minute
			t.Errorf("%s: a request takes %s; without a mirror it is %s", name, median[name], median["without"])
		}
	}
}

// zeroes is a body of a length.
type zeroes struct{ left int }

func (z *zeroes) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), z.left)
	z.left -= n
	return n, nil
}

func TestALargeUploadIsNotHeldForItsMirror(t *testing.T) {
	var most atomic.Uint64
	app := luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
		buffer, n := make([]byte, 1<<20), 0
		for {
			m, err := r.Body.Read(buffer)
			n += m
			if n%(32<<20) < m {
				var s runtime.MemStats
				runtime.ReadMemStats(&s)
				most.Store(max(most.Load(), s.HeapInuse))
			}
			if err != nil {
				break
			}
		}
		fmt.Fprint(w, n)
	})
	shadow, got := copies(t)
	site := mirrored(t, app, shadow, "")
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	const size = 200 << 20
	for _, length := range []int64{size, -1} {
		r, _ := http.NewRequest(http.MethodPost, site.URL+"/", &zeroes{size})
		r.ContentLength = length
		if a, err := luatest.Send(luatest.Client, r); err != nil || a.String() != fmt.Sprint("200 ", size) {
			t.Fatalf("got %s, %v", a, err)
		}
	}
	if more := int64(most.Load()) - int64(before.HeapInuse); more > 64<<20 {
		t.Errorf("it takes %d MiB more", more>>20)
	}
	select {
	case c := <-got:
		t.Errorf("it was copied: %s", c)
	default:
	}
}

func TestAMirrorThatIsWrongSaysWhere(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		`{}`:                               `main.lua:1: route.mirror: the pool is missing; expected to = "name"`,
		`{ to = "p", percent = 101 }`:      "route.mirror: percent is 101; expected 0 to 100",
		`{ to = "p", body = "2MiB" }`:      `route.mirror: body is "2MiB"; expected 1 MiB or less`,
		`{ to = "p", inflight = 100000 }`:  "route.mirror: inflight is 100000; expected 10,000 or less",
		`{ to = "p", timeout = 0 }`:        "route.mirror: timeout is 0",
		`{ to = "p", precent = 1 }`:        `route.mirror: unknown key "precent"; allowed are to, percent, when, body, timeout, inflight, headers; did you mean "percent"?`,
		`{ to = "nowhere" }`:               `no pool "nowhere"`,
		`{ to = "p", headers = { x = 1 }}`: `unknown key "x"`,
	} {
		_, err := luatest.Setup{}.Load(t, `local route = require("luaroute") route:pool("p", "127.0.0.1:1") route:use(route.mirror`+code+`) route:get("/", "p")`)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", code, err, want)
		}
	}
}

func TestAMirrorOfAProxyThatIsWrongSaysWhere(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		`mirror = "nowhere"`:                   `mirror: no pool "nowhere"`,
		`mirror = ""`:                          `route.proxy: mirror: the pool is missing`,
		`mirror = 5`:                           `route.proxy: mirror is 5; expected a table`,
		`mirror = { to = "p", percent = 101 }`: "percent is 101; expected 0 to 100",
		`mirror = { pool = "p" }`:              `unknown key "pool"; allowed are to, percent,`,
	} {
		_, err := luatest.Setup{}.Load(t, `local route = require("luaroute") route:pool("p", "127.0.0.1:1") route:get("/", route.proxy("p", { `+code+` }))`)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", code, err, want)
		}
	}
}

func TestCopiesThatAreTooManyAreDropped(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	wait := make(chan struct{})
	stuck := luatest.Origin(t, func(http.ResponseWriter, *http.Request) { asked.Add(1); <-wait })
	site := mirrored(t, echoing(t), stuck, "inflight = 2, timeout = 60")
	for range 10 {
		site.Do(t, "/", "")
	}
	testkit.Until(t, "two are there", func() bool { return asked.Load() == 2 })
	close(wait)
	if n := asked.Load(); n != 2 {
		t.Errorf("%d are there", n)
	}
}

func TestAProxyMayHaveAMirrorThatGetsWhatItForwards(t *testing.T) {
	t.Parallel()
	shadow, got := copies(t)
	site := luatest.Setup{}.Serve(t, fmt.Sprintf(`local route = require("luaroute")
		route:pool("app", %q) route:pool("shadow", %q) route:pool("down", "127.0.0.1:1")
		route:any("/v1/*", route.proxy("app", { path = "/v2/{*}", query = "q=1", headers = { set = { ["X-Set"] = "2" } }, mirror = "shadow" }))
		route:any("/short/*", route.proxy("app", { mirror = { to = "shadow", body = 4, headers = { set = { ["X-Set"] = "3" } } } }))
		route:any("/late/*", route.proxy("app", { timeout = 60, mirror = "shadow" }))
		route:any("/down/*", route.proxy("down", { on_error = { pool = "app" }, mirror = "shadow" }))`, echoing(t), shadow))
	for _, row := range []struct{ request, body, want, copy string }{
		{"GET /v1/a", "", "200 GET 0", `GET a.example /v2/a?q=1 "" mirrored=1 set=2 len=0`},
		{"POST /v1/a", "hello", "200 POST 5", `POST a.example /v2/a?q=1 "hello" mirrored=1 set=2 len=5`},
		{"POST /short/a", "hello", "200 POST 5", ""},
		{"POST /short/a", "four", "200 POST 4", `POST a.example /short/a "four" mirrored=1 set=3 len=4`},
		{"POST /late/a", "hello", "200 POST 5", `POST a.example /late/a "hello" mirrored=1 set= len=5`},
		{"GET /down/a", "", "200 GET 0", `GET a.example /down/a "" mirrored=1 set= len=0`},
	} {
		if a := site.Do(t, row.request, row.body, "Host: a.example"); a.String() != row.want {
			t.Errorf("%s: got %s; want %s", row.request, a, row.want)
		}
		if row.copy == "" {
			continue
		}
		if c := <-got; c != row.copy {
			t.Errorf("%s: the copy is\n%s\nwant\n%s", row.request, c, row.copy)
		}
	}
}
