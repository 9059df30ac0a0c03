// Package urlpath reads the paths of requests: in the form that patterns match (Of), and as Caddy's matchers (CaddyForm) and upstream
// servers (Readings) may read them, so that no spelling of a path bypasses a guard.
package urlpath

import (
	"net/url"
	"path"
	"runtime"
	"strings"
)

// Of returns the path of u in the form patterns are matched against: decoded and cleaned, except that %2F and
// %25 stay escaped, so that an escaped slash never splits a segment. It allocates only when there is something
// to change.
func Of(u *url.URL) string { return Clean(Resolved(spell(u))) }

// DecodeOnce decodes the escapes of p, but for those of a slash and a percent sign, which it puts in upper case.
func DecodeOnce(p string) string {
	if strings.IndexByte(p, '%') < 0 {
		return p
	}
	b := make([]byte, 0, len(p))
	for i := 0; i < len(p); i++ {
		if p[i] != '%' || i+2 >= len(p) || !isHex(p[i+1]) || !isHex(p[i+2]) {
			b = append(b, p[i])
			continue
		}
		switch c := unhex(p[i+1])<<4 | unhex(p[i+2]); c {
		case '/':
			b = append(b, "%2F"...)
		case '%':
			b = append(b, "%25"...)
		default:
			b = append(b, c)
		}
		i += 2
	}
	return string(b)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// Decode decodes what Of left escaped.
func Decode(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	if d, err := url.PathUnescape(s); err == nil {
		return d
	}
	return s
}

// Clean removes double slashes and dot segments, keeps a trailing slash, and makes the path begin with a slash. A dot
// segment at the end leaves a slash there, as in RFC 3986, section 5.2.4: /admin/. is /admin/.
func Clean(p string) string {
	if IsClean(p) {
		return p
	}
	cleaned := path.Clean("/" + p)
	if cleaned != "/" && EndsInDirectory(p) {
		cleaned += "/"
	}
	return cleaned
}

// EndsInDirectory reports whether the last segment of a path is empty or a dot segment.
func EndsInDirectory(p string) bool {
	switch p[strings.LastIndexByte(p, '/')+1:] {
	case "", ".", "..":
		return true
	}
	return false
}

// IsClean reports whether Clean has nothing to do.
func IsClean(p string) bool {
	if p == "" || p[0] != '/' {
		return false
	}
	for i := 1; i < len(p); i++ { // segments are short: looking at each byte is quicker than finding slashes
		if p[i-1] == '/' && (p[i] == '/' || p[i] == '.' && beginsWithDots(p[i:])) {
			return false
		}
	}
	return true
}

// beginsWithDots reports whether the first segment is "." or "..".
func beginsWithDots(p string) bool {
	p, _, _ = strings.Cut(p[:min(len(p), len("../"))], "/")
	return p == "." || p == ".."
}

// CaddyForm brings a cleaned path into the form in which Caddy's path matcher compares: without case. What is escaped stays so.
func CaddyForm(p string) string {
	lower := strings.ToLower(p)
	if strings.IndexByte(lower, '%') >= 0 {
		lower = strings.ReplaceAll(lower, "%2f", "%2F")
	}
	return windowsPath(lower)
}

// CaddyText brings text of a pattern into the form of CaddyForm, in the reading that takes %2F for a slash.
func CaddyText(s string) string { return strings.ToLower(strings.ReplaceAll(s, "%2F", "/")) }

// windowsPath normalizes a path as Caddy does on Windows, whose file system has several names for one file.
func windowsPath(p string) string {
	if runtime.GOOS != "windows" {
		return p
	}
	segments := strings.Split(strings.ReplaceAll(p, `\`, "/"), "/")
	for i, s := range segments {
		if s != "." && s != ".." {
			segments[i] = strings.TrimRight(s, ". ")
		}
	}
	return Clean(strings.Join(segments, "/"))
}

// Below returns what of path lies below prefix, as a path, and whether prefix owns it: /acme owns /acme and
// /acme/x, not /acmefoo.
func Below(path, prefix string) (string, bool) {
	rest, ok := strings.CutPrefix(path, prefix)
	switch {
	case !ok:
		return "", false
	case rest == "":
		return "/", true
	case rest[0] != '/':
		return "", false
	}
	return rest, true
}

// UnmergedSuffix returns the end of a path that is suffix when double slashes are merged, or suffix where there is none.
func UnmergedSuffix(path, suffix string) string {
	i := len(path)
	for j := len(suffix) - 1; j >= 0; j-- {
		if i == 0 || path[i-1] != suffix[j] {
			return suffix
		}
		i--
		for path[i] == '/' && i > 0 && path[i-1] == '/' {
			i--
		}
	}
	return path[i:]
}
