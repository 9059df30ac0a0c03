package chiproxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/forward"
	"github.com/luaroute/caddy-luaroute/chiproxy/jsonshape"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/rawquery"
	"github.com/luaroute/caddy-luaroute/chiproxy/response"
	"github.com/luaroute/caddy-luaroute/chiproxy/template"
	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

// Proxy forwards the request to a pool. With nothing but a pool, the upstream gets the request as the client sent it.
// What is changed is changed on the request itself, so that Caddy's placeholders and logs show what was forwarded.
// No placeholder is expanded in any of its values, unless Expand has compiled them.
type Proxy struct {
	// Pool is the name of the pool.
	Pool string
	// StripPrefix is taken off the path at a segment border: /acme takes /acme/x to /x and /acme to /, and leaves
	// /acmefoo alone. It is given decoded and compared with the decoded path; what remains keeps the encoding the
	// client chose.
	StripPrefix string
	// Path replaces the path. It is given decoded and begins with a slash. It excludes StripPrefix.
	Path string
	// Method replaces the method. The body is not forwarded where it becomes GET or HEAD.
	Method string
	// Query replaces the whole query, without the question mark. Nil leaves it, an empty string removes it. A table
	// of values is written with url.Values.Encode.
	Query *string
	// Headers changes the request header as header_up of a reverse_proxy does: what is set reaches the upstream, be it
	// X-Forwarded-For or a field that the client names in Connection. Setting Host changes the host that the upstream
	// sees, and leaves X-Forwarded-Host.
	Headers *field.Ops
	// ResponseHeaders changes the header of the response when it is sent, whoever set it. Informational responses and
	// errors that Caddy's handle_errors answers stay as they are.
	ResponseHeaders *field.Ops
	// Upstream is the address of one upstream of the pool, which is asked first. If it is not available, and for
	// retries, the pool's own policy decides. An address that is not in the pool is an error.
	Upstream string
	// Timeout is how long the pool may take until the header of its response leaves. Zero is as long as it likes.
	Timeout time.Duration
	// Mirror is middleware around the pool. It sees the request as it is forwarded, but for what reverse_proxy itself
	// writes. Nil is none.
	Mirror Middleware
	// ResponseJSON changes which fields the JSON bodies of responses have that succeed, up to 1 MiB. One that cannot be
	// changed is an error.
	ResponseJSON *jsonshape.Options
	// OnError says what to do when the pool has failed and no byte was written, as with an upstream that cannot be
	// reached. Nil and FailClosed return the error, for Caddy's handle_errors; FailDecline and FailOpen decline;
	// FailToPool forwards to that pool instead. Once some of the client's body was read it cannot be sent again, so
	// the error is returned; a body that a hook holds in memory can.
	OnError *ErrorPolicy

	texts *proxyTexts // of Expand, or nil
}

// Check reports what can never be forwarded.
func (p Proxy) Check() error {
	switch {
	case p.Pool == "":
		return errors.New("proxy: the name of the pool is missing")
	case p.Path != "" && p.StripPrefix != "":
		return errors.New("proxy: path and strip_prefix exclude each other")
	case p.Path != "" && p.Path[0] != '/':
		return fmt.Errorf("proxy: path %s: expected a leading slash", field.Quote(p.Path))
	case strings.IndexByte(p.Path, 0) >= 0:
		return fmt.Errorf("proxy: path %s: expected one without NUL", field.Quote(p.Path))
	case p.StripPrefix != "" && p.StripPrefix[0] != '/':
		return fmt.Errorf("proxy: strip_prefix %q: expected a leading slash", p.StripPrefix)
	}
	length := len(p.Path) + len(p.StripPrefix)
	if p.Query != nil {
		length += len(*p.Query)
	}
	if err := field.CheckURI(length, 0); err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	if p.Method != "" {
		if err := field.CheckMethod(p.Method); err != nil {
			return fmt.Errorf("proxy: %w", err)
		}
	}
	if p.Query != nil {
		if err := rawquery.Check(*p.Query); err != nil {
			return fmt.Errorf("proxy: query %s: %w", field.Quote(*p.Query), err)
		}
	}
	if err := p.Headers.Check(); err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	if err := p.Headers.CheckHost(); err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	if err := p.ResponseHeaders.CheckResponse(); err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	return nil
}

