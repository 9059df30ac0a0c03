package chiproxy

import (
	"net/http"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
)

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
	if field.IsWebSocketConnect(r) {
		return http.MethodGet
	}
	return r.Method
}

// allowed gathers the methods of the routes that a request had only the wrong method for.
type allowed struct{ names []string }

// add puts the methods of a set in, HEAD with GET.
func (a *allowed) add(m *methodSet) {
	names := field.StandardMethods
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
		if _, ok := c.names[n]; !ok && !slices.Contains(field.StandardMethods, n) {
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
