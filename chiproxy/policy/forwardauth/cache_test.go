package forwardauth_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/forwardauth"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// cached returns a configuration that remembers verdicts by a key.
func cached(more func(*forwardauth.Config), key ...string) forwardauth.Config {
	return config(func(c *forwardauth.Config) {
		c.Caching = &forwardauth.Caching{TTL: time.Hour, Negative: time.Hour, Key: key}
		if more != nil {
			more(c)
		}
	})
}

func perHost(c *forwardauth.Config) { c.Caching.PerHost = true }

func TestAVerdictIsRememberedForWhoAsksTheSame(t *testing.T) {
	t.Parallel()
	const ann, bob = "Bearer ann", "Bearer bob"
	for _, row := range []struct {
		name  string
		more  func(*forwardauth.Config)
		key   []string
		ask   []*http.Request
		asked int64
	}{
		{"twice the same", nil, []string{"header:Authorization"}, requests("GET /a", ann, "GET /a", ann), 1},
		{"another who", nil, []string{"header:Authorization"}, requests("GET /a", ann, "GET /a", bob), 2},
		{"another path", nil, []string{"header:Authorization"}, requests("GET /a", ann, "GET /b", ann), 2},
		{"another query", nil, []string{"header:Authorization"}, requests("GET /a?x=1", ann, "GET /a?x=2", ann), 2},
		{"another method", nil, []string{"header:Authorization"}, requests("GET /a", ann, "POST /a", ann), 2},
		{"another host", nil, []string{"header:Authorization"}, requests("GET http://a.example/a", ann, "GET http://b.example/a", ann), 2},
		{"another scheme", nil, []string{"header:Authorization"}, requests("GET http://a.example/a", ann, "GET https://a.example/a", ann), 2},
		{"another path per host", perHost, []string{"header:Authorization"}, requests("GET /a", ann, "POST /b?c", ann), 1},
		{"another who per host", perHost, []string{"header:Authorization"}, requests("GET /a", ann, "GET /a", bob), 2},
		{"another host per host", perHost, []string{"header:Authorization"}, requests("GET http://a.example/a", ann, "GET http://b.example/a", ann), 2},
		{"nobody", nil, []string{"header:Authorization"}, requests("GET /a", "", "GET /a", ""), 2},
		{"nobody, with a part that all have", nil, []string{"header:Authorization", "client_ip", "host"}, requests("GET /a", "", "GET /a", ""), 2},
		{"one of two", nil, []string{"header:Authorization", "cookie:sid"}, requests("GET /a", ann, "GET /a", ann), 1},
		{"a field twice", nil, []string{"header:Authorization"}, requests("GET /a", ann+"|"+bob, "GET /a", ann+"|"+bob), 2},
		{"a cookie", nil, []string{"cookie:sid"}, requests("GET /a", "c:a=1; sid=1", "GET /a", "c:sid=1; b=2"), 1},
		{"another cookie", nil, []string{"cookie:sid"}, requests("GET /a", "c:sid=1", "GET /a", "c:sid=2"), 2},
		{"a cookie twice", nil, []string{"cookie:sid"}, requests("GET /a", "c:sid=1; sid=2", "GET /a", "c:sid=1; sid=2"), 2},
		{"a parameter twice", perHost, []string{"query:k"}, requests("GET /a?k=1&k=2", "", "GET /a?k=1&k=2", ""), 2},
		{"a parameter", perHost, []string{"query:k"}, requests("GET /a?k=1", "", "GET /b?k=1", ""), 1},
		{"parts do not run into one another", perHost, []string{"query:a", "query:b"}, requests("GET /?a=1&b=23", "", "GET /?a=12&b=3", ""), 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, allow, cached(row.more, row.key...))
			for _, r := range row.ask {
				if got := s.do(r); got.Code != 200 || s.identity() != "ann||7" {
					t.Errorf("got %d, and the app %s", got.Code, s.identity())
				}
			}
			if s.asked.Load() != row.asked {
				t.Errorf("asked %d times; want %d", s.asked.Load(), row.asked)
			}
		})
	}
}

// requests are pairs of "METHOD target" and of Authorization, or of Cookie behind "c:".
func requests(pairs ...string) (all []*http.Request) {
	for pair := range slices.Chunk(pairs, 2) {
		method, target, _ := strings.Cut(pair[0], " ")
		r := httptest.NewRequest(method, target, nil)
		if cookie, ok := strings.CutPrefix(pair[1], "c:"); ok {
			r.Header.Set("Cookie", cookie)
		} else if pair[1] != "" {
			r.Header["Authorization"] = strings.Split(pair[1], "|")
		}
		all = append(all, r)
	}
	return all
}

