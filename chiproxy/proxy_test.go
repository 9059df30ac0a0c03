package chiproxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/internal/ports"
)

// echo answers what the upstream was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, body)
}

func ptr(s string) *string { return &s }

func TestTheUpstreamGetsThePathAsTheClientSentItUnlessRewritten(t *testing.T) {
	t.Parallel()
	pools := scopeOf(t, byName{"a": mustAcquire(t, newTestPools(t), dials("", upstreamAt(t, echo)))})
	for name, row := range map[string]struct {
		proxy          Proxy
		target, expect string
	}{
		"nothing is changed":                         {Proxy{}, "/a%2Fb//c/./%61?q=1&q=%20", "GET /a%2Fb//c/./%61?q=1&q=%20"},
		"a prefix is stripped":                       {Proxy{StripPrefix: "/acme"}, "/acme/x?q", "GET /x?q"},
		"a prefix alone leaves the root":             {Proxy{StripPrefix: "/acme"}, "/acme", "GET /"},
		"a prefix with a slash leaves the root":      {Proxy{StripPrefix: "/acme"}, "/acme/", "GET /"},
		"a prefix may be written with a slash":       {Proxy{StripPrefix: "/acme/"}, "/acme/x", "GET /x"},
		"a prefix ends at a segment":                 {Proxy{StripPrefix: "/acme"}, "/acmefoo/x", "GET /acmefoo/x"},
		"a prefix is not looked for further in":      {Proxy{StripPrefix: "/acme"}, "/x/acme/y", "GET /x/acme/y"},
		"the prefix / strips nothing":                {Proxy{StripPrefix: "/"}, "/x", "GET /x"},
		"a prefix is stripped once":                  {Proxy{StripPrefix: "/a"}, "/a/a/b", "GET /a/b"},
		"what remains keeps its encoding":            {Proxy{StripPrefix: "/acme"}, "/acme/a%2Fb%20c/%41", "GET /a%2Fb%20c/%41"},
		"what remains has no host in front":          {Proxy{StripPrefix: "/acme"}, "/acme//evil.example", "GET /evil.example"},
		"what remains is clean":                      {Proxy{StripPrefix: "/acme"}, "/acme/.//a/%2E//b%2Fc%20d/../%41", "GET /a/A"},
		"what is cleaned keeps its encoding":         {Proxy{StripPrefix: "/acme"}, "/acme//a%2Fb//%41", "GET /a%2Fb/%41"},
		"an encoded prefix is a prefix":              {Proxy{StripPrefix: "/acme"}, "/%61cme/a%2Fb", "GET /a%2Fb"},
		"a prefix is given decoded":                  {Proxy{StripPrefix: "/a b"}, "/a%20b/c%2Fd", "GET /c%2Fd"},
		"a prefix with a percent sign":               {Proxy{StripPrefix: "/100%"}, "/100%25/c%2Fd", "GET /c%2Fd"},
		"an encoded slash is no border":              {Proxy{StripPrefix: "/acme"}, "/acme%2Fx", "GET /acme%2Fx"},
		"an encoded slash is no slash of the prefix": {Proxy{StripPrefix: "/a/b"}, "/a%2Fb/c", "GET /a%2Fb/c"},
		"a prefix behind a double slash":             {Proxy{StripPrefix: "/acme"}, "//acme/x%2Fy%20z", "GET /x%2Fy%20z"},
		"a percent sign behind a double slash":       {Proxy{StripPrefix: "/100%"}, "//100%25/c", "GET /c"},
		"a prefix after dot segments":                {Proxy{StripPrefix: "/acme"}, "/b/../acme/x", "GET /x"},
		"a prefix that dot segments take back":       {Proxy{StripPrefix: "/acme"}, "/acme/../x", "GET /acme/../x"},
		"a path is replaced, the query stays":        {Proxy{Path: "/new path"}, "/old%2F?q=1", "GET /new%20path?q=1"},
		"a path is given decoded":                    {Proxy{Path: "/a%2Fb?c"}, "/", "GET /a%252Fb%3Fc"},
		"a query is replaced":                        {Proxy{Query: ptr("b=2")}, "/x?a=1", "GET /x?b=2"},
		"a query is removed":                         {Proxy{Query: ptr("")}, "/x?a=1", "GET /x"},
		"a query from a table":                       {Proxy{Query: ptr(url.Values{"b": {"2 3"}, "a": {"1"}}.Encode())}, "/x", "GET /x?a=1&b=2+3"},
		"a bare question mark is removed":            {Proxy{Query: ptr("")}, "/x?", "GET /x"},
		"a method is replaced":                       {Proxy{Method: "PURGE"}, "/x", "PURGE /x"},
		"placeholders are not expanded":              {Proxy{Path: "/{http.request.method}", Query: ptr("{query}")}, "/x", "GET /%7Bhttp.request.method%7D?{query}"},
	} {
		t.Run(name, func(t *testing.T) {
			row.proxy.Pool = "a"
			got := perform(t, row.proxy, pools, get(row.target))
			if got.err != nil || strings.TrimSpace(got.Body.String()) != row.expect {
				t.Errorf("upstream saw %q, want %q (%v)", got.Body, row.expect, got.err)
			}
			if uri := got.ex.R.URL.RequestURI(); got.ex.R.Method+" "+uri != row.expect || got.ex.R.RequestURI != uri {
				t.Errorf("the request says %s and %s, not what was forwarded", uri, got.ex.R.RequestURI)
			}
		})
	}
}

