// Package forwardauth is middleware that asks a server such as Authelia or oauth2-proxy whether a request may pass, and says to those behind
// it who the request is from. The server stands in a pool. It is asked with a request that has the header of the client's, without its body;
// an answer of 2xx lets the request pass, and any other is what the client gets.
package forwardauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// Copy is a field of the answer, and that of the client's request which is set to it.
type Copy struct{ From, To string }

// Config is whom to ask, and what becomes of the answer.
type Config struct {
	// Pool is the name of the pool, and Path what it is asked for, with a query if there is one.
	Pool, Path string
	// Copies are fields that say who the request is from. What the client sends in them is removed, always.
	Copies []Copy
	// Timeout is for the whole answer. Default: 5 s.
	Timeout time.Duration
	// Open lets requests pass, as from nobody, while the server does not answer or fails. Otherwise they get 503.
	Open bool
	// Caching has verdicts remembered; nil for none.
	Caching *Caching
	// MostAsked is how many questions may be under way: a server that is silent holds no more of what they take. Those beyond are as
	// those without an answer. Default: 1024.
	MostAsked int
	At        origin.Origin
}

const (
	// defaultTimeout is that of Config.
	defaultTimeout = 5 * time.Second
	// defaultMostAsked is that of Config.
	defaultMostAsked = 1024
)

// Middleware is such middleware. It is bound to its pool when the table is built.
type Middleware struct {
	Config
	target *url.URL
	// claims are the names of the fields in Copies.
	claims []string
	pool   *pool.Named
	memory *memory
	// places are those of questions under way.
	places chan struct{}
}

// New returns middleware, or an error that says what is wrong.
func New(c Config) (*Middleware, error) {
	m := &Middleware{Config: c}
	var err error
	if m.target, err = url.ParseRequestURI(c.Path); err != nil || !strings.HasPrefix(c.Path, "/") || strings.Contains(c.Path, "#") {
		return nil, fmt.Errorf("path is %q; expected a path such as \"/verify\", perhaps with a query", c.Path)
	}
	if m.Copies, m.claims, err = checked(c.Copies); err != nil {
		return nil, fmt.Errorf("copy_headers: %w", err)
	}
	if m.Timeout == 0 {
		m.Timeout = defaultTimeout
	}
	if m.MostAsked == 0 {
		m.MostAsked = defaultMostAsked
	}
	if c.Caching != nil {
		if m.memory, err = c.Caching.memory(); err != nil {
			return nil, fmt.Errorf("cache: %w", err)
		}
	}
	return m, nil
}

// BindMiddleware finds the pool.
func (m *Middleware) BindMiddleware(s *chiproxy.PoolScope) (chiproxy.Middleware, error) {
	p, err := s.Find(m.Pool)
	if err != nil {
		return nil, fmt.Errorf("forward_auth: %w", err)
	}
	bound := *m
	bound.pool, bound.places = p, make(chan struct{}, m.MostAsked)
	if m.memory != nil {
		bound.memory = m.memory.of(&bound)
	}
	return &bound, nil
}

// Traits are those of middleware that takes a snapshot before it changes something.
func (m *Middleware) Traits() chiproxy.Traits { return chiproxy.Traits{} }

// Describe says where it was declared.
func (m *Middleware) Describe() origin.Origin { return m.At }

// Handle asks whether the request may pass.
func (m *Middleware) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	var known *verdict
	var at place
	var header http.Header
	refuse := ex.Refuse()
	if refuse == nil {
		if m.memory != nil {
			known, at = m.memory.recall(ex)
		}
		if known == nil {
			header = m.header(ex) // may have what is removed now, such as Authorization
		}
	}
	ex.RemoveClaimed(m.claims)
	switch {
	case refuse != nil:
		refuse("forward_auth: GET " + m.Path + " of the pool " + m.Pool)
		ex.Note("the pool " + m.Pool + " is not asked; the request passes as from nobody")
		return next()
	case known != nil:
		return m.obey(ex, known, next)
	}
	asked, err := m.judge(ex, header, at)
	if err != nil {
		return m.unanswered(ex, err, next)
	}
	return m.obey(ex, asked, next)
}

