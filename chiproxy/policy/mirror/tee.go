package mirror

import (
	"io"
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// bound is a Mirror whose pool is known.
type bound struct {
	*Mirror
	handler *reverseproxy.Handler
}

// Handle has the request copied.
func (b *bound) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	wants := b.wants(ex)
	if ex.Refuse() != nil {
		if wants {
			ex.Note("copied to " + b.To)
		} else {
			ex.Note("not copied")
		}
		return next()
	}
	if !wants {
		return next()
	}
	c, r := b.copyOf(ex), ex.R
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		c.leave(nil)
		return next()
	}
	if held, ok := r.Body.(chiproxy.HeldBody); ok {
		body, err := io.ReadAll(io.LimitReader(held.Again(), b.Body+1))
		if err == nil && int64(len(body)) <= b.Body {
			c.leave(body)
		} else {
			b.Counts.Add(telemetry.MirrorLarge)
		}
		return next()
	}
	t := &tee{ReadCloser: r.Body, copied: c, length: r.ContentLength}
	r.Body = t
	v, err := next()
	t.end()
	if r.Body == t {
		r.Body = t.ReadCloser
	}
	return v, err
}

// tee is a body of which a copy is kept while it is read, up to a limit. A transport reads it in a goroutine of its own, which may last longer than
// the request.
type tee struct {
	io.ReadCloser
	copied *copied
	length int64 // that the request says, below 0 for none

	mu   sync.Mutex
	data []byte
	over bool // nothing is kept any more
}

// Read reads from the body. At its end, the copy leaves.
func (t *tee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return n, err
	}
	if int64(len(t.data)+n) > t.copied.m.Body {
		t.data, t.over = nil, true
		t.copied.m.Counts.Add(telemetry.MirrorLarge)
		return n, err
	}
	t.data = append(t.data, p[:n]...)
	if err == io.EOF || int64(len(t.data)) == t.length {
		t.copied.leave(t.data)
		t.data, t.over = nil, true
	} else if err != nil {
		t.stop()
	}
	return n, err
}

// end says that nobody waits for the body any more. One that was not read whole is not copied.
func (t *tee) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.over {
		t.stop()
	}
}

func (t *tee) stop() {
	t.data, t.over = nil, true
	t.copied.m.Counts.Add(telemetry.MirrorUnread)
}

var _ chiproxy.Middleware = (*bound)(nil)