func TestTheBodyGoesAlongUnlessTheMethodBecomesGet(t *testing.T) {
	t.Parallel()
	pools := scopeOf(t, byName{"a": mustAcquire(t, newTestPools(t), dials("", upstreamAt(t, echo)))})
	for method, want := range map[string]string{"": "POST /x text", "PUT": "PUT /x text", "GET": "GET /x "} {
		got := perform(t, Proxy{Pool: "a", Method: method}, pools, httptest.NewRequest("POST", "/x", strings.NewReader("text")))
		if got.err != nil || got.Body.String() != want {
			t.Errorf("method %q: upstream saw %q, want %q (%v)", method, got.Body, want, got.err)
		}
	}
}

func TestRequestHeadersAreChanged(t *testing.T) {
	t.Parallel()
	seen := make(chan *http.Request, 1)
	pools := scopeOf(t, byName{"a": mustAcquire(t, newTestPools(t), dials("", upstreamAt(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r })))})
	ops := &field.Ops{
		Set:    http.Header{"x-set": {"1", "2"}, "Host": {"other.example"}, "X-Both": {"set"}},
		Add:    http.Header{"X-Add": {"new"}, "x-both": {"added"}},
		Remove: []string{"x-remove", "X-Both"},
	}
	r := get("http://site.example/")
	r.Header = http.Header{"X-Set": {"old"}, "X-Add": {"old"}, "X-Remove": {"old"}, "X-Both": {"old"}}
	if got := perform(t, Proxy{Pool: "a", Headers: ops}, pools, r); got.err != nil {
		t.Fatal(got.err)
	}
	up := <-seen
	for name, want := range map[string][]string{"X-Set": {"1", "2"}, "X-Add": {"old", "new"}, "X-Remove": nil, "X-Both": {"set", "added"}} {
		if got := up.Header[name]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if up.Host != "other.example" {
		t.Errorf("host %q", up.Host)
	}
}

