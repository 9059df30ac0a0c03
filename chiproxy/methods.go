package chiproxy

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// standardMethods are those that a route for all methods names in Allow.
var standardMethods = []string{
	http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions,
	http.MethodPatch, http.MethodPost, http.MethodPut, http.MethodTrace,
}

// methodSet is a set of method tokens, sorted. The nil set stands for all methods but CONNECT, which a route has
// to name.
type methodSet struct{ names []string }

// has says whether a route of the set takes a method, without the rule for HEAD.
func (m *methodSet) has(method string) bool {
	if m == nil {
		return method != http.MethodConnect
	}
	for _, n := range m.names { // few, and most often one
		if n == method {
			return true
		}
	}
	return false
}

// routeMethod is the method to route a request by. A WebSocket over HTTP/2 or HTTP/3 arrives as an extended
// CONNECT and is meant for what a GET with Upgrade is meant for in HTTP/1.
func routeMethod(r *http.Request) string {
	if r.Method != http.MethodConnect {
		return r.Method
	}
	if isWebSocketConnect(r) {
		return http.MethodGet
	}
	return r.Method
}

// isWebSocketConnect says whether a CONNECT is an extended one that opens a WebSocket.
func isWebSocketConnect(r *http.Request) bool {
	return r.ProtoMajor == 2 && r.Header.Get(":protocol") == "websocket" || r.ProtoMajor == 3 && r.Proto == "websocket"
}

// checkMethods reports what cannot be a method.
func checkMethods(methods []string) error {
	for _, m := range methods {
		if !isToken(m) {
			return fmt.Errorf("%s is not a method; a method is a token such as GET", Quote(m))
		}
		if up := strings.ToUpper(m); up != m && (up == http.MethodConnect || slices.Contains(standardMethods, up)) {
			return fmt.Errorf("method %q: methods are case-sensitive, write %s", m, up)
		}
	}
	return nil
}

// isToken says whether s is a token of RFC 9110.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// allowed gathers the methods of the routes that a request had only the wrong method for.
type allowed struct{ names []string }

// add puts the methods of a set in, HEAD with GET.
func (a *allowed) add(m *methodSet) {
	names := standardMethods
	if m != nil {
		names = m.names
	}
	for _, n := range names {
		a.put(n)
		if n == http.MethodGet {
			a.put(http.MethodHead)
		}
	}
}

func (a *allowed) put(name string) {
	if i, found := slices.BinarySearch(a.names, name); !found {
		a.names = slices.Insert(a.names, i, name)
	}
}

// String is the value of the header Allow.
func (a *allowed) String() string { return strings.Join(a.names, ", ") }

// methodCover is the methods that the routes of a shape serve or know.
type methodCover struct {
	// any stands for all methods but CONNECT.
	any   bool
	names map[string]struct{}
}

// add puts the methods of a route in, HEAD with GET unless another route answers it.
func (c *methodCover) add(m *methodSet, head bool) {
	if m == nil {
		c.any = true
		return
	}
	if c.names == nil {
		c.names = map[string]struct{}{}
	}
	for _, n := range m.names {
		c.names[n] = struct{}{}
		if n == http.MethodGet && !head {
			c.names[http.MethodHead] = struct{}{}
		}
	}
}

// covers says whether every method of d is in c.
func (c *methodCover) covers(d *methodCover) bool {
	if d.any && !c.any {
		return false
	}
	for n := range d.names {
		if _, ok := c.names[n]; !ok && (!c.any || n == http.MethodConnect) {
			return false
		}
	}
	return true
}

// tells says that c covers d, and that it has as many methods to tell in Allow.
func (c *methodCover) tells(d *methodCover) bool {
	if !c.covers(d) {
		return false
	}
	for n := range d.names {
		if _, ok := c.names[n]; !ok && !slices.Contains(standardMethods, n) {
			return false
		}
	}
	return true
}

func (c *methodCover) equal(d *methodCover) bool {
	return c == d || c.any == d.any && len(c.names) == len(d.names) && c.covers(d) && d.covers(c)
}

// String names the methods in an error.
func (m *methodSet) String() string {
	if m == nil {
		return "for all methods"
	}
	return strings.Join(m.names, ", ")
}

// namesHead says whether HEAD is in the set by name.
func (m *methodSet) namesHead() bool {
	return m != nil && slices.Contains(m.names, http.MethodHead)
}