func TestOnlySomeVerdictsAreRemembered(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		status int
		cookie bool
		more   func(*forwardauth.Config)
		asked  int64
	}{
		{"200", 200, false, nil, 1},
		{"204", 204, false, nil, 1},
		{"401", 401, false, nil, 1},
		{"403", 403, false, nil, 1},
		{"302", 302, false, nil, 2},
		{"404", 404, false, nil, 2},
		{"429", 429, false, nil, 2},
		{"500", 500, false, nil, 2},
		{"200 with a cookie", 200, true, nil, 2},
		{"401 with a cookie", 401, true, nil, 2},
		{"403 without a time for it", 403, false, func(c *forwardauth.Config) { c.Caching.Negative = 0 }, 2},
		{"what does not fit", 403, false, func(c *forwardauth.Config) { c.Caching.Most = 100 }, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if row.cookie {
					w.Header().Set("Set-Cookie", "sid=1")
				}
				w.Header().Set("WWW-Authenticate", "Bearer")
				w.WriteHeader(row.status)
				if row.status != 204 {
					_, _ = io.WriteString(w, "body")
				}
			}, cached(row.more, "header:Authorization"))
			first := s.get("/", "Authorization", "x")
			second := s.get("/", "Authorization", "x")
			if s.asked.Load() != row.asked {
				t.Errorf("asked %d times; want %d", s.asked.Load(), row.asked)
			}
			if first.Code != second.Code || first.Body.String() != second.Body.String() || first.Header().Get("WWW-Authenticate") != second.Header().Get("WWW-Authenticate") {
				t.Errorf("the second one got %d %q %v; want %d %q %v", second.Code, second.Body, second.Header(), first.Code, first.Body, first.Header())
			}
		})
	}
}

func TestAVerdictEndsWithItsTime(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Duration{-1, 0, 1} {
		if known := forwardauth.EndOf(time.Second, time.Second+at); known != (at < 0) {
			t.Errorf("%v: %v", at, known)
		}
	}
}

func TestTheNextTableKnowsVerdictsOfItsOwnTenantPlaceAndOptions(t *testing.T) {
	t.Parallel()
	var asked int64
	auth := testkit.Upstream(t, func(w http.ResponseWriter, r *http.Request) { asked++; allow(w, r) })
	first := cached(nil, "header:Authorization")
	ask := func(more func(*forwardauth.Config)) int64 {
		c := first
		own := *first.Caching
		c.Caching = &own
		if more != nil {
			more(&c)
		}
		s := &site{}
		s.build(t, auth, c)
		before := asked
		if got := s.get("/", "Authorization", "x"); got.Code != 200 {
			t.Fatal(got.Code)
		}
		return asked - before
	}
	if ask(nil) != 1 || ask(nil) != 0 {
		t.Error("the next table has asked again")
	}
	for name, more := range map[string]func(*forwardauth.Config){
		"another tenant":   func(c *forwardauth.Config) { c.Caching.Tenant = "b" },
		"another instance": func(c *forwardauth.Config) { c.Caching.Instance += "b" },
		"another place":    func(c *forwardauth.Config) { c.At.Line++ },
		"another path":     func(c *forwardauth.Config) { c.Path = "/other" },
		"other copies":     func(c *forwardauth.Config) { c.Copies = c.Copies[:1] },
		"per host":         perHost,
	} {
		if ask(more) != 1 {
			t.Errorf("%s: not asked", name)
		}
	}
}

func TestTheMemoryOfATenantIsBoundedAndKeepsWhatWasAskedForLast(t *testing.T) {
	t.Parallel()
	const most = 1 << 20
	left, bytes, oldest := forwardauth.Remembered("bounded", most, 1000, 10000)
	if left < 90 || left > 105 || bytes > most || oldest != 1000-left {
		t.Errorf("%d are left, %d bytes, from %d on", left, bytes, oldest)
	}
	if left, bytes, _ = forwardauth.Remembered("bounded", most/10, 1, 1); bytes > most/10 {
		t.Errorf("%d are left, %d bytes, of a cache that has become smaller", left, bytes)
	}
}

func TestACacheEndsWithTheLastTableThatHasIt(t *testing.T) {
	forwardauth.Remembered("ends with its table", 1<<20, 1, 1)
	before := forwardauth.Owners()
	testkit.Until(t, "the cache is gone", func() bool {
		runtime.GC()
		return forwardauth.Owners() < before
	})
}

func BenchmarkAVerdictThatIsKnown(b *testing.B) {
	s := serve(b, allow, cached(nil, "header:Authorization", "cookie:sid"))
	r := policytest.From(policytest.Request(http.MethodGet, "/known", "Authorization", "Bearer x", "Cookie", "a=b; sid=1"), policytest.Client)
	w := httptest.NewRecorder()
	for b.Loop() {
		if err := s.table.Serve(w, r, nil); err != nil {
			b.Fatal(err)
		}
	}
	if s.asked.Load() != 1 {
		b.Errorf("asked %d times", s.asked.Load())
	}
}