func TestAProxyThatCannotBeForwardedIsRefusedWhenItIsBound(t *testing.T) {
	t.Parallel()
	p := newTestPools(t)
	pools := scopeOf(t, byName{"a": mustAcquire(t, p, dials("", "h:2", "h:1"))})
	for name, row := range map[string]struct {
		proxy Proxy
		want  string
	}{
		"no pool":                     {Proxy{}, "proxy: the name of the pool is missing"},
		"an unknown pool":             {Proxy{Pool: "b"}, `no pool "b"; there are "a"`},
		"an unknown pool, rewritten":  {Proxy{Pool: "b", Path: "/x"}, `no pool "b"; there are "a"`},
		"an unknown upstream":         {Proxy{Pool: "a", Upstream: "h:3"}, `pool "p" has no upstream "h:3"; there are "h:1", "h:2"`},
		"an unknown pool of on_error": {Proxy{Pool: "a", OnError: &ErrorPolicy{Mode: FailToPool, Pool: "b"}}, `on_error: no pool "b"; there are "a"`},
		"a path and a prefix":         {Proxy{Pool: "a", Path: "/x", StripPrefix: "/y"}, "proxy: path and strip_prefix exclude each other"},
		"a relative path":             {Proxy{Pool: "a", Path: "x"}, `proxy: path "x": expected a leading slash`},
		"a relative prefix":           {Proxy{Pool: "a", StripPrefix: "x"}, `proxy: strip_prefix "x": expected a leading slash`},
		"a wrong method":              {Proxy{Pool: "a", Method: "G T"}, `proxy: "G T" is not a method`},
		"a query with a line break":   {Proxy{Pool: "a", Query: ptr("a\r\nb")}, `proxy: query "a\r\nb": expected an encoded query`},
		"a query with a fragment":     {Proxy{Pool: "a", Query: ptr("a#b")}, `proxy: query "a#b": expected an encoded query`},
		"a header's line break":       {Proxy{Pool: "a", Headers: &field.Ops{Set: http.Header{"X": {"a\nb"}}}}, `proxy: header X: the value "a\nb" has a control character`},
		"a response header's name":    {Proxy{Pool: "a", ResponseHeaders: &field.Ops{Remove: []string{"X Y"}}}, `proxy: "X Y" is not a header name`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := pools.Bind(row.proxy); !strings.HasPrefix(errText(err), row.want) {
				t.Errorf("error %v\nwant  %s", err, row.want)
			}
			if got := perform(t, row.proxy, pools, get("/")); !strings.HasPrefix(errText(got.err), row.want) {
				t.Errorf("at request time: %v\nwant  %s", got.err, row.want)
			}
		})
	}
}

func TestAFailedUpstreamIsRetriedOnAnother(t *testing.T) {
	t.Parallel()
	config := dials(`"load_balancing":{"retries":1,"selection_policy":{"policy":"first"}},"health_checks":{"passive":{"fail_duration":"1m"}}`,
		ports.Dead(t), upstreamAt(t, echo))
	pool := mustAcquire(t, newTestPools(t), config)
	got := perform(t, Proxy{Pool: "a"}, scopeOf(t, byName{"a": pool}), get("/x"))
	if got.err != nil || got.Body.String() != "GET /x " {
		t.Fatalf("%d %q %v", got.Code, got.Body, got.err)
	}
	status := pool.Upstreams()
	if status[0].Healthy || status[0].Fails != 1 || !status[1].Healthy || status[1].Requests != 0 {
		t.Errorf("%+v", status)
	}
}

func TestTheErrorOfAPoolIsCaddysOwn(t *testing.T) {
	t.Parallel()
	pool := mustAcquire(t, newTestPools(t), dials("", ports.Dead(t)))
	got := perform(t, Proxy{Pool: "a"}, scopeOf(t, byName{"a": pool}), get("/x"))
	he, ok := errors.AsType[caddyhttp.HandlerError](got.err)
	if !ok || he.StatusCode != http.StatusBadGateway || got.verdict != Done {
		t.Errorf("%v, %v", got.verdict, got.err)
	}
}

// late is a handler that fails after it has written.
type late struct{}

func init() { caddy.RegisterModule(late{}) }

func (late) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.chiproxy_late", New: func() caddy.Module { return new(late) }}
}

func (late) ServeHTTP(w http.ResponseWriter, _ *http.Request, _ caddyhttp.Handler) error {
	_, _ = io.WriteString(w, "begun")
	return caddyhttp.Error(http.StatusInternalServerError, errors.New("late"))
}

