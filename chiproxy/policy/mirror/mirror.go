// Package mirror sends copies of requests to another pool, whose answers nobody sees.
package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// Options describe a mirror.
type Options struct {
	// To is the name of the pool that gets the copies.
	To string
	// Percent is the share of the requests that are copied, by chance.
	Percent float64
	// When are guards that must allow a request.
	When []chiproxy.Guard
	// Body is the largest body that is copied, in bytes.
	Body int64
	// Timeout bounds a copy and its answer.
	Timeout time.Duration
	// InFlight is how many copies there may be at once.
	InFlight int
	// Headers changes the header of copies; nil does not.
	Headers *field.Ops
	// Counts counts what becomes of copies; nil counts nothing.
	Counts *telemetry.Mirror
	At     origin.Origin
}

// Mirror is middleware that copies requests. A copy leaves when the body of the request has been read, by whatever reads it, and nothing
// waits for it.
type Mirror struct {
	Options
	inFlight atomic.Int64
}

// New returns the mirror that options describe.
func New(o Options) (*Mirror, error) {
	switch {
	case o.To == "":
		return nil, errors.New("the pool is missing; expected to = \"name\"")
	case !(o.Percent >= 0 && o.Percent <= 100):
		return nil, fmt.Errorf("percent is %v; expected 0 to 100", o.Percent)
	}
	if err := o.Headers.Check(); err != nil {
		return nil, err
	}
	if err := o.Headers.CheckHost(); err != nil {
		return nil, err
	}
	o.At.Kind, o.At.Text = "mirror", o.To
	return &Mirror{Options: o}, nil
}

// Traits are those of middleware that answers nothing, and takes back itself what it changes.
func (m *Mirror) Traits() chiproxy.Traits { return chiproxy.Traits{Admits: chiproxy.AdmitsAll} }

// Describe shows the pool.
func (m *Mirror) Describe() origin.Origin { return m.At }

// Fingerprint tells mirrors apart.
func (m *Mirror) Fingerprint() uint64 {
	text := fmt.Sprint(m.To, m.Percent, m.Body, m.Timeout, m.InFlight, m.Headers)
	for _, g := range m.When {
		text += fmt.Sprint(chiproxy.Describe(g), chiproxy.Fingerprint(g))
	}
	return chiproxy.FingerprintOf(text)
}

// Handle is for a mirror that no table has bound.
func (m *Mirror) Handle(_ *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	return next()
}

// BindMiddleware finds the pool.
func (m *Mirror) BindMiddleware(pools *chiproxy.PoolScope) (chiproxy.Middleware, error) {
	p, err := pools.Find(m.To)
	if err != nil {
		return nil, err
	}
	return &bound{m, p.Once()}, nil
}

// wants reports whether a request is copied.
func (m *Mirror) wants(ex *chiproxy.Exchange) bool {
	r := ex.R
	if r.Method == http.MethodConnect || r.Header.Get("Upgrade") != "" {
		return false
	}
	if m.Percent < 100 && rand.Float64()*100 >= m.Percent { //nolint:gosec // no secret
		return false
	}
	for _, g := range m.When {
		if ok, err := g.Allow(ex); !ok || err != nil { // hooks have logged an error, and a copy is no reason to fail
			return false
		}
	}
	if r.ContentLength > m.Body {
		m.Counts.Add(telemetry.MirrorLarge)
		return false
	}
	return true
}

// copied is the copy of a request, which leaves once.
type copied struct {
	m    *Mirror
	r    *http.Request
	send func(http.ResponseWriter, *http.Request) error
}

// copyOf returns the copy of a request as it is now, without its body.
func (b *bound) copyOf(ex *chiproxy.Exchange) *copied {
	url := *ex.R.URL
	r := &http.Request{
		Method: ex.R.Method, URL: &url, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: ex.R.Header.Clone(), Host: ex.R.Host, RequestURI: ex.R.RequestURI,
	}
	if b.Headers != nil {
		b.Headers.Apply(r.Header)
		if host := r.Header["Host"]; len(host) > 0 {
			r.Host = host[0]
			delete(r.Header, "Host")
		}
	}
	r.Header["X-Mirrored"] = []string{"1"}
	return &copied{b.Mirror, r, ex.AskBy(b.handler)}
}

// leave sends the copy, in a goroutine of its own.
func (c *copied) leave(body []byte) {
	m := c.m
	if m.inFlight.Add(1) > int64(m.InFlight) {
		m.inFlight.Add(-1)
		m.Counts.Add(telemetry.MirrorDropped)
		return
	}
	go func() {
		defer m.inFlight.Add(-1)
		ctx, cancel := context.WithTimeout(context.Background(), m.Timeout)
		defer cancel()
		r := c.r.WithContext(ctx)
		r.Body, r.ContentLength = http.NoBody, int64(len(body))
		if len(body) > 0 {
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		err := c.send(nobody{http.Header{}}, r)
		switch {
		case ctx.Err() != nil:
			m.Counts.Add(telemetry.MirrorTimeout)
		case err != nil:
			m.Counts.Add(telemetry.MirrorFailed)
		default:
			m.Counts.Add(telemetry.MirrorSent)
		}
	}()
}

// nobody is who gets the answer of a copy.
type nobody struct{ header http.Header }

func (n nobody) Header() http.Header       { return n.header }
func (nobody) Write(p []byte) (int, error) { return len(p), nil }
func (nobody) WriteHeader(int)             {}
func (nobody) Flush()                      {}

// Interface guards
var (
	_ chiproxy.Middleware       = (*Mirror)(nil)
	_ chiproxy.MiddlewareBinder = (*Mirror)(nil)
	_ chiproxy.Describer        = (*Mirror)(nil)
	_ chiproxy.Fingerprinter    = (*Mirror)(nil)
)
