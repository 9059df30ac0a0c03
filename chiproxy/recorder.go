package chiproxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// ErrHeaderSent is a cause of every error that Table.Serve returns after the header of the response has left. The client
// sees a response that may be cut short.
var ErrHeaderSent = errors.New("the header of the response had left")

// ErrBodySent is a further cause where the body had left, too: the client has a whole response.
var ErrBodySent = errors.New("the response had been sent")

// sent is an error after the header has left.
func (ex *Exchange) sent(err error) error {
	err = lateError(err)
	if late, ok := errors.AsType[caddyhttp.HandlerError](err); ok && ex.chain.complete {
		late.Err = fmt.Errorf("%w: %w", ErrBodySent, late.Err)
		return late
	}
	return err
}

func lateError(err error) error {
	late, ok := errors.AsType[caddyhttp.HandlerError](err)
	if !ok {
		late = caddyhttp.Error(http.StatusInternalServerError, err)
	}
	late.Err = fmt.Errorf("%w: %w", ErrHeaderSent, late.Err)
	return late
}

// recorder knows whether the header of a response has left.
type recorder struct {
	caddyhttp.ResponseWriterWrapper
	wrote  bool
	status int
	bytes  int64
	// root has what functions wanted that have failed, for the response that leaves; mostly nil. bare says that the body of that
	// does not.
	root *ResponseHooks
	bare bool
}

// record makes the exchange know whether something was written. Routes that are plain data do without.
func (ex *Exchange) record() {
	if ex.recorder.ResponseWriterWrapper.ResponseWriter == nil {
		ex.recorder.ResponseWriterWrapper.ResponseWriter = ex.W
		ex.W = &ex.recorder
	}
}

// WriteHeader notes that the header leaves; informational ones do not count.
func (w *recorder) WriteHeader(status int) {
	if !w.wrote && (status >= 200 || status == http.StatusSwitchingProtocols) {
		if w.root != nil {
			status = w.rooted(status)
		}
		w.wrote, w.status = true, status
	}
	w.ResponseWriter.WriteHeader(status)
}

// rooted gives a response what functions wanted that have failed. If one of them fails again, its body does not leave.
func (w *recorder) rooted(status int) int {
	left, err := w.root.leaveLast(status)
	if w.bare = err != nil || left != status && !hasBody("", left); w.bare {
		for _, name := range bodyFields {
			delete(w.Header(), name)
		}
	}
	return left
}

// begin notes that the response begins, with a header of its own where nobody has sent one.
func (w *recorder) begin() {
	if !w.wrote && w.root != nil {
		w.WriteHeader(http.StatusOK)
	}
	w.wrote = true
}

// Write sends the header first.
func (w *recorder) Write(p []byte) (int, error) {
	if w.begin(); w.bare {
		return len(p), nil
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// ReadFrom keeps the server's sendfile.
func (w *recorder) ReadFrom(r io.Reader) (int64, error) {
	if w.begin(); w.bare {
		return io.Copy(io.Discard, r)
	}
	n, err := w.ResponseWriterWrapper.ReadFrom(r)
	w.bytes += n
	return n, err
}

// FlushError flushes, which sends the header too. http.ResponseController calls it.
func (w *recorder) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack takes the connection over. http.ResponseController calls it.
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.wrote = true
	}
	return conn, rw, err
}

var (
	_ http.ResponseWriter = (*recorder)(nil)
	_ io.ReaderFrom       = (*recorder)(nil)
	_ http.Hijacker       = (*recorder)(nil)
)
