package chiproxy

import (
	"bufio"
	"io"
	"maps"
	"net"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// ResponseHooks is what one hook wants to do with the response of what is inside of it. It is a layer around the
// response: the hooks of functions further in see the response first.
type ResponseHooks struct {
	// Changes are made to the header when it leaves, so they replace what the action has set. Its maps may be nil.
	Changes HeaderOps

	onHeader []func(status int) (int, error)
	onBody   []func(piece []byte, last bool) ([]byte, error)
	first    [1]func(status int) (int, error) // room for onHeader: mostly there is one
	writer   layerWriter

	ex    *Exchange
	outer http.ResponseWriter
	// around is the next layer further out.
	around *ResponseHooks
	was    http.Header // the header before anything inside ran, for those who answer a failure
	wrote  bool
	body   bool // whether there is a body for onBody
	bare   bool // whether a function has chosen a status without a body, for a response that has one
	err    error
}

// ResponseHooks puts a new layer around the response of what is inside. The caller runs that with Around.
func (ex *Exchange) ResponseHooks() *ResponseHooks {
	ex.record()
	h := &ResponseHooks{ex: ex, outer: ex.W, around: ex.layer}
	h.onHeader = h.first[:0]
	h.writer = layerWriter{caddyhttp.ResponseWriterWrapper{ResponseWriter: ex.W}, h}
	ex.W, ex.layer = &h.writer, h
	return h
}

// ResponseErr returns the error of a response hook that has failed, until its layer ends. What is inside can not write
// any more, and those who tried may have aborted.
func (ex *Exchange) ResponseErr() error {
	for h := ex.layer; h != nil; h = h.around {
		if h.err != nil {
			return h.err
		}
	}
	return nil
}

// OnHeader adds a function that is called just before the header leaves, with the status, and returns the status to
// send. It is not called for informational responses, 101 among them. If it fails the response is not sent, and
// Around returns the error.
func (h *ResponseHooks) OnHeader(fn func(status int) (int, error)) {
	if h.was == nil {
		h.was = h.outer.Header().Clone()
	}
	h.onHeader = append(h.onHeader, fn)
}

// OnBody adds a function that is called with each piece of the body and returns what to send instead, and at the end once
// with last, perhaps with an empty piece. It is not called where there is no body: for HEAD, 1xx, 204, 304 and
// upgrades. If it fails, the body ends there, and Around returns the error.
func (h *ResponseHooks) OnBody(fn func(piece []byte, last bool) ([]byte, error)) {
	h.onBody = append(h.onBody, fn)
	plainBody(h.ex.R.Header)
}

// Header returns the header as it is now.
func (h *ResponseHooks) Header() http.Header { return h.outer.Header() }

// Wrote says whether the header has left.
func (h *ResponseHooks) Wrote() bool { return h.wrote }

// Err returns the error of a function that failed.
func (h *ResponseHooks) Err() error { return h.err }

// Around runs what is inside, and ends the layer with it: the last piece of the body goes out.
func (h *ResponseHooks) Around(inside func() (Verdict, error)) (v Verdict, err error) {
	defer func() {
		h.ex.W, h.ex.layer = h.outer, h.around
		if h.err == nil {
			return
		}
		if p := recover(); p != nil && p != http.ErrAbortHandler { // those who could not write have aborted
			panic(p)
		}
		if !h.wrote {
			header := h.outer.Header()
			clear(header)
			maps.Copy(header, h.was)
		}
		h.ex.chain.complete = false
		v, err = Done, h.err
	}()
	if v, err = inside(); err != nil || v == Declined {
		return v, err
	}
	return v, h.finish()
}

// finish sends the last piece. The response may have been left to net/http, which sends an empty one.
func (h *ResponseHooks) finish() error {
	if !h.wrote {
		h.send(http.StatusOK)
	}
	if !h.body {
		return h.err
	}
	h.body = false
	piece, err := h.filter(nil, true)
	if err == nil && len(piece) > 0 {
		_, err = h.outer.Write(piece)
	}
	return err
}

func (h *ResponseHooks) filter(piece []byte, last bool) (_ []byte, err error) {
	for _, fn := range h.onBody {
		if piece, err = fn(piece, last); err != nil {
			h.err = err
			return nil, err
		}
	}
	return piece, nil
}

// send makes the changes, calls the functions, and sends the header if none of them failed.
func (h *ResponseHooks) send(status int) {
	header := h.outer.Header()
	h.Changes.apply(header)
	if status >= 200 { // at 101 the connection belongs to another protocol from here on
		was := status
		for _, fn := range h.onHeader {
			if status, h.err = fn(status); h.err != nil {
				return
			}
		}
		if h.bare = status != was && !hasBody("", status); h.bare {
			delete(header, "Content-Length")
		}
		if len(h.onBody) > 0 {
			h.body = hasBody(h.ex.R.Method, status)
			for _, name := range bodyFields {
				delete(header, name)
			}
		}
	}
	h.wrote = true
	h.outer.WriteHeader(status)
}

// hasBody says whether a response may have a body.
func hasBody(method string, status int) bool {
	return method != http.MethodHead && status != http.StatusNoContent && status != http.StatusNotModified
}

// bodyFields are the fields of a header that are wrong for a body that was changed.
var bodyFields = []string{
	"Content-Length", "Etag", "Last-Modified", "Accept-Ranges", "Content-Range", "Content-Md5", "Content-Digest", "Digest", "Repr-Digest",
}

// plainBody takes from the request what would make the response to it something else than the whole plain body: a hook
// that reads the body wants no compressed one, no part of it, and no 304.
func plainBody(header http.Header) {
	for _, name := range []string{
		"Accept-Encoding", "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
	} {
		delete(header, name)
	}
}

// layerWriter is the writer of a layer.
type layerWriter struct {
	caddyhttp.ResponseWriterWrapper
	hooks *ResponseHooks
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
	case !h.body:
		return h.outer.Write(p)
	}
	piece, err := h.filter(p, false)
	if err == nil && len(piece) > 0 {
		_, err = h.outer.Write(piece)
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// ReadFrom sends a whole reader. Without functions for the body it keeps the server's sendfile.
func (w *layerWriter) ReadFrom(r io.Reader) (int64, error) {
	w.leave()
	if w.hooks.err == nil && !w.hooks.body && !w.hooks.bare {
		return w.ResponseWriterWrapper.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{w}, r)
}

// FlushError flushes, which sends the header too. http.ResponseController calls it.
func (w *layerWriter) FlushError() error {
	w.leave()
	if w.hooks.err != nil {
		return w.hooks.err
	}
	return http.NewResponseController(w.hooks.outer).Flush()
}

// Hijack takes the connection over. http.ResponseController calls it. Nothing of the response is ours from here on.
func (w *layerWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.hooks.outer).Hijack()
	if err == nil {
		w.hooks.wrote, w.hooks.body = true, false
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
