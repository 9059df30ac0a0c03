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
	if bare, ok := stripPrefix(ex.R.URL, prefix); ok {
		ex.bare = bare
	}
}

// stripPrefix takes a decoded prefix, which does not end in a slash, off the path of u, and reports whether the path has it; bare
// says that the path was the prefix and nothing else. What remains is clean as that of handle_path is: it begins with one
// slash, so that no server reads a host in //evil.example, and has no dot segments. It is encoded as it was. An
// encoded slash is no segment border.
func stripPrefix(u *url.URL, prefix string) (bare, ok bool) {
	if u.RawPath == "" && isClean(u.Path) {
		rest, ok := cutPrefix(u.Path, prefix, false)
		if ok {
			u.Path = orRoot(rest)
		}
		return rest == "", ok
	}
	raw := cleanPath(u.EscapedPath())
	if isClean(decodeOnce(raw)) {
		rest, ok := cutPrefix(raw, prefix, true)
		if ok {
			setEscaped(u, orRoot(rest))
		}
		return rest == "", ok
	}
	rest, ok := strings.CutPrefix(routePath(u), strings.ReplaceAll(prefix, "%", "%25")) // a dot segment was encoded
	if ok = ok && (rest == "" || rest[0] == '/'); ok {
		setEscaped(u, encodeRest(orRoot(rest)))
	}
	return rest == "", ok
}

func orRoot(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

// setEscaped sets the path of u in its encoded form.
func setEscaped(u *url.URL, escaped string) {
	u.Path, u.RawPath = decodeValue(escaped), ""
	if u.EscapedPath() != escaped {
		u.RawPath = escaped
	}
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

// cutPrefix returns what follows a decoded prefix in a path, which may be encoded: nothing, or what begins with a slash.
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
	if i < len(path) && path[i] != '/' {
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
