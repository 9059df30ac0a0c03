package chiproxy

import (
	"io"
	"net/http"

	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

// rewritten is the body that a Proxy has taken off the request. A decline gives everything else back by itself.
type rewritten struct {
	body   io.ReadCloser
	length int64
}

func (u rewritten) restore(r *http.Request) { r.Body, r.ContentLength = u.body, u.length }

// rewrite changes the request.
func (b *boundProxy) rewrite(ex *Exchange) rewritten {
	r := ex.R
	undo := rewritten{r.Body, r.ContentLength}
	if b.Path != "" || b.StripPrefix != "" || b.Query != nil {
		b.rewriteURI(ex)
	}
	if b.Method != "" && b.Method != r.Method {
		r.Method = b.Method
		if b.Method == http.MethodGet || b.Method == http.MethodHead {
			r.Body, r.ContentLength = http.NoBody, 0
		}
	}
	if b.header != nil {
		ex.changeHeader(b.header)
	}
	switch {
	case b.headerUp == nil:
	case b.asks(ex):
		ex.changeHeader(b.headerUp)
	case r.Trailer != nil:
		for _, c := range fieldChanges(b.headerUp) {
			ex.untrail(c.name)
		}
	}
	return undo
}

func (b *boundProxy) rewriteURI(ex *Exchange) {
	u := ex.R.URL
	if b.Path != "" {
		u.Path, u.RawPath, ex.bare = b.Path, "", false
	}
	if b.StripPrefix != "" {
		ex.strip(b.StripPrefix)
	}
	if b.Query != nil {
		u.RawQuery, u.ForceQuery = *b.Query, false
	}
	ex.R.RequestURI = u.RequestURI()
}

// strip takes a prefix off the path that is forwarded.
func (ex *Exchange) strip(prefix string) {
	if bare, ok := urlpath.Strip(ex.R.URL, prefix); ok {
		ex.bare = bare
	}
}

// readBody knows whether anything was read.
type readBody struct {
	io.ReadCloser
	read bool
}

func (b *readBody) Read(p []byte) (int, error) {
	b.read = true
	return b.ReadCloser.Read(p)
}
