// Package rawquery reads the query of a URL the same way everywhere: what a guard does not see, an upstream must not see either.
//
// It reads as browsers and most servers do (WHATWG URL, application/x-www-form-urlencoded): only & ends a pair, and an invalid escape
// stands for itself. net/url leaves out pairs with a semicolon or a broken escape.
package rawquery

import (
	"errors"
	"net/url"
	"strings"
)

// Each calls f with the name and value of each pair, decoded and in order, until f returns false.
func Each(raw string, f func(name, value string) bool) {
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		if !f(Unescape(name), Unescape(value)) {
			return
		}
	}
}

// Parse returns the values of each name, in order.
func Parse(raw string) url.Values {
	values := url.Values{}
	Each(raw, func(name, value string) bool {
		values[name] = append(values[name], value)
		return true
	})
	return values
}

// Unescape decodes a name or a value. What cannot be decoded stays as it is. It allocates only when there is something to decode.
func Unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	if d, err := url.QueryUnescape(s); err == nil {
		return d
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		b.WriteByte(s[i])
		if s[i] == '%' && !isEscape(s[i:]) {
			b.WriteString("25") // a percent sign, escaped
		}
	}
	d, _ := url.QueryUnescape(b.String())
	return d
}

// With returns an encoded query with other values of a name, where its first one stood or at the end. All else stays as
// the client has written it.
func With(raw, name string, values []string) string {
	parts := make([]string, 0, 8)
	put := func() {
		for _, v := range values {
			parts = append(parts, url.QueryEscape(name)+"="+url.QueryEscape(v))
		}
		values = nil
	}
	if raw != "" {
		for part := range strings.SplitSeq(raw, "&") {
			key, _, _ := strings.Cut(part, "=")
			if part != "" && Unescape(key) == name {
				put()
			} else {
				parts = append(parts, part)
			}
		}
	}
	put()
	return strings.Join(parts, "&")
}

var errNotEncoded = errors.New("expected an encoded query, without blanks, #, control characters, broken escapes and non-ASCII characters")

// Check reports a query that cannot stand in a request line as it is.
func Check(raw string) error {
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c >= 0x7f || c == '#' || c == '%' && !isEscape(raw[i:]) {
			return errNotEncoded
		}
	}
	return nil
}

// isEscape reports whether s, which begins with a percent sign, begins with an escape.
func isEscape(s string) bool {
	return len(s) > 2 && isHex(s[1]) && isHex(s[2])
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}
