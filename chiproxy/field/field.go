// Package field knows what HTTP allows in methods, header fields and their values, and changes header fields. Values from scripts and
// configurations are checked here before they become part of a request or a response.
package field

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

const contentLength = "Content-Length"

// CheckName reports a header name that is not a token.
func CheckName(name string) error {
	if !httpguts.ValidHeaderFieldName(name) {
		return fmt.Errorf("%s is not a header name; a name is a token such as X-Request-Id", Quote(name))
	}
	return nil
}

// Check reports a header name that is not a token, values with CR, LF, NUL or another control character, and what would
// contradict the body: any Transfer-Encoding, and a Content-Length that is not one whole number; and what is too large. Bytes beyond
// ASCII are taken as they are.
func Check(name string, values ...string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if size := SizeOf(name, values); size > MaxHeader {
		return fmt.Errorf("header %s: %w", shorten(name), CheckSize(size))
	}
	for _, value := range values {
		if !httpguts.ValidHeaderFieldValue(value) {
			return fmt.Errorf("header %s: the value %s has a control character; only tabs are allowed", shorten(name), Quote(value))
		}
	}
	if len(values) == 0 {
		return nil
	}
	switch textproto.CanonicalMIMEHeaderKey(name) {
	case "Location":
		if err := CheckURI(len(values[0]), 0); err != nil {
			return fmt.Errorf("header Location: %w", err)
		}
	case "Transfer-Encoding":
		return errors.New("header Transfer-Encoding: it follows from the body and cannot be set")
	case contentLength:
		if _, err := strconv.ParseUint(values[0], 10, 63); err != nil || len(values) > 1 {
			return fmt.Errorf("header Content-Length: found %s; expected one whole number", Quote(strings.Join(values, ", ")))
		}
	}
	return nil
}

// CheckResponse reports what Check does, and what contradicts the body of a response or its connection: net/http cuts a
// response that is longer than its Content-Length and breaks the connection of one that is shorter, and clients of HTTP/2
// refuse the fields of connections.
func CheckResponse(name string, values ...string) error {
	if len(values) > 0 {
		switch key := textproto.CanonicalMIMEHeaderKey(name); key {
		case contentLength:
			return errors.New("header Content-Length: it follows from the body and cannot be set")
		case "Keep-Alive", "Proxy-Connection", "Upgrade":
			return fmt.Errorf("header %s: it belongs to the connection and cannot be set", key)
		case "Connection":
			if len(values) > 1 || !strings.EqualFold(values[0], "close") {
				return fmt.Errorf("header Connection: found %s; only close can be set", Quote(strings.Join(values, ", ")))
			}
		}
	}
	return Check(name, values...)
}

// CheckHost reports values of a Host header that are not one host, perhaps with a port.
func CheckHost(values ...string) error {
	if len(values) != 1 {
		return fmt.Errorf("the header Host needs one value, found %d", len(values))
	}
	if len(values[0]) > maxHost {
		return fmt.Errorf("the header Host has %d bytes; allowed are %d", len(values[0]), maxHost)
	}
	if values[0] == "" || !httpguts.ValidHostHeader(values[0]) {
		return fmt.Errorf("the header Host is %s; expected a host, and perhaps a port", Quote(values[0]))
	}
	return nil
}

// Quote quotes a string for an error, shortened if it is long.
func Quote(s string) string { return strconv.Quote(shorten(s)) }

func shorten(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

// CheckAll reports what check refuses of a header, and one that is too large.
func CheckAll(h http.Header, check func(name string, values ...string) error) error {
	for name, values := range h {
		if err := check(name, values...); err != nil {
			return err
		}
	}
	return CheckSize(Size(h))
}

// Remove takes a field out of a header. Where net/http would write a value of its own, such as a Content-Type that it
// guesses from the body, nothing is written either.
func Remove(h http.Header, name string) {
	switch name = textproto.CanonicalMIMEHeaderKey(name); name {
	case "Content-Type", "Date":
		h[name] = nil
	default:
		delete(h, name)
	}
}

// SetAll puts copies of all values of from into h: a handler further in may change what it finds there.
func SetAll(h, from http.Header) {
	for name, values := range from {
		h[textproto.CanonicalMIMEHeaderKey(name)] = append([]string(nil), values...)
	}
}

// Has reports whether h, whose keys may be in any case, has the field.
func Has(h http.Header, name string) bool {
	for key := range h {
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

// AddAll adds copies of all values of from to those in h.
func AddAll(h, from http.Header) {
	for name, values := range from {
		name = textproto.CanonicalMIMEHeaderKey(name)
		h[name] = slices.Concat(h[name], values)
	}
}