func TestOnErrorOfAProxy(t *testing.T) {
	t.Parallel()
	p := newTestPools(t)
	spare := upstreamAt(t, echo)
	pools := scopeOf(t, byName{
		"late":  mustAcquire(t, p, dials(`"handle_response":[{"routes":[{"handle":[{"handler":"chiproxy_late"}]}]}]`, spare)),
		"dead":  mustAcquire(t, p, dials("", ports.Dead(t))),
		"spare": mustAcquire(t, p, dials("", spare)),
		"mute": mustAcquire(t, p, dials("", upstreamAt(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body) // the body is gone, and there is no answer
			panic(http.ErrAbortHandler)
		}))),
		"broken": mustAcquire(t, p, dials("", upstreamAt(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
		}))),
	})
	for name, row := range map[string]struct {
		pool, body string
		policy     ErrorPolicy
		verdict    Verdict
		status     int
		want       string
	}{
		"an answer that was begun is not begun again":  {"late", "", ErrorPolicy{FailToPool, "spare"}, Done, 500, "begun"},
		"an answer that was begun is not declined":     {"late", "", ErrorPolicy{Mode: FailDecline}, Done, 500, "begun"},
		"closed returns the error":                     {"dead", "", ErrorPolicy{Mode: FailClosed}, Done, 502, ""},
		"decline declines":                             {"dead", "text", ErrorPolicy{Mode: FailDecline}, Declined, 0, ""},
		"open declines":                                {"dead", "text", ErrorPolicy{Mode: FailOpen}, Declined, 0, ""},
		"a pool is used instead, rewritten as well":    {"dead", "", ErrorPolicy{FailToPool, "spare"}, Done, 0, "POST /y "},
		"an unread body goes to the pool instead":      {"dead", "text", ErrorPolicy{FailToPool, "spare"}, Done, 0, "POST /y text"},
		"the error of the pool instead is returned":    {"dead", "", ErrorPolicy{FailToPool, "dead"}, Done, 502, ""},
		"a body that was read is not sent again":       {"mute", "text", ErrorPolicy{FailToPool, "spare"}, Done, 502, ""},
		"a body that was read is not declined":         {"mute", "text", ErrorPolicy{Mode: FailDecline}, Done, 502, ""},
		"an answer is not an error, whatever it is":    {"broken", "", ErrorPolicy{FailToPool, "spare"}, Done, 0, ""},
		"a request that went well is not sent further": {"spare", "text", ErrorPolicy{FailToPool, "dead"}, Done, 0, "POST /y text"},
	} {
		t.Run(name, func(t *testing.T) {
			var body io.Reader
			if row.body != "" {
				body = strings.NewReader(row.body)
			}
			r := httptest.NewRequest("POST", "/x/y", body)
			w := httptest.NewRecorder()
			ex := exchangeOf(w, prepared(w, r), pools)
			bodyWas := ex.R.Body
			proxy := Proxy{Pool: row.pool, StripPrefix: "/x", OnError: &row.policy}
			if row.verdict == Declined {
				proxy.Method = "GET" // which takes the body off, until it declines
			}
			verdict, err := ex.Perform(proxy)
			he, _ := errors.AsType[caddyhttp.HandlerError](err)
			if verdict != row.verdict || he.StatusCode != row.status || w.Body.String() != row.want {
				t.Errorf("%v, %v, %q", verdict, err, w.Body)
			}
			if ex.W != w || ex.R.Body != bodyWas {
				t.Error("the exchange keeps a writer or body of the action")
			}
		})
	}
}

