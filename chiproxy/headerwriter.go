package chiproxy

import (
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
)

// headerWriter changes the header of a response at the moment it leaves, and knows whether it has left. Informational
// responses pass as they are; 101 is not one of them, since nothing follows it.
type headerWriter struct {
	caddyhttp.ResponseWriterWrapper
	ops    *field.Ops // may be nil
	status int        // of a response that does not say
	wrote  bool
}

func newHeaderWriter(w http.ResponseWriter, ops *field.Ops) *headerWriter {
	return &headerWriter{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, ops: ops, status: http.StatusOK}
}

// WriteHeader applies the changes and sends the header.
func (w *headerWriter) WriteHeader(status int) {
	if !w.wrote && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.wrote = true
		if w.ops != nil {
			w.ops.Apply(w.Header())
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends the header first, if it has not left.
func (w *headerWriter) Write(p []byte) (int, error) {
	w.leave()
	return w.ResponseWriter.Write(p)
}

// ReadFrom is Write for a whole reader, and keeps the server's sendfile.
func (w *headerWriter) ReadFrom(r io.Reader) (int64, error) {
	w.leave()
	return w.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError flushes, which sends the header too. http.ResponseController calls it.
func (w *headerWriter) FlushError() error {
	w.leave()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *headerWriter) leave() {
	if !w.wrote {
		w.WriteHeader(w.status)
	}
}

var (
	_ http.ResponseWriter = (*headerWriter)(nil)
	_ io.ReaderFrom       = (*headerWriter)(nil)
)
