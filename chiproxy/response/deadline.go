package response

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// States of a deadline.
const (
	awaited = iota // the header
	begun          // the header has left
	overdue        // it had not when the time was over
	settled
)

// Deadline is a writer that lets a header leave in time only. With its context, it is all that a request in time allocates.
type Deadline struct {
	caddyhttp.ResponseWriterWrapper
	ctx        endable
	state      atomic.Int32
	line       *Deadlines
	due        time.Time
	prev, next *Deadline // in line; nobody but the line reads or writes these
	waits      bool
}

// Context returns the context of what answers. It ends when the time is over, unless the header has left; where the time is for the body, also if it has.
func (d *Deadline) Context() context.Context { return &d.ctx }

// expire is called when the time is over.
func (d *Deadline) expire() {
	if d.state.CompareAndSwap(awaited, overdue) || d.line.body {
		d.ctx.end()
	}
}

// Stop ends its time.
func (d *Deadline) Stop() { d.line.leave(d) }

// Settle reports whether the time was over before the header left. From then on nothing leaves.
func (d *Deadline) Settle() bool { return d.state.CompareAndSwap(overdue, settled) }

// leave reports whether the header may leave, or has left.
func (d *Deadline) leave() bool {
	if d.state.CompareAndSwap(awaited, begun) && !d.line.body {
		d.Stop()
	}
	return d.state.Load() == begun
}

// WriteHeader sends the header, if it is time.
func (d *Deadline) WriteHeader(status int) {
	if status < 200 && status != http.StatusSwitchingProtocols && d.state.Load() != overdue || d.leave() {
		d.ResponseWriter.WriteHeader(status)
	}
}

// Write sends a piece of the body.
func (d *Deadline) Write(p []byte) (int, error) {
	if !d.leave() {
		return 0, http.ErrHandlerTimeout
	}
	return d.ResponseWriter.Write(p)
}

// ReadFrom is Write for a whole reader, and keeps the server's sendfile.
func (d *Deadline) ReadFrom(r io.Reader) (int64, error) {
	if !d.leave() {
		return 0, http.ErrHandlerTimeout
	}
	return d.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError flushes, which sends the header too. http.ResponseController calls it.
func (d *Deadline) FlushError() error {
	if !d.leave() {
		return http.ErrHandlerTimeout
	}
	return http.NewResponseController(d.ResponseWriter).Flush()
}

// Hijack takes the connection over. http.ResponseController calls it.
func (d *Deadline) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !d.leave() {
		return nil, nil, http.ErrHandlerTimeout
	}
	return http.NewResponseController(d.ResponseWriter).Hijack()
}

var (
	_ http.ResponseWriter = (*Deadline)(nil)
	_ io.ReaderFrom       = (*Deadline)(nil)
	_ http.Hijacker       = (*Deadline)(nil)
)
