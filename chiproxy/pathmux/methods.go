package pathmux

import (
	"net/http"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
)

// Methods is a set of method tokens. The nil set stands for all methods but CONNECT, which a route has to name.
type Methods struct{ names []string }

// NewMethods returns the set of some methods, nil for none.
func NewMethods(names []string) *Methods {
	if len(names) == 0 {
		return nil
	}
	names = slices.Clone(names)
	slices.Sort(names)
	return &Methods{slices.Compact(names)}
}

// Names returns the methods in order; nil where the set stands for all.
func (m *Methods) Names() []string {
	if m == nil {
		return nil
	}
	return m.names
}

// Has reports whether a route of the set takes a method, without the rule for HEAD.
func (m *Methods) Has(method string) bool {
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

// Allowed gathers the methods of the routes that a request had only the wrong method for.
type Allowed struct{ names []string }

// Empty reports whether there was no such route.
func (a *Allowed) Empty() bool { return len(a.names) == 0 }

// Add puts the methods of a set in, HEAD with GET.
func (a *Allowed) Add(m *Methods) {
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

func (a *Allowed) put(name string) {
	if i, found := slices.BinarySearch(a.names, name); !found {
		a.names = slices.Insert(a.names, i, name)
	}
}

// String is the value of the header Allow.
func (a *Allowed) String() string { return strings.Join(a.names, ", ") }

// Cover is the methods that the routes of a shape serve or know.
type Cover struct {
	// any stands for all methods but CONNECT.
	any   bool
	names map[string]struct{}
}

// EveryMethod is more than any shape serves.
func EveryMethod() Cover { return Cover{any: true, names: map[string]struct{}{http.MethodConnect: {}}} }

// Add puts the methods of a route in, HEAD with GET unless another route answers it.
func (c *Cover) Add(m *Methods, head bool) {
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

// Empty reports whether no method is in c.
func (c *Cover) Empty() bool { return !c.any && len(c.names) == 0 }

// Names reports whether a method is in c by name.
func (c *Cover) Names(method string) bool {
	_, ok := c.names[method]
	return ok
}

// Covers reports whether every method of d is in c.
func (c *Cover) Covers(d *Cover) bool {
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

// tells reports whether c covers d, and has as many methods to tell in Allow.
func (c *Cover) tells(d *Cover) bool {
	if !c.Covers(d) {
		return false
	}
	for n := range d.names {
		if _, ok := c.names[n]; !ok && !slices.Contains(field.StandardMethods, n) {
			return false
		}
	}
	return true
}

func (c *Cover) equal(d *Cover) bool {
	return c == d || c.any == d.any && len(c.names) == len(d.names) && c.Covers(d) && d.Covers(c)
}

// String names the methods in an error.
func (m *Methods) String() string {
	if m == nil {
		return "for all methods"
	}
	return strings.Join(m.names, ", ")
}

// NamesHead reports whether HEAD is in the set by name.
func (m *Methods) NamesHead() bool {
	return m != nil && slices.Contains(m.names, http.MethodHead)
}
