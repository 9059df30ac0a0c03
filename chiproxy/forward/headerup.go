package forward

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
)

// Caddy's reverse_proxy writes some fields itself, by what it knows of the client, and takes off those that are for one hop. An earlier
// change of these would be lost, or count as the client's. So such changes are made after Caddy's own, where header_up makes its changes.
// All others are made on the request, where placeholders, logs and policies see them.

// isProxyField reports whether reverse_proxy writes or removes a field. Connection and Upgrade stay the client's: they say
// whether it asks for another protocol. Trailer and Transfer-Encoding follow from the body.
func isProxyField(name string) bool {
	switch name {
	case hostHeader, "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Via", "Te", "Keep-Alive", "Alt-Svc",
		"Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection":
		return true
	}
	return false
}

// Change is what header_up is to do with a field of the request's header.
type Change struct {
	name string
	// replace means that the values are all there are to be; else they are added.
	replace bool
	values  []string
}

// Split returns the changes of fields that reverse_proxy writes, which HeaderUp is for, and those of all others; nil for none.
func Split(o *field.Ops) (proxy, others *field.Ops) {
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

// Changes returns what header_up is to do.
func HeaderUp(o *field.Ops) []Change {
	var all []Change
	for _, name := range o.Remove {
		if o.Set[name] == nil && o.Add[name] == nil {
			all = append(all, Change{name, true, nil})
		}
	}
	for name, values := range o.Set {
		all = append(all, Change{name, true, slices.Concat(values, o.Add[name])})
	}
	for name, values := range o.Add {
		if o.Set[name] == nil {
			all = append(all, Change{name, slices.Contains(o.Remove, name), values})
		}
	}
	return all
}

// Handler returns the handler of a pool with more changes of the request's header. Those of the pool come after them, as they
// do for all that the request has. The handler is the same one otherwise: Caddy, too, copies it where it serves.
func Handler(own *reverseproxy.Handler, changes []Change) *reverseproxy.Handler {
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
func withChanges(own *headers.HeaderOps, changes []Change) *headers.HeaderOps {
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
