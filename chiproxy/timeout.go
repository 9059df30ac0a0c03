package chiproxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/failure"
)

// Timeout bounds how long an answer may take. The zero value bounds nothing.
type Timeout struct {
	// After is how long it may take until the header of the response leaves.
	After time.Duration
	// Body says that the body, or the stream of an upgrade, has to end by then, too.
	Body bool
}

// Within runs what is inside, and lets it answer in time: else its context ends, what it still wants to send is not sent, and the error is a 504 of
// the upstream. A response that has begun is cut off, if the timeout is for the body, too.
func (ex *Exchange) Within(t Timeout, inside func() (Verdict, error)) (Verdict, error) {
	r, w, around := ex.R, ex.W, ex.R.Context()
	ctx, cancel := context.WithCancel(around)
	d := &deadline{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, body: t.Body}
	d.timer = time.AfterFunc(t.After, func() {
		if d.state.CompareAndSwap(awaited, overdue) || d.body {
			cancel()
		}
	})
	defer d.timer.Stop()
	*r = *r.WithContext(ctx) // handlers around this one have a pointer to the request
	ex.W = d
	v, err := inside()
	ex.W = w
	if !d.state.CompareAndSwap(overdue, settled) {
		return v, err // the context is left to that of the connection, as streams of upgrades may go on
	}
	if vars := varsOf(r); vars != nil && !sameMap(vars, varsIn(around)) {
		around = context.WithValue(around, caddyhttp.VarsCtxKey, vars)
	}
	*r = *r.WithContext(around)
	return Done, caddyhttp.Error(http.StatusGatewayTimeout, &failure.UpstreamError{Err: fmt.Errorf("there was no answer within %s: %w", t.After, context.DeadlineExceeded)})
}

// States of a deadline.
const (
	awaited = iota // the header
	begun          // the header has left
	overdue        // it had not when the time was over
	settled
)

// deadline is a writer that lets a header leave in time only.
type deadline struct {
	caddyhttp.ResponseWriterWrapper
	timer *time.Timer
	state atomic.Int32
	body  bool
}

// leave reports whether the header may leave, or has left.
func (d *deadline) leave() bool {
	if d.state.CompareAndSwap(awaited, begun) && !d.body {
		d.timer.Stop()
	}
	return d.state.Load() == begun
}

// WriteHeader sends the header, if it is time.
func (d *deadline) WriteHeader(status int) {
	if status < 200 && status != http.StatusSwitchingProtocols && d.state.Load() != overdue || d.leave() {
		d.ResponseWriter.WriteHeader(status)
	}
}

// Write sends a piece of the body.
func (d *deadline) Write(p []byte) (int, error) {
	if !d.leave() {
		return 0, http.ErrHandlerTimeout
	}
	return d.ResponseWriter.Write(p)
}

// ReadFrom is Write for a whole reader, and keeps the server's sendfile.
func (d *deadline) ReadFrom(r io.Reader) (int64, error) {
	if !d.leave() {
		return 0, http.ErrHandlerTimeout
	}
	return d.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError flushes, which sends the header too. http.ResponseController calls it.
func (d *deadline) FlushError() error {
	if !d.leave() {
		return http.ErrHandlerTimeout
	}
	return http.NewResponseController(d.ResponseWriter).Flush()
}

// Hijack takes the connection over. http.ResponseController calls it.
func (d *deadline) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !d.leave() {
		return nil, nil, http.ErrHandlerTimeout
	}
	return http.NewResponseController(d.ResponseWriter).Hijack()
}

var (
	_ http.ResponseWriter = (*deadline)(nil)
	_ io.ReaderFrom       = (*deadline)(nil)
	_ http.Hijacker       = (*deadline)(nil)
)