// Do forwards the request, for a Proxy that a hook has made. Those of a table are bound when it is built.
func (p Proxy) Do(ex *Exchange) (Verdict, error) { return ex.Perform(p) }

// Traits are those of what forwards. It declines where OnError says so.
func (p Proxy) Traits() Traits {
	return Traits{Declines: p.OnError != nil && p.OnError.Mode != FailClosed, Changes: true, Forwards: true, Pure: true}
}

// Describe names the pool.
func (p Proxy) Describe() origin.Origin { return origin.Origin{Kind: "proxy", Text: p.Pool} }

// plain reports whether the request is forwarded unchanged.
func (p Proxy) plain() bool { return p == Proxy{Pool: p.Pool} }

// Bind finds the pools.
func (p Proxy) Bind(pools *PoolScope) (Action, error) {
	if p.Pool != "" && p.plain() {
		return pools.forward(p.Pool)
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	to, err := pools.find(p.Pool)
	if err != nil {
		return nil, err
	}
	b := &boundProxy{Proxy: p, pool: to}
	if p.Timeout != 0 {
		b.deadlines = response.NewDeadlines(p.Timeout, false)
	}
	if p.Mirror != nil {
		if b.mirror, err = pools.BindMiddleware(p.Mirror); err != nil {
			return nil, fmt.Errorf("mirror: %w", err)
		}
	}
	if b.shape, err = p.shapeOf(); err != nil {
		return nil, err
	}
	b.StripPrefix = strings.TrimRight(b.StripPrefix, "/")
	if b.headerUp, b.header = forward.Split(p.Headers); p.texts != nil && len(p.texts.headers) > 0 {
		b.headerUp, b.header = nil, p.Headers // so that all changes are made in order
	}
	if p.Upstream != "" && (p.texts == nil || p.texts.upstream == nil) {
		if err := to.Choosable(p.Upstream); err != nil {
			return nil, err
		}
	}
	if p.OnError != nil && p.OnError.Mode == FailToPool {
		if b.instead, err = pools.find(p.OnError.Pool); err != nil {
			return nil, fmt.Errorf("on_error: %w", err)
		}
	}
	if b.headerUp != nil {
		changes := forward.HeaderUp(b.headerUp)
		b.handler = forward.Handler(to.Handler(), changes)
		if b.instead != nil {
			b.insteadHandler = forward.Handler(b.instead.Handler(), changes)
		}
	}
	return pools.stripped(b), nil
}

// boundProxy is a Proxy whose pools are known.
type boundProxy struct {
	Proxy
	pool *toPool
	// instead is the pool of OnError, if it names one.
	instead *toPool
	// mirror is Mirror, nil for none.
	mirror Middleware
	// deadlines are those of Timeout, nil for none.
	deadlines *response.Deadlines
	// header is the part of Headers that is changed on the request, headerUp the part that reverse_proxy changes. Both may be
	// nil.
	header, headerUp *field.Ops
	// shape is that of ResponseJSON, nil for none.
	shape *jsonshape.Shape
	// handler and insteadHandler are those of the pools that make the changes of headerUp; nil without.
	handler, insteadHandler *reverseproxy.Handler
}

// Do changes the request and forwards it.
func (b *boundProxy) Do(ex *Exchange) (Verdict, error) {
	var room [2]template.Rendered
	w, err := b.wants(ex, room[:0])
	if err != nil {
		return Done, err
	}
	was := ex.targetNow()
	undo, err := b.rewrite(ex, &w)
	v := Done
	switch {
	case err != nil:
	case b.StripPrefix != "" && urlpath.Climbs(ex.R.URL):
		err = errClimbs
	default:
		v, err = b.shaping(ex, func() (Verdict, error) { return b.send(ex, w.upstream) })
	}
	was.settle(ex, v, err)
	if v == Declined || err != nil {
		undo.restore(ex.R)
	}
	return v, err
}

func (b *boundProxy) send(ex *Exchange, upstream string) (Verdict, error) {
	if b.OnError != nil && b.OnError.Mode != FailClosed {
		return b.sendOrElse(ex, upstream)
	}
	if change := b.responseChange(ex); change != nil {
		w := ex.W
		defer func() { ex.W = w }()
		ex.W = response.NewHeaderWriter(w, change)
	}
	return Done, b.forward(ex, upstream)
}

// sendOrElse forwards, and does what OnError says if that failed before anything was written.
func (b *boundProxy) sendOrElse(ex *Exchange, upstream string) (Verdict, error) {
	w, body := ex.W, &readBody{ReadCloser: ex.R.Body}
	hw := response.NewHeaderWriter(w, b.responseChange(ex))
	ex.W = hw
	defer func() { ex.W = w }()
	if _, held := ex.R.Body.(HeldBody); !held && ex.R.Body != nil && ex.R.Body != http.NoBody { // one that is held is sent again
		r, real := ex.R, ex.R.Body
		r.Body = body
		defer func() {
			if r.Body == body {
				r.Body = real
			}
		}()
	}

	err := b.forward(ex, upstream)
	switch {
	case err == nil || hw.Wrote() || body.read:
		return Done, err
	case b.instead != nil:
		return Done, b.instead.forward(ex, b.insteadHandler)
	}
	return Declined, nil
}

// forward sends the request to the pool, and copies it if there is a mirror.
func (b *boundProxy) forward(ex *Exchange, upstream string) error {
	if b.mirror == nil || ex.Refuse() != nil { // what only explains copies nothing
		return b.forwardInTime(ex, upstream)
	}
	_, err := b.mirror.Handle(ex, func() (Verdict, error) { return Done, b.forwardInTime(ex, upstream) })
	return err
}

// forwardInTime sends the request to the pool, which has to answer in time.
func (b *boundProxy) forwardInTime(ex *Exchange, upstream string) error {
	if b.deadlines == nil {
		return b.sendTo(ex, upstream)
	}
	_, err := ex.Within(b.deadlines, func() (Verdict, error) { return Done, b.sendTo(ex, upstream) })
	return err
}

// sendTo sends the request to the pool, and to the chosen upstream if there is one.
func (b *boundProxy) sendTo(ex *Exchange, upstream string) error {
	if upstream == "" {
		return b.pool.forward(ex, b.handler)
	}
	ex.ownVars()
	choice := b.pool.Choose(ex.R, upstream)
	err := b.pool.forward(ex, b.handler)
	if wrong := choice.End(); err != nil && wrong != nil {
		return caddyhttp.Error(http.StatusInternalServerError, wrong)
	}
	return err
}

// rewritten is the body that a Proxy removed from the request. A decline restores everything else by itself.
type rewritten struct {
	body   io.ReadCloser
	length int64
}

func (u rewritten) restore(r *http.Request) { r.Body, r.ContentLength = u.body, u.length }

// rewrite changes the request.
func (b *boundProxy) rewrite(ex *Exchange, w *wanted) (rewritten, error) {
	r := ex.R
	undo := rewritten{r.Body, r.ContentLength}
	if b.Path != "" || b.StripPrefix != "" || b.Query != nil {
		if err := b.rewriteURI(ex, w); err != nil {
			return undo, err
		}
	}
	if w.method != "" && w.method != r.Method {
		r.Method = w.method
		if w.method == http.MethodGet || w.method == http.MethodHead {
			r.Body, r.ContentLength = http.NoBody, 0
		}
	}
	if b.header != nil {
		ex.changed.Make(r, b.header)
	}
	for _, h := range w.headers {
		if h.Add {
			ex.changed.Add(r, h.Name, h.Values)
		} else {
			ex.changed.Set(r, h.Name, h.Values)
		}
	}
	if b.headerUp != nil {
		ex.changed.MakeLater(r, b.headerUp)
	}
	return undo, nil
}

// strip takes a prefix off the path that is forwarded.
func (ex *Exchange) strip(prefix string) {
	if bare, ok := urlpath.Strip(ex.R.URL, prefix); ok {
		ex.bare = bare
	}
}

// readBody knows whether anything was read.
type readBody struct {
	io.ReadCloser
	read bool
}

func (b *readBody) Read(p []byte) (int, error) {
	b.read = true
	return b.ReadCloser.Read(p)
}

var (
	_ Action    = Proxy{}
	_ Describer = Proxy{}
	_ Binder    = Proxy{}
	_ Action    = (*boundProxy)(nil)
)