func TestAChosenUpstreamIsAskedFirst(t *testing.T) {
	t.Parallel()
	one, two, dead := named(t, "one"), named(t, "two"), ports.Dead(t)
	const first = `"load_balancing":{"retries":%d,"selection_policy":{"policy":"first"}}`
	const passive = `,"health_checks":{"passive":{"fail_duration":"1m"}}`
	p := newTestPools(t)
	down := mustAcquire(t, p, dials(fmt.Sprintf(first, 0)+passive, one, two, dead))
	pools := scopeOf(t, byName{
		"a":    mustAcquire(t, p, dials(fmt.Sprintf(first, 1), one, two, dead)),
		"down": down,
		"dead": mustAcquire(t, p, dials(``, dead)),
	})
	if got := perform(t, Proxy{Pool: "down", Upstream: dead}, pools, get("/")); got.err == nil || down.Upstreams()[2].Healthy {
		t.Fatalf("%v, %+v", got.err, down.Upstreams())
	}
	for _, row := range []struct {
		name  string
		proxy Proxy
		want  string
	}{
		{"without a choice the policy decides", Proxy{Pool: "a"}, "one"},
		{"a choice goes before the policy", Proxy{Pool: "a", Upstream: two}, "two"},
		{"a choice is for one request", Proxy{Pool: "a"}, "one"},
		{"a retry is up to the policy", Proxy{Pool: "a", Upstream: dead}, "one"},
		{"so is a request whose upstream is down", Proxy{Pool: "down", Upstream: dead}, "one"},
		{"the pool of on_error has its own policy", Proxy{Pool: "dead", Upstream: dead, OnError: &ErrorPolicy{FailToPool, "a"}}, "one"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := perform(t, row.proxy, pools, get("/"))
			if got.err != nil || got.Body.String() != row.want {
				t.Errorf("%q, want %q (%v)", got.Body, row.want, got.err)
			}
			if left := pool.Chosen(got.ex.R); left != "" {
				t.Errorf("the choice stays on the request: %v", left)
			}
		})
	}
}

func TestAnUpstreamThatADynamicSourceDoesNotOfferIsAnError(t *testing.T) {
	t.Parallel()
	one := named(t, "one")
	host, port, _ := strings.Cut(one, ":")
	pool := mustAcquire(t, newTestPools(t), fmt.Sprintf(`{"dynamic_upstreams":{"source":"multi","sources":[{"source":"a","name":%q,"port":%q,"resolver":null}]}}`, host, port))
	pools := scopeOf(t, byName{"a": pool})
	got := perform(t, Proxy{Pool: "a", Upstream: "10.0.0.1:80"}, pools, get("/"))
	he, _ := errors.AsType[caddyhttp.HandlerError](got.err)
	if want := fmt.Sprintf(`pool "p" has no upstream "10.0.0.1:80"; there are %q`, one); he.StatusCode != 500 || errText(he.Err) != want {
		t.Errorf("%v\nwant 500 %s", got.err, want)
	}
	if got := perform(t, Proxy{Pool: "a", Upstream: one}, pools, get("/")); got.err != nil || got.Body.String() != "one" {
		t.Errorf("%q, %v", got.Body, got.err)
	}
}

// yielder counts what it hears.
type yielder struct{ yields int }

func (y *yielder) Yield() { y.yields++ }

func (y *yielder) Left() {}

func (y *yielder) Release() {}

func TestHooksAreToldBeforeAnythingLong(t *testing.T) {
	t.Parallel()
	pools := scopeOf(t, byName{"a": mustAcquire(t, newTestPools(t), dials("", named(t, "one")))})
	for name, row := range map[string]struct {
		action Action
		want   int
	}{
		"a pool":            {Proxy{Pool: "a"}, 1},
		"a rewritten proxy": {Proxy{Pool: "a", Path: "/x"}, 1},
		"the next handler":  {Next{}, 1},
		"a module":          {Module{Handler: caddyhttp.MiddlewareHandler(passing{})}, 1},
		"a response":        {says(""), 0},
		"a decline":         {Decline{}, 0},
	} {
		y := new(yielder)
		w := httptest.NewRecorder()
		ex := exchangeOf(w, prepared(w, get("/")), pools)
		ex.Hold = y
		if _, err := ex.Perform(row.action); err != nil || y.yields != row.want {
			t.Errorf("%s: told %d times, want %d (%v)", name, y.yields, row.want, err)
		}
	}
}

// passing is a module that does nothing.
type passing struct{}

func (passing) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return next.ServeHTTP(w, r)
}
