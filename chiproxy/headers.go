package chiproxy

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

// CheckHeaderName reports a header name that is no token.
func CheckHeaderName(name string) error {
	if !httpguts.ValidHeaderFieldName(name) {
		return fmt.Errorf("%s is not a header name; a name is a token such as X-Request-Id", Quote(name))
	}
	return nil
}

// CheckHeader reports a header name that is no token, values with CR, LF, NUL or another control character, and what would
// contradict the body: any Transfer-Encoding, and a Content-Length that is not one whole number. Values may have any
// length, and bytes beyond ASCII are taken as they are.
func CheckHeader(name string, values ...string) error {
	if err := CheckHeaderName(name); err != nil {
		return err
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
	case "Transfer-Encoding":
		return errors.New("header Transfer-Encoding: it follows from the body and can not be set")
	case "Content-Length":
		if _, err := strconv.ParseUint(values[0], 10, 63); err != nil || len(values) > 1 {
			return fmt.Errorf("header Content-Length: found %s; expected one whole number", Quote(strings.Join(values, ", ")))
		}
	}
	return nil
}

// CheckResponseHeader reports what CheckHeader does, and what contradicts the body of a response or its connection: net/http cuts a
// response that is longer than its Content-Length and breaks the connection of one that is shorter, and clients of HTTP/2
// refuse the fields of connections.
func CheckResponseHeader(name string, values ...string) error {
	if len(values) > 0 {
		switch key := textproto.CanonicalMIMEHeaderKey(name); key {
		case contentLength:
			return errors.New("header Content-Length: it follows from the body and can not be set")
		case "Keep-Alive", "Proxy-Connection", "Upgrade":
			return fmt.Errorf("header %s: it belongs to the connection and can not be set", key)
		case "Connection":
			if len(values) > 1 || !strings.EqualFold(values[0], "close") {
				return fmt.Errorf("header Connection: found %s; only close can be set", Quote(strings.Join(values, ", ")))
			}
		}
	}
	return CheckHeader(name, values...)
}

const contentLength = "Content-Length"

// CheckHost reports values of a Host header that are not one host, perhaps with a port.
func CheckHost(values ...string) error {
	if len(values) != 1 {
		return fmt.Errorf("the header Host needs one value, found %d", len(values))
	}
	if values[0] == "" || !httpguts.ValidHostHeader(values[0]) {
		return fmt.Errorf("the header Host is %s; expected a host, and perhaps a port", Quote(values[0]))
	}
	return nil
}

// Quote quotes a text for an error, shortened if it is long.
func Quote(s string) string { return strconv.Quote(shorten(s)) }

