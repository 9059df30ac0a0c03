package chiproxy

import (
	"fmt"
	"net/http"
	"net/textproto"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// HeaderOps changes header fields: it removes, then sets, then adds, so that what is set and added is there
// afterwards. The case of names does not matter. Values are taken as they are; placeholders in them mean nothing.
type HeaderOps struct {
	// Set replaces all values of a field.
	Set http.Header
	// Add keeps the values a field has.
	Add http.Header
	// Remove names the fields to remove.
	Remove []string
}

// CheckHeader reports a header name that is no token, and a value with CR, LF, NUL or another control character.
func CheckHeader(name, value string) error {
	if !httpguts.ValidHeaderFieldName(name) {
		return fmt.Errorf("%q is not a header name; a name is a token such as X-Request-Id", name)
	}
	if !httpguts.ValidHeaderFieldValue(value) {
		return fmt.Errorf("header %s: the value %q has a control character; only tabs are allowed", name, value)
	}
	return nil
}

// CheckMethod reports what cannot be a method.
func CheckMethod(method string) error { return checkMethods([]string{method}) }

func checkHeaders(h http.Header) error {
	for name, values := range h {
		if err := CheckHeader(name, ""); err != nil {
			return err
		}
		for _, value := range values {
			if err := CheckHeader(name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// Check reports names and values that CheckHeader refuses.
func (o *HeaderOps) Check() error {
	if o == nil {
		return nil
	}
	for _, name := range o.Remove {
		if err := CheckHeader(name, ""); err != nil {
			return err
		}
	}
	if err := checkHeaders(o.Set); err != nil {
		return err
	}
	return checkHeaders(o.Add)
}

// apply changes h.
func (o *HeaderOps) apply(h http.Header) {
	for _, name := range o.Remove {
		h.Del(name)
	}
	setHeaders(h, o.Set)
	for name, values := range o.Add {
		key := textproto.CanonicalMIMEHeaderKey(name)
		h[key] = append(h[key], values...)
	}
}

// applyTo changes the header of a request. Its Host is a field of its own in net/http.
func (o *HeaderOps) applyTo(r *http.Request) {
	o.apply(r.Header)
	if host, ok := r.Header["Host"]; ok {
		delete(r.Header, "Host")
		if len(host) > 0 {
			r.Host = host[len(host)-1]
		}
	}
}

// setHeaders puts copies of all values of from into h: a handler further in may change what it finds there.
func setHeaders(h, from http.Header) {
	for name, values := range from {
		h[textproto.CanonicalMIMEHeaderKey(name)] = append([]string(nil), values...)
	}
}

// hasHeader says whether h, whose keys may be in any case, has the field.
func hasHeader(h http.Header, name string) bool {
	for key := range h {
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}
