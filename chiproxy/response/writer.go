package response

import (
	"bufio"
	"io"
	"net"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// recorder is the outermost writer. It knows whether the header of the response has left.
type recorder struct {
	caddyhttp.ResponseWriterWrapper
	owner  Owner
	wrote  bool
	status int
	bytes  int64
	// root has the pending changes of failed layers, mostly nil. bare means that the body is not sent.
	root *Hooks
	bare bool
	// stamps are those of Stack.Stamp, mostly none, and room is for the first.
	stamps []Stamp
	room   [1]Stamp
}

func (w *recorder) stamp(h http.Header) {
	for _, s := range w.stamps {
		s.Stamp(h)
	}
}

// WriteHeader notes that the header leaves; informational ones do not count.
func (w *recorder) WriteHeader(status int) {
	if !w.wrote && (status >= 200 || status == http.StatusSwitchingProtocols) {
		if w.root != nil {
			status = w.rooted(status)
		}
		if len(w.stamps) > 0 {
			w.stamp(w.Header())
		}
		w.status = status
		w.left()
	}
	w.ResponseWriter.WriteHeader(status)
}

// left notes that the header leaves.
func (w *recorder) left() {
	if !w.wrote {
		w.wrote = true
		w.owner.Left()
	}
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

// begin notes that the response begins. If none was written, hooks and stamps get a header of status 200 first.
func (w *recorder) begin() {
	if !w.wrote && (w.root != nil || len(w.stamps) > 0) {
		w.WriteHeader(http.StatusOK)
	}
	w.left()
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
		w.left()
	}
	return conn, rw, err
}

var (
	_ http.ResponseWriter = (*recorder)(nil)
	_ io.ReaderFrom       = (*recorder)(nil)
	_ http.Hijacker       = (*recorder)(nil)
)
