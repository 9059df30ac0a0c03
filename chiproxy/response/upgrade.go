package response

import (
	"bufio"
	"net"
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// UpgradeWriter notices that a request has become a stream of another protocol. From then on a reload does not wait
// for it, as in Caddy: it is closed with its pool.
type UpgradeWriter struct {
	*caddyhttp.ResponseWriterWrapper
	connect bool // it is an extended CONNECT, whose stream begins with the header
	release func()
}

// NewUpgradeWriter returns a writer that calls release when the request has become a stream: one that is hijacked, or
// a CONNECT that succeeds.
func NewUpgradeWriter(w http.ResponseWriter, connect bool, release func()) *UpgradeWriter {
	return &UpgradeWriter{&caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, connect, sync.OnceFunc(release)}
}

// Release calls release, unless that was done before.
func (w *UpgradeWriter) Release() { w.release() }

// WriteHeader sends the header.
func (w *UpgradeWriter) WriteHeader(status int) {
	w.ResponseWriterWrapper.WriteHeader(status)
	if w.connect && status/100 == 2 {
		w.release()
	}
}

// Hijack hands the connection out.
func (w *UpgradeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.release()
	}
	return conn, rw, err
}

// Interface guards
var _ http.Hijacker = (*UpgradeWriter)(nil)
