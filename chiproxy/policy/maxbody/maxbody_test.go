package maxbody_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/failure"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/maxbody"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/policytest"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// watched is a body that knows whether anybody read it.
type watched struct {
	io.Reader
	read int
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.read += n
	return n, err
}

func (*watched) Close() error { return nil }

// reads answers 200 if it could read the body, and with the error else.
var reads = policytest.Action(func(ex *chiproxy.Exchange) error {
	if ex.R.Body == nil {
		ex.W.WriteHeader(204)
		return nil
	}
	all, err := io.ReadAll(ex.R.Body)
	if err != nil {
		return caddyhttp.Error(http.StatusBadGateway, errors.New("an upstream says: "+err.Error())) // a transport may lose what it was
	}
	ex.W.WriteHeader(200)
	_, err = ex.W.Write(all)
	return err
})

// early answers before it reads, as a stream in both directions does.
var early = policytest.Action(func(ex *chiproxy.Exchange) error {
	ex.W.WriteHeader(200)
	_, err := io.Copy(ex.W, ex.R.Body)
	return err
})

func TestBodiesThatAreTooLargeAreRefusedBeforeTheyAreReadOrWhereTheyExceed(t *testing.T) {
	for _, c := range []struct {
		name, method string
		action       chiproxy.Action
		body         string
		length       int64 // -1 for a body in chunks
		status, read int
		note         string
	}{
		{"a small body", "POST", reads, "12345", 5, 200, 5, "5 of 8 bytes"},
		{"the largest body", "POST", reads, "12345678", 8, 200, 8, "8 of 8 bytes"},
		{"one byte more", "POST", reads, "123456789", 9, 413, 0, "refused: 9 bytes"},
		{"a large length without the body", "PUT", reads, "", 1 << 40, 413, 0, "refused: 1099511627776 bytes"},
		{"a small body in chunks", "POST", reads, "12345", -1, 200, 5, "at most 8 bytes"},
		{"the largest body in chunks", "POST", reads, "12345678", -1, 200, 8, "at most 8 bytes"},
		{"one byte more in chunks", "POST", reads, "123456789", -1, 413, 9, "at most 8 bytes"},
		{"a body of GET", "GET", reads, "123456789", 9, 413, 0, "refused: 9 bytes"},
		{"HEAD with a body", "HEAD", reads, "123456789", 9, 413, 0, "refused: 9 bytes"},
		{"a body that nobody reads", "POST", policytest.Answer(200), "123456789", -1, 200, 0, "at most 8 bytes"},
		{"a stream that answers first", "POST", early, "123456789", -1, 200, 9, "at most 8 bytes"},
		{"a tunnel", "CONNECT", early, "123456789", -1, 200, 9, "at most 8 bytes"},
	} {
		table := policytest.Table(t, c.action, maxbody.New(8, origin.Origin{}))
		body := &watched{Reader: strings.NewReader(c.body)}
		ask := func() *http.Request {
			r := policytest.Request("POST", "/items/1")
			r.Method, r.Body, r.ContentLength = c.method, body, c.length
			if c.method == "CONNECT" { // a WebSocket of HTTP/2
				r.ProtoMajor, r.Header[":protocol"] = 2, []string{"websocket"}
			}
			return r
		}
		w := policytest.Serve(table, ask())
		if w.Code != c.status || body.read != c.read {
			t.Errorf("%s: %d, and %d bytes were read; want %d, and %d", c.name, w.Code, body.read, c.status, c.read)
		}
		if n := w.Body.Len(); n > 8 && c.method != "CONNECT" || c.method == "CONNECT" && n != 9 {
			t.Errorf("%s: %d bytes have passed", c.name, n)
		}
		if steps := policytest.Explain(table, ask()); len(steps) != 1 || steps[0].Note != c.note {
			t.Errorf("%s: explain says %+v; want %q", c.name, steps, c.note)
		}
	}
}

func TestARefusedBodyIsAnErrorOfTheBody(t *testing.T) {
	for length, body := range map[int64]string{-1: "123456789", 9: "123456789"} {
		table := policytest.Table(t, reads, maxbody.New(8, origin.Origin{}))
		r := policytest.Request("POST", "/items/1")
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), length
		err := table.Serve(httptest.NewRecorder(), policytest.From(r, policytest.Client), nil)
		failed, _ := errors.AsType[caddyhttp.HandlerError](err)
		_, isBody := errors.AsType[*failure.BodyError](err)
		_, isSize := errors.AsType[*http.MaxBytesError](err)
		if failed.StatusCode != 413 || !isBody || !isSize {
			t.Errorf("length %d: %v", length, err)
		}
	}
}

// declines does so after it has put nothing in the place of the body.
type declines struct{ policytest.Action }

func (declines) Do(*chiproxy.Exchange) (chiproxy.Verdict, error) { return chiproxy.Declined, nil }
func (declines) Traits() chiproxy.Traits                         { return chiproxy.Traits{Declines: true} }

func TestTheBoundEndsWhereTheRouteDeclines(t *testing.T) {
	table := policytest.Table(t, declines{}, maxbody.New(2, origin.Origin{}))
	r := policytest.From(policytest.Request("POST", "/items/1"), policytest.Client)
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader("a long body")), -1
	var got []byte
	err := table.Serve(httptest.NewRecorder(), r, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) (err error) {
		got, err = io.ReadAll(r.Body)
		return err
	}))
	if err != nil || string(got) != "a long body" {
		t.Errorf("Caddy's next handler has read %q: %v", got, err)
	}
}

func BenchmarkPolicy(b *testing.B) {
	policytest.Benchmark(b, nil, map[string][]chiproxy.Middleware{"with": {maxbody.New(1<<20, origin.Origin{})}, "without": nil})
}
