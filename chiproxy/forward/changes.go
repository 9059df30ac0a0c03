// Package forward changes the header of a request on its way to an upstream, so that what the gateway sets arrives, and a client cannot
// forge it.
//
// Changes are made on the request while it runs:
//
//	changes.Set(r, "X-User", []string{"ada"})
//	...
//	if changes.Pending() {
//		r, changed := changes.AsClient(r)
//		handler = forward.Handler(handler, changed)
//	}
//	err := handler.ServeHTTP(w, changes.Trailing(r), next)
package forward

import (
	"maps"
	"net/http"
	"net/textproto"
	"slices"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
)

// Changes is what was changed of the header of one request. The zero value is nothing.
type Changes struct {
	// fields are the changed ones that reverse_proxy would write itself.
	fields []proxyField
	// dropped are the names of the trailers that are not forwarded.
	dropped []string
	// shown says that all changes are made on the request itself.
	shown bool
}

// proxyField is a change that was made while the request ran, on the request, too, where later steps see it.
type proxyField struct {
	Change
	// client are the values of the client, nil for none.
	client []string
}

// Set replaces the values of a field of the request's header; without values it is removed. Host is a field as any other,
// and has one value. The values are kept.
func (c *Changes) Set(r *http.Request, name string, values []string) {
	name = textproto.CanonicalMIMEHeaderKey(name)
	c.drop(r, name)
	if isProxyField(name) {
		c.of(r, name).replace = true
	} else if len(values) > 0 {
		unname(r.Header, name)
	}
	switch {
	case name == hostHeader && len(values) > 0:
		r.Host = values[len(values)-1]
	case name == hostHeader:
	case len(values) == 0:
		delete(r.Header, name)
	default:
		r.Header[name] = values
	}
}

// Add adds values to a field of the request's header. If the client named the field in Connection, its own values are dropped first.
func (c *Changes) Add(r *http.Request, name string, values []string) {
	name = textproto.CanonicalMIMEHeaderKey(name)
	c.drop(r, name)
	if isProxyField(name) {
		if of := c.of(r, name); !of.replace {
			of.values = slices.Concat(of.values, values)
		}
	} else if unname(r.Header, name) {
		delete(r.Header, name)
	}
	r.Header[name] = slices.Concat(r.Header[name], values)
}

// Make makes changes that are data.
func (c *Changes) Make(r *http.Request, o *field.Ops) {
	for _, name := range o.Remove {
		c.Set(r, name, nil)
	}
	for name, values := range o.Set {
		c.Set(r, name, slices.Clone(values)) // what comes later may change them where they stand
	}
	for name, values := range o.Add {
		c.Add(r, name, values)
	}
}

// Show has all later changes made on the request at once, those of MakeLater, too.
func (c *Changes) Show() { c.shown = true }

// MakeLater is Make for changes that header_up makes later, so that the request itself does not show them. Where others are pending,
// these join them.
func (c *Changes) MakeLater(r *http.Request, o *field.Ops) {
	if c.shown || c.Pending() {
		c.Make(r, o)
		return
	}
	if r.Trailer == nil {
		return
	}
	for _, change := range HeaderUp(o) {
		c.drop(r, change.name)
	}
}

// of notes that a field is about to change which reverse_proxy writes.
func (c *Changes) of(r *http.Request, name string) *Change {
	i := slices.IndexFunc(c.fields, func(f proxyField) bool { return f.name == name })
	if i < 0 {
		client := r.Header[name]
		if name == hostHeader {
			client = []string{r.Host}
		}
		i = len(c.fields)
		c.fields = append(c.fields, proxyField{Change{name: name}, client})
	}
	return &c.fields[i].Change
}

// Pending reports whether there are changes that header_up has to make.
func (c *Changes) Pending() bool { return len(c.fields) > 0 }

// AsClient returns the request as reverse_proxy is to see it, with the client's own fields, and what header_up is to do then.
func (c *Changes) AsClient(changed *http.Request) (*http.Request, []Change) {
	r := changed.WithContext(changed.Context()) // a copy
	r.Header = maps.Clone(r.Header)
	changes := make([]Change, len(c.fields))
	for i, f := range c.fields {
		changes[i] = f.Change
		switch {
		case f.name == hostHeader:
			changes[i].values = []string{changed.Host}
			r.Host = f.client[0]
			continue
		case f.replace:
			changes[i].values = changed.Header[f.name]
		}
		if f.client == nil {
			delete(r.Header, f.name)
		} else {
			r.Header[f.name] = f.client
		}
	}
	return r, changes
}

// Saved is a state of Changes. It keeps its room for the next request.
type Saved struct {
	fields  []proxyField
	dropped int
}

// Save notes the state.
func (c *Changes) Save(s *Saved) {
	s.fields, s.dropped = append(s.fields[:0], c.fields...), len(c.dropped)
}

// Restore goes back to a state.
func (c *Changes) Restore(s *Saved) {
	c.fields, c.dropped = append(c.fields[:0], s.fields...), c.dropped[:s.dropped]
}

// Clear forgets the state.
func (s *Saved) Clear() {
	clear(s.fields)
	s.fields = s.fields[:0]
}
