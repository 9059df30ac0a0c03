package chiproxy

import (
	"io"
	"net/http"
	"net/url"
	"strings"
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
		b.rewriteURI(r)
	}
	if b.Method != "" && b.Method != r.Method {
		r.Method = b.Method
		if b.Method == http.MethodGet || b.Method == http.MethodHead {
			r.Body, r.ContentLength = http.NoBody, 0
		}
	}
	if b.header != nil {
		b.header.applyTo(ex)
	}
	if b.headerUp != nil && b.asks(ex) {
		b.headerUp.applyTo(ex)
	}
	return undo
}

func (p *Proxy) rewriteURI(r *http.Request) {
	if p.Path != "" {
		r.URL.Path, r.URL.RawPath = p.Path, ""
	}
	if p.StripPrefix != "" {
		stripPrefix(r.URL, p.StripPrefix)
	}
	if p.Query != nil {
		r.URL.RawQuery, r.URL.ForceQuery = *p.Query, false
	}
	r.RequestURI = r.URL.RequestURI()
}

// stripPrefix takes a decoded prefix, which does not end in a slash, off the path of u. What remains begins with a
// slash and is encoded as it was. An encoded slash is no segment border. Where only the cleaned path has the prefix,
// as in //acme/x, the path that remains is clean too: what matched below the prefix is forwarded without it.
func stripPrefix(u *url.URL, prefix string) {
	if cutAsWritten(u, prefix) {
		return
	}
	rest, ok := below(routePath(u), strings.ReplaceAll(prefix, "%", "%25"))
	if !ok {
		return
	}
	u.Path, u.RawPath = decodeValue(rest), ""
	if strings.IndexByte(rest, '%') >= 0 {
		u.RawPath = encodeRest(rest)
	}
}

// cutAsWritten takes prefix off where the client has written it so, and reports whether it did.
func cutAsWritten(u *url.URL, prefix string) bool {
	path, ok := cutPrefix(u.Path, prefix, false)
	if !ok {
		return false
	}
	if !isClean(path) { // the prefix may be there by chance, as in /acme/../x
		if clean, ok := below(cleanPath(u.Path), prefix); !ok || clean != cleanPath(path) {
			return false
		}
	}
	raw := ""
	if u.RawPath != "" {
		if raw, ok = cutPrefix(u.RawPath, prefix, true); !ok {
			return false
		}
	}
	u.Path, u.RawPath = path, raw
	return true
}

// encodeRest encodes a path in the form of routePath, whose escapes it keeps.
func encodeRest(rest string) string {
	var b strings.Builder
	for {
		plain, escape, found := strings.Cut(rest, "%")
		b.WriteString((&url.URL{Path: plain}).EscapedPath())
		if !found {
			return b.String()
		}
		b.WriteString("%" + escape[:2])
		rest = escape[2:]
	}
}

// cutPrefix returns what follows a decoded prefix in a path, which may be encoded.
func cutPrefix(path, prefix string, encoded bool) (string, bool) {
	i := 0
	for j := range len(prefix) {
		switch {
		case i < len(path) && path[i] == prefix[j] && !(encoded && path[i] == '%'):
			i++
		case encoded && i+2 < len(path) && path[i] == '%' && prefix[j] != '/' && unhex(path[i+1])<<4|unhex(path[i+2]) == prefix[j]:
			i += 3
		default:
			return "", false
		}
	}
	switch {
	case i == len(path):
		return "/", true
	case path[i] != '/':
		return "", false
	}
	return path[i:], true
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