// judge asks for a verdict. Where another request asks for one that this one can share, it waits for that; if it is none to remember, it asks
// itself.
func (m *Middleware) judge(ex *chiproxy.Exchange, header http.Header, at place) (*verdict, error) {
	ex.Yield()
	ctx, cancel := context.WithTimeout(ex.R.Context(), m.Timeout)
	defer cancel()
	if at.memory != nil {
		other, end := at.memory.cache.join(at.id)
		if end != nil {
			defer end()
		} else {
			select {
			case <-other:
			case <-ctx.Done():
			}
		}
		if v := at.memory.cache.get(at.id, time.Now()); v != nil { // also that of one whose question was over before this one joined
			return v, nil
		}
	}
	v, err := m.ask(ctx, ex, header)
	if err == nil {
		at.remember(v)
	}
	return v, err
}

// ask asks the pool.
func (m *Middleware) ask(ctx context.Context, ex *chiproxy.Exchange, header http.Header) (*verdict, error) {
	select {
	case m.places <- struct{}{}:
		defer func() { <-m.places }()
	default:
		return nil, fmt.Errorf("%d questions are under way; more are not asked", m.MostAsked)
	}
	target := *m.target
	r := (&http.Request{
		Method: http.MethodGet, URL: &target, RequestURI: target.RequestURI(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: http.NoBody,
	}).WithContext(ctx)
	w := &recorder{header: http.Header{}}
	err := ex.Ask(m.pool)(w, r)
	if w.status != 0 {
		return w.verdict(m, err)
	}
	switch {
	case ex.R.Context().Err() != nil:
		return nil, errGone
	case ctx.Err() != nil:
		return nil, fmt.Errorf("there was no answer within %v", m.Timeout)
	case err == nil:
		err = errors.New("there was no answer")
	}
	return nil, err
}

// statusGone is what Caddy logs for a client that has left.
const statusGone = 499

var errGone = errors.New("the client has left")

// unanswered is for a server that gives no verdict.
func (m *Middleware) unanswered(ex *chiproxy.Exchange, err error, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	switch {
	case err == errGone:
		return chiproxy.Done, caddyhttp.Error(statusGone, err)
	case m.Open:
		if fields, ok := ex.R.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok {
			fields.Set(zap.String("forward_auth", err.Error()))
		}
		return next()
	}
	ex.Becomes(telemetry.Refused)
	return chiproxy.Done, caddyhttp.Error(http.StatusServiceUnavailable, &failure{m.Pool, err})
}

// failure is the error of a request that nobody could judge. It is no HandlerError, whose status would be another one.
type failure struct {
	pool string
	err  error
}

func (f *failure) Error() string {
	return fmt.Sprintf("forward_auth: the pool %s gives no verdict: %v", f.pool, f.err)
}

// obey does what the verdict says.
func (m *Middleware) obey(ex *chiproxy.Exchange, v *verdict, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	if !v.passes() {
		ex.Becomes(telemetry.Refused)
		return chiproxy.Done, v.send(ex)
	}
	for i, values := range v.claims {
		if len(values) == 0 {
			continue
		}
		ex.Snapshot()
		if err := ex.SetHeader(m.Copies[i].To, slices.Clone(values)); err != nil {
			return chiproxy.Done, caddyhttp.Error(http.StatusRequestHeaderFieldsTooLarge, err)
		}
	}
	if len(v.cookies) == 0 {
		return next()
	}
	h := ex.ResponseHooks()
	return ex.Around(h, func() (chiproxy.Verdict, error) {
		if err := h.Add("Set-Cookie", v.cookies...); err != nil {
			return chiproxy.Done, caddyhttp.Error(http.StatusBadGateway, err)
		}
		return next()
	})
}

var (
	_ chiproxy.MiddlewareBinder = (*Middleware)(nil)
	_ chiproxy.Describer        = (*Middleware)(nil)
)
