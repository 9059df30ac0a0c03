package response

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
)

// Values returns the values of a header of the response as it will be sent so far, for a function of this layer.
func (h *Hooks) Values(name string) []string {
	h = h.now()
	if !h.leaving {
		return h.stack.Values(h.stack.header(), name)
	}
	name = textproto.CanonicalMIMEHeaderKey(name)
	value := h.outer.Header()[name]
	if h.rules(name) {
		return value
	}
	return h.around.values(name, value)
}

// Names returns the names of the headers of which Values knows values.
func (h *Hooks) Names() []string {
	h = h.now()
	if !h.leaving {
		return h.stack.Names(h.stack.header())
	}
	return h.around.names(h.outer.Header())
}

// Set assigns a header, or removes it where there are no values. The error says that the header would be too large.
func (h *Hooks) Set(name string, values []string) error {
	if err := h.stack.grow(name, values, true); err != nil {
		return err
	}
	h.stack.changes += 1 + len(name)/32 + len(values)
	h, name = h.now(), textproto.CanonicalMIMEHeaderKey(name)
	if h.leaving {
		h.rule(name)
		if field.Remove(h.outer.Header(), name); len(values) > 0 {
			h.outer.Header()[name] = values
		}
		return nil
	}
	h.inherit()
	h.changes.Assign(name, values)
	if name == varyHeader {
		h.vary = nil
	}
	return nil
}

// Add adds values to a header. The error is that of Set.
func (h *Hooks) Add(name string, values ...string) error {
	if err := h.stack.grow(name, values, false); err != nil {
		return err
	}
	h.stack.changes += 1 + len(values)
	h, name = h.now(), textproto.CanonicalMIMEHeaderKey(name)
	if h.leaving {
		h.addTo(name, values)
		return nil
	}
	h.inherit()
	h.changes.Append(name, values)
	return nil
}

const varyHeader = "Vary"

// Vary adds a name to the header Vary of the response that leaves, if it is not there. The error is that of Set.
func (h *Hooks) Vary(token string) error {
	if err := h.stack.grow(varyHeader, []string{token}, false); err != nil {
		return err
	}
	h.stack.changes += 1 + len(token)/4
	if h = h.now(); h.leaving {
		if !varies(h.Values(varyHeader), token) {
			h.addTo(varyHeader, []string{token})
		}
		return nil
	}
	h.inherit()
	h.addVary(token)
	return nil
}

func (h *Hooks) addVary(token string) {
	if !varies(h.vary, token) {
		h.vary = append(h.vary, token)
	}
}

// varies reports whether values of Vary have a name.
func varies(values []string, token string) bool {
	for _, value := range values {
		for field := range strings.SplitSeq(value, ",") {
			if field = textproto.TrimString(field); field == "*" || strings.EqualFold(field, token) {
				return true
			}
		}
	}
	return false
}

// values returns the values of a header with the changes of this layer and of those around it. What is further in is later.
func (h *Hooks) values(name string, values []string) []string {
	if h == nil {
		return values
	}
	values = h.around.values(name, values)
	h.inherit()
	if set, ok := h.changes.Set[name]; ok {
		values = set
	} else if slices.Contains(h.changes.Remove, name) {
		values = nil
	}
	if more := h.changes.Add[name]; len(more) > 0 {
		values = append(slices.Clip(values), more...)
	}
	if name == varyHeader {
		values = append(slices.Clip(values), h.missing(values)...)
	}
	return values
}

// names returns the names of a header's fields and of those that this layer and those around it have changed, sorted.
func (h *Hooks) names(header http.Header) (names []string) {
	for name := range header {
		names = append(names, name)
	}
	for ; h != nil; h = h.around {
		h.inherit()
		for name := range h.changes.Set {
			names = append(names, name)
		}
		for name := range h.changes.Add {
			names = append(names, name)
		}
		if len(h.vary) > 0 {
			names = append(names, varyHeader)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// apply makes the changes that no inner layer decides.
func (h *Hooks) apply(header http.Header) {
	for _, name := range h.changes.Remove {
		if !slices.Contains(h.masked, name) {
			field.Remove(header, name)
		}
	}
	for name, values := range h.changes.Set {
		if !slices.Contains(h.masked, name) {
			header[name] = slices.Clone(values) // a handler may change what it finds there
		}
	}
	for name, values := range h.changes.Add {
		if !slices.Contains(h.masked, name) {
			h.addTo(name, values)
		}
	}
	if len(h.vary) == 0 || slices.Contains(h.masked, varyHeader) {
		return
	}
	values := header[varyHeader]
	if !h.rules(varyHeader) {
		values = h.around.values(varyHeader, values)
	}
	if missing := h.missing(values); len(missing) > 0 {
		h.addTo(varyHeader, missing)
	}
}

// missing returns the names that this layer adds to Vary and that its values do not have. No two of them are the same.
func (h *Hooks) missing(values []string) (names []string) {
	for _, token := range h.vary {
		if !varies(values, token) {
			names = append(names, token)
		}
	}
	return names
}

// addTo adds values to a header that is about to leave. Where a layer around has assigned it earlier, they are added to what that
// has assigned.
func (h *Hooks) addTo(name string, values []string) {
	header := h.outer.Header()
	before := header[name]
	if !h.rules(name) && h.around.assigns(name) {
		before = h.around.values(name, before)
		h.rule(name)
	}
	header[name] = append(slices.Clip(before), values...)
}

// assigns reports whether this layer or one around it assigns a header or removes it.
func (h *Hooks) assigns(name string) bool {
	for ; h != nil; h = h.around {
		if h.inherit(); h.changes.Assigns(name) {
			return true
		}
	}
	return false
}

// rules reports whether this layer decides a header, whatever outer layers assigned.
func (h *Hooks) rules(name string) bool {
	return slices.Contains(h.ruled, name) || h.changes.Assigns(name)
}

func (h *Hooks) rule(name string) {
	if h.around != nil {
		h.ruled = append(h.ruled, name)
	}
}

// overrule tells the outer layers which headers this one decides.
func (h *Hooks) overrule() {
	for around := h.around; around != nil; around = around.around {
		around.masked = append(around.masked, h.ruled...)
		around.masked = append(around.masked, h.changes.Remove...)
		for name := range h.changes.Set {
			around.masked = append(around.masked, name)
		}
	}
}
