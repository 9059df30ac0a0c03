package response

import (
	"bufio"
	"io"
	"net"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// layerWriter is the writer of a layer.
type layerWriter struct {
	caddyhttp.ResponseWriterWrapper
	hooks *Hooks
}

// WriteHeader lets the functions change the header and sends it. Informational responses pass as they are.
func (w *layerWriter) WriteHeader(status int) {
	h := w.hooks
	switch {
	case h.err != nil:
	case status < 200 && status != http.StatusSwitchingProtocols:
		h.outer.WriteHeader(status)
	case !h.wrote:
		h.send(status)
	}
}

// Write sends a piece of the body, as the functions want it. It returns the length of what it was given.
func (w *layerWriter) Write(p []byte) (int, error) {
	h := w.hooks
	w.leave()
	switch {
	case h.err != nil:
		return 0, h.err
	case h.bare:
		return len(p), nil
	case h.held != nil:
		if err := h.hold(p); err != nil {
			return 0, err
		}
		return len(p), nil
	case !h.body:
		return h.outer.Write(p)
	}
	if err := h.put(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// put sends a piece of the body, as the functions for it want it.
func (h *Hooks) put(piece []byte) (err error) {
	if h.body {
		if piece, err = h.filter(piece, false); err != nil {
			return err
		}
	}
	if len(piece) > 0 {
		_, err = h.outer.Write(piece)
	}
	return err
}

// ReadFrom sends a whole reader. Without functions for the body it keeps the server's sendfile.
func (w *layerWriter) ReadFrom(r io.Reader) (int64, error) {
	w.leave()
	if h := w.hooks; h.err == nil && !h.body && !h.bare && h.held == nil {
		return w.ResponseWriterWrapper.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{w}, r)
}

// FlushError flushes, which sends the header too. http.ResponseController calls it.
func (w *layerWriter) FlushError() error {
	w.leave()
	if w.hooks.err != nil || w.hooks.held != nil { // what is held is not all there yet
		return w.hooks.err
	}
	return http.NewResponseController(w.hooks.outer).Flush()
}

// Hijack takes the connection over. http.ResponseController calls it. Nothing of the response is ours from here on.
func (w *layerWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.hooks.outer).Hijack()
	if err == nil {
		w.hooks.wrote, w.hooks.held, w.hooks.body = true, nil, false
	}
	return conn, rw, err
}

func (w *layerWriter) leave() {
	if !w.hooks.wrote {
		w.WriteHeader(http.StatusOK)
	}
}

var (
	_ http.ResponseWriter = (*layerWriter)(nil)
	_ io.ReaderFrom       = (*layerWriter)(nil)
	_ http.Hijacker       = (*layerWriter)(nil)
)