func shorten(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

// CheckMethod reports what cannot be a method.
func CheckMethod(method string) error { return checkMethods([]string{method}) }

func checkHeaders(h http.Header, check func(name string, values ...string) error) error {
	for name, values := range h {
		if err := check(name, values...); err != nil {
			return err
		}
	}
	return nil
}

// Check reports names and values that CheckHeader refuses, and a Content-Length beside another.
func (o *HeaderOps) Check() error {
	if o == nil {
		return nil
	}
	for _, name := range o.Remove {
		if err := CheckHeaderName(name); err != nil {
			return err
		}
	}
	if err := checkHeaders(o.Set, CheckHeader); err != nil {
		return err
	}
	if hasHeader(o.Add, contentLength) {
		return errors.New("header Content-Length: there is one; set it")
	}
	return checkHeaders(o.Add, CheckHeader)
}

// checkResponse reports what Check does and what CheckResponseHeader refuses.
func (o *HeaderOps) checkResponse() error {
	if o == nil {
		return nil
	}
	for _, h := range []http.Header{o.Set, o.Add} {
		if err := checkHeaders(h, CheckResponseHeader); err != nil {
			return err
		}
	}
	return o.Check()
}

// checkHost reports changes of the header of a request that would leave it without one good Host.
func (o *HeaderOps) checkHost() error {
	if o == nil {
		return nil
	}
	for name, values := range o.Set {
		if textproto.CanonicalMIMEHeaderKey(name) == "Host" {
			if err := CheckHost(values...); err != nil {
				return err
			}
		}
	}
	if hasHeader(o.Add, "Host") || slices.ContainsFunc(o.Remove, func(name string) bool { return strings.EqualFold(name, "Host") }) {
		return errors.New("the header Host has one value; set it")
	}
	return nil
}

// apply changes the header of a response.
func (o *HeaderOps) apply(h http.Header) {
	for _, name := range o.Remove {
		RemoveHeader(h, name)
	}
	setHeaders(h, o.Set)
	addAll(h, o.Add)
}

// applyTo changes the header of a request.
func (o *HeaderOps) applyTo(ex *Exchange) {
	for _, name := range o.Remove {
		ex.SetHeader(name, nil)
	}
	for name, values := range o.Set {
		ex.SetHeader(name, slices.Clone(values)) // what comes later may change them where they stand
	}
	for name, values := range o.Add {
		ex.AddHeader(name, values)
	}
}

// split returns the changes of fields that reverse_proxy writes, and those of all others; nil for none.
func (o *HeaderOps) split() (proxy, others *HeaderOps) {
	if o == nil {
		return nil, nil
	}
	proxy, others = &HeaderOps{Set: http.Header{}, Add: http.Header{}}, &HeaderOps{Set: http.Header{}, Add: http.Header{}}
	part := func(name string) (string, *HeaderOps) {
		if name = textproto.CanonicalMIMEHeaderKey(name); isProxyField(name) {
			return name, proxy
		}
		return name, others
	}
	for _, name := range o.Remove {
		name, to := part(name)
		to.Remove = append(to.Remove, name)
	}
	for name, values := range o.Set {
		name, to := part(name)
		to.Set[name] = values
	}
	for name, values := range o.Add {
		name, to := part(name)
		to.Add[name] = slices.Concat(to.Add[name], values)
	}
	for _, part := range []**HeaderOps{&proxy, &others} {
		if len((*part).Remove)+len((*part).Set)+len((*part).Add) == 0 {
			*part = nil
		}
	}
	return proxy, others
}

// changes returns what header_up is to do.
func (o *HeaderOps) changes() []fieldChange {
	var all []fieldChange
	for _, name := range o.Remove {
		if o.Set[name] == nil && o.Add[name] == nil {
			all = append(all, fieldChange{name, true, nil})
		}
	}
	for name, values := range o.Set {
		all = append(all, fieldChange{name, true, slices.Concat(values, o.Add[name])})
	}
	for name, values := range o.Add {
		if o.Set[name] == nil {
			all = append(all, fieldChange{name, slices.Contains(o.Remove, name), values})
		}
	}
	return all
}

// assign makes values the ones that a field has, and removes it where there are none. The name is canonical.
func (o *HeaderOps) assign(name string, values []string) {
	delete(o.Add, name)
	o.Remove = slices.DeleteFunc(o.Remove, func(other string) bool { return other == name })
	if len(values) == 0 {
		delete(o.Set, name)
		o.Remove = append(o.Remove, name)
		return
	}
	if o.Set == nil {
		o.Set = http.Header{}
	}
	o.Set[name] = values
}

// add adds values to those that a field has. The name is canonical.
func (o *HeaderOps) add(name string, values []string) {
	if o.Add == nil {
		o.Add = http.Header{}
	}
	o.Add[name] = append(o.Add[name], values...)
}

// assigns reports whether the values that a field has before do not matter. The name is canonical.
func (o *HeaderOps) assigns(name string) bool {
	_, set := o.Set[name]
	return set || slices.Contains(o.Remove, name)
}

// then makes later changes as well. All names are canonical.
func (o *HeaderOps) then(later HeaderOps) {
	for _, name := range later.Remove {
		o.assign(name, nil)
	}
	for name, values := range later.Set {
		o.assign(name, values)
	}
	for name, values := range later.Add {
		o.add(name, values)
	}
}

// RemoveHeader takes a field out of a header. Where net/http would write a value of its own, such as a Content-Type that it
// guesses from the body, nothing is written either.
func RemoveHeader(h http.Header, name string) {
	switch name = textproto.CanonicalMIMEHeaderKey(name); name {
	case "Content-Type", "Date":
		h[name] = nil
	default:
		delete(h, name)
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
