package response

import (
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// HeaderWriter changes the header of a response just before it is sent, and knows whether it was. Informational
// responses pass as they are; 101 is not one of them, since nothing follows it.
type HeaderWriter struct {
	caddyhttp.ResponseWriterWrapper
	// Status is that of a response that does not say.
	Status int
	change Changer // may be nil
	wrote  bool
}

// Changer changes the header of a response just before it is sent.
type Changer interface{ Apply(http.Header) }

// NewHeaderWriter returns a writer that makes changes, which may be nil.
func NewHeaderWriter(w http.ResponseWriter, change Changer) *HeaderWriter {
	return &HeaderWriter{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, change: change, Status: http.StatusOK}
}

// Wrote reports whether the header has left.
func (w *HeaderWriter) Wrote() bool { return w.wrote }

// WriteHeader applies the changes and sends the header.
func (w *HeaderWriter) WriteHeader(status int) {
	if !w.wrote && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.wrote = true
		if w.change != nil {
			w.change.Apply(w.Header())
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends the header first, if it has not left.
func (w *HeaderWriter) Write(p []byte) (int, error) {
	w.leave()
	return w.ResponseWriter.Write(p)
}

// ReadFrom is Write for a whole reader, and keeps the server's sendfile.
func (w *HeaderWriter) ReadFrom(r io.Reader) (int64, error) {
	w.leave()
	return w.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError flushes, which sends the header too. http.ResponseController calls it.
func (w *HeaderWriter) FlushError() error {
	w.leave()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *HeaderWriter) leave() {
	if !w.wrote {
		w.WriteHeader(w.Status)
	}
}

var (
	_ http.ResponseWriter = (*HeaderWriter)(nil)
	_ io.ReaderFrom       = (*HeaderWriter)(nil)
)
