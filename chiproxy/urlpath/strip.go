package urlpath

import (
	"net/url"
	"strings"
)

// Strip takes a decoded prefix, which does not end in a slash, off the path of u, and reports whether the path has it; bare
// says that the path was the prefix and nothing else. What remains is clean as that of handle_path is: it begins with one
// slash, so that no server reads a host in //evil.example, and has no dot segments. It is encoded as it was. An
// encoded slash is no segment border.
func Strip(u *url.URL, prefix string) (bare, ok bool) {
	if u.RawPath == "" && IsClean(u.Path) {
		rest, ok := cutPrefix(u.Path, prefix, false)
		if ok {
			u.Path = orRoot(rest)
		}
		return rest == "", ok
	}
	raw := Clean(u.EscapedPath())
	if IsClean(DecodeOnce(raw)) {
		rest, ok := cutPrefix(raw, prefix, true)
		if ok {
			SetEscaped(u, orRoot(rest))
		}
		return rest == "", ok
	}
	rest, ok := strings.CutPrefix(Of(u), strings.ReplaceAll(prefix, "%", "%25")) // a dot segment was encoded
	if ok = ok && (rest == "" || rest[0] == '/'); ok {
		SetEscaped(u, encodeRest(orRoot(rest)))
	}
	return rest == "", ok
}

func orRoot(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

// SetEscaped sets the path of u in its encoded form.
func SetEscaped(u *url.URL, escaped string) {
	u.Path, u.RawPath = Decode(escaped), ""
	if u.EscapedPath() != escaped {
		u.RawPath = escaped
	}
}

// encodeRest encodes a path in the form of Of, whose escapes it keeps.
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
