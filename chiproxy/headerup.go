package chiproxy

import (
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
)

// Caddy's reverse_proxy writes some fields itself, by what it knows of the client, and takes off those that are for one hop. What
// is changed of these before it would be lost, or be read as if the client had sent it. So such changes are made where those of
// header_up are: after Caddy's own. All others are made on the request, where placeholders, logs and policies see them.

// isProxyField says whether reverse_proxy writes or removes a field. Connection and Upgrade stay the client's: they say
// whether it asks for another protocol. Trailer and Transfer-Encoding follow from the body.
func isProxyField(name string) bool {
	switch name {
	case hostHeader, "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Via", "Te", "Keep-Alive", "Alt-Svc",
		"Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection":
		return true
	}
	return false
}

// fieldChange is what header_up is to do with a field.
type fieldChange struct {
	name string
	// replace says that the values are all there are to be; else they are added.
	replace bool
	values  []string
}

// splitOps returns the changes of fields that reverse_proxy writes, and those of all others; nil for none.
func splitOps(o *field.Ops) (proxy, others *field.Ops) {
	if o == nil {
		return nil, nil
	}
	proxy, others = &field.Ops{Set: http.Header{}, Add: http.Header{}}, &field.Ops{Set: http.Header{}, Add: http.Header{}}
	part := func(name string) (string, *field.Ops) {
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
	for _, part := range []**field.Ops{&proxy, &others} {
		if len((*part).Remove)+len((*part).Set)+len((*part).Add) == 0 {
			*part = nil
		}
	}
	return proxy, others
}

// fieldChanges returns what header_up is to do.
func fieldChanges(o *field.Ops) []fieldChange {
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

// proxyField is a change that was made while the request ran, on the request too, so that those who come later see it.
type proxyField struct {
	fieldChange
	// client are the values of the client, nil for none.
	client []string
}

// changing notes that a field is about to change which reverse_proxy writes.
func (ex *Exchange) changing(name string) *fieldChange {
	i := slices.IndexFunc(ex.fields, func(f proxyField) bool { return f.name == name })
	if i < 0 {
		client := ex.R.Header[name]
		if name == hostHeader {
			client = []string{ex.R.Host}
		}
		i = len(ex.fields)
		ex.fields = append(ex.fields, proxyField{fieldChange{name: name}, client})
	}
	return &ex.fields[i].fieldChange
}

// asClient returns the request as reverse_proxy is to see it, with the client's own fields, and what header_up is to do then.
func (ex *Exchange) asClient() (*http.Request, []fieldChange) {
	r := ex.R.WithContext(ex.R.Context()) // a copy
	r.Header = maps.Clone(r.Header)
	changes := make([]fieldChange, len(ex.fields))
	for i, f := range ex.fields {
		changes[i] = f.fieldChange
		switch {
		case f.name == hostHeader:
			changes[i].values = []string{ex.R.Host}
			r.Host = f.client[0]
			continue
		case f.replace:
			changes[i].values = ex.R.Header[f.name]
		}
		if f.client == nil {
			delete(r.Header, f.name)
		} else {
			r.Header[f.name] = f.client
		}
	}
	return r, changes
}

// headerUp returns the handler of a pool with more changes of the request's header. Those of the pool come after them, as they
// do for all that the request has. The handler is the same one otherwise: Caddy, too, copies it where it serves.
func headerUp(own *reverseproxy.Handler, changes []fieldChange) *reverseproxy.Handler {
	h := *own
	all := &headers.Handler{}
	if h.Headers != nil {
		*all = *h.Headers
	}
	all.Request = withChanges(all.Request, changes)
	h.Headers = all
	return &h
}

// withChanges returns what changes a header first by changes, and then by own, which may be nil. In Caddy's own order fields are
// added, set and deleted.
func withChanges(own *headers.HeaderOps, changes []fieldChange) *headers.HeaderOps {
	all := &headers.HeaderOps{Add: http.Header{}, Set: http.Header{}}
	if own != nil {
		all.Delete, all.Replace = slices.Clone(own.Delete), own.Replace
		field.AddAll(all.Add, own.Add)
		field.AddAll(all.Set, own.Set)
	}
	for _, c := range changes {
		added := all.Add[c.name]
		values := slices.Concat(literal(c.values), added)
		switch {
		case all.Set[c.name] != nil, c.name == hostHeader && len(added) > 0: // what is own comes later and replaces it
		case !c.replace:
			all.Add[c.name] = values
		case len(values) == 0:
			all.Delete = append(all.Delete, c.name)
		default:
			delete(all.Add, c.name)
			all.Set[c.name] = values
		}
	}
	return all
}

var braces = strings.NewReplacer("{", `\{`, "}", `\}`)

// literal returns values in which Caddy finds no placeholders.
func literal(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = braces.Replace(v)
	}
	return out
}
