package chiproxy

import (
	"bufio"
	"net"
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
)

// upgradeWriter notices that a request has become a stream of another protocol. From then on the table does not wait for it, as
// Caddy does not when it reloads: what it goes through is closed when its pool is.
type upgradeWriter struct {
	*caddyhttp.ResponseWriterWrapper
	connect bool // it is an extended CONNECT, whose stream begins with the header
	release func()
}

// upgrading returns the writer for a request that may become a stream, else nil.
func (t *Table) upgrading(w http.ResponseWriter, r *http.Request) *upgradeWriter {
	connect := field.IsWebSocketConnect(r)
	if !connect && r.Header["Upgrade"] == nil {
		return nil
	}
	return &upgradeWriter{&caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, connect, sync.OnceFunc(t.Release)}
}

// WriteHeader sends the header.
func (w *upgradeWriter) WriteHeader(status int) {
	w.ResponseWriterWrapper.WriteHeader(status)
	if w.connect && status/100 == 2 {
		w.release()
	}
}

// Hijack hands the connection out.
func (w *upgradeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.release()
	}
	return conn, rw, err
}

// Interface guards
var _ http.Hijacker = (*upgradeWriter)(nil)
