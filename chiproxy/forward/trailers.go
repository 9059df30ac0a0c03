package forward

import (
	"io"
	"net/http"
	"net/textproto"
	"slices"
)

// A client may send in trailers what it must not send in the header. So trailers with the name of a field that the gateway changed are not
// forwarded.

// drop drops a trailer from what is forwarded. Most requests announce none.
func (c *Changes) drop(r *http.Request, name string) {
	if r.Trailer != nil {
		c.dropped = append(c.dropped, name)
	}
}

// Trailing returns a request with those trailers that may be forwarded.
func (c *Changes) Trailing(r *http.Request) *http.Request {
	if r.Trailer == nil || len(c.dropped) == 0 {
		return r
	}
	b := &trailedBody{r.Body, r.Trailer, http.Header{}, c.dropped}
	b.fill()
	r = r.WithContext(r.Context()) // a copy
	r.Trailer = b.to
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = b
	}
	return r
}

// trailedBody is a body of which some trailers are dropped. net/http knows their values at its end.
type trailedBody struct {
	io.ReadCloser
	from, to http.Header
	dropped  []string
}

// Read reads the body, and the trailers at its end.
func (b *trailedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.fill()
	}
	return n, err
}

func (b *trailedBody) fill() {
	for name, values := range b.from {
		if !slices.Contains(b.dropped, textproto.CanonicalMIMEHeaderKey(name)) {
			b.to[name] = values
		}
	}
}
