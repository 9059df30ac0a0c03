package template

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

// encoding is how a value is encoded for its place.
type encoding uint8

const (
	asIs encoding = iota
	// inSegment is for a parameter, which is one segment of a path, and inPath for what may have several.
	inSegment
	inPath
	inQuery
	// asQuery is for what is a query already, with its question mark perhaps, and asURL for what is a URL: what none may have is escaped.
	asQuery
	asURL
	inHost
	// inHeader leaves control characters out.
	inHeader
)

// append appends a value. A matched one is that of a parameter, in the form of Values.MatchedParam. It is no function value, so that dst need
// not be allocated.
func (e encoding) append(dst []byte, value string, matched bool) []byte {
	switch e {
	case inSegment:
		return appendPath(dst, value, matched, segmentBytes)
	case inPath:
		return appendPath(dst, value, matched, pathBytes)
	}
	if matched {
		value = urlpath.Decode(value)
	}
	switch e {
	case inQuery:
		return appendQuery(dst, value)
	case asQuery:
		return appendEscaped(dst, strings.TrimPrefix(value, "?"), urlBytes)
	case asURL:
		return appendEscaped(dst, value, urlBytes)
	case inHost:
		return appendEscaped(dst, value, valueBytes)
	case inHeader:
		return appendPrintable(dst, value)
	}
	return append(dst, value...)
}

// context is where in a string a part stands.
type context struct {
	place Place
	// before is all literal text so far; a name counts as an x.
	before strings.Builder
	// open says that what follows may be in a query, since a placeholder may have had one.
	open bool
}

func (c *context) seen(text string) { c.before.WriteString(text) }

// literal encodes literal text.
func (c *context) literal(text string) string {
	switch c.place {
	case Path:
		return string(appendEscaped(nil, text, pathBytes))
	case Location:
		return string(appendEscaped(nil, text, urlBytes))
	}
	return text
}

// encoding returns how the value of a part is encoded where the string stands.
func (c *context) encoding(p part) (encoding, error) {
	before := c.before.String()
	defer c.seen("x")
	switch c.place {
	case Path:
		return pathEncoding(p), nil
	case Query:
		if isEncoded(p) {
			return asQuery, nil
		}
		return inQuery, nil
	case Header:
		return inHeader, nil
	case Location:
		return c.inLocation(p, before)
	}
	return asIs, nil
}

func (c *context) inLocation(p part, before string) (encoding, error) {
	if !p.param && isEncoded(p) {
		c.open = c.open || !strings.HasSuffix(p.name, "_escaped")
		return asURL, nil
	}
	host := inAuthority(before)
	switch {
	case p.param && before == "":
		return 0, fmt.Errorf("{%s} at the beginning would let clients choose where it leads; begin with a slash or a host", p.name)
	case p.name == "*" && host:
		return 0, errors.New("{*} is behind a host without a slash between them")
	case before == "", host && !p.param:
		return asURL, nil
	case host:
		return inHost, nil
	case c.open, strings.ContainsAny(before, "?#"):
		return inQuery, nil
	}
	return pathEncoding(p), nil
}

// inAuthority reports whether the text of a URL ends in its host.
func inAuthority(text string) bool {
	scheme, rest, found := strings.Cut(text, "//")
	return found && (scheme == "" || strings.HasSuffix(scheme, ":")) && !strings.ContainsAny(rest, "/?#")
}

// isEncoded reports whether the value of a placeholder is a URI, a part of one, or what is escaped for one, and not decoded text.
func isEncoded(p part) bool {
	if p.param {
		return false
	}
	name := strings.TrimPrefix(strings.TrimPrefix(p.name, "http.request."), "orig_")
	switch name {
	case "uri", "uri.query", "uri.prefixed_query":
		return true
	}
	return strings.HasPrefix(name, "uri") && strings.HasSuffix(name, "_escaped")
}

func pathEncoding(p part) encoding {
	if p.param && p.name != "*" {
		return inSegment
	}
	return inPath
}

// appendPath escapes a value for a path. A matched one has escapes already.
func appendPath(dst []byte, value string, matched bool, keep *[256]bool) []byte {
	if !matched {
		return appendEscaped(dst, value, keep)
	}
	for {
		plain, escape, found := strings.Cut(value, "%")
		dst = appendEscaped(dst, plain, keep)
		if !found {
			return dst
		}
		dst = append(dst, '%')
		if !strings.HasPrefix(escape, "2F") && !strings.HasPrefix(escape, "25") {
			dst = append(dst, "25"...)
		}
		value = escape
	}
}

func appendQuery(dst []byte, value string) []byte {
	for i := range len(value) {
		switch c := value[i]; {
		case c == ' ':
			dst = append(dst, '+')
		case valueBytes[c]:
			dst = append(dst, c)
		default:
			dst = appendByte(dst, c)
		}
	}
	return dst
}

func appendPrintable(dst []byte, value string) []byte {
	for i := range len(value) {
		if c := value[i]; c >= ' ' && c != 0x7f || c == '\t' {
			dst = append(dst, c)
		}
	}
	return dst
}

func appendEscaped(dst []byte, value string, keep *[256]bool) []byte {
	for i := range len(value) {
		if c := value[i]; keep[c] {
			dst = append(dst, c)
		} else {
			dst = appendByte(dst, c)
		}
	}
	return dst
}

func appendByte(dst []byte, c byte) []byte {
	const hex = "0123456789ABCDEF"
	return append(dst, '%', hex[c>>4], hex[c&15])
}

// pathBytes are those that stay as they are in a path, as in package net/url, segmentBytes those of a parameter, which has neither a slash nor
// path parameters, valueBytes those of a host or a value in a query, and urlBytes those that any URL may have.
var (
	pathBytes    = bytesThat(func(c byte) bool { return (&url.URL{Path: "/" + string(rune(c))}).EscapedPath() == "/"+string(rune(c)) })
	segmentBytes = bytesThat(func(c byte) bool { return pathBytes[c] && c != '/' && c != ';' })
	valueBytes   = bytesThat(func(c byte) bool { return url.QueryEscape(string(rune(c))) == string(rune(c)) })
	urlBytes     = bytesThat(func(c byte) bool { return c > ' ' && c < 0x7f && strings.IndexByte("\"<>\\^`{|}", c) < 0 })
)

func bytesThat(keep func(byte) bool) *[256]bool {
	var set [256]bool
	for c := range 128 {
		set[c] = keep(byte(c))
	}
	return &set
}
