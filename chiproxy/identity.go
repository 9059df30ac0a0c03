package chiproxy

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// Identity is who a request is from, as middleware has found out: the claims of a token, or the consumer of an API key. It never changes.
type Identity interface {
	// Name is how scripts know it: as req.ctx.NAME.
	Name() string
	// JSON is what scripts see of it, an object.
	JSON() string
	// ID is what Caddy's access log shows as user_id. It may be empty.
	ID() string
	// Any reports whether a field is one of some values, or a list that has one of them.
	Any(field string, values []string) bool
}

// userID is the placeholder of Caddy's own authentication.
const userID = "http.auth.user.id"

// Identify notes who a request is from, for what is inside the middleware that calls it: scripts, and policies that ask for a group.
// It replaces an identity of the same name. When the candidate declines, the next one does not have it.
func (ex *Exchange) Identify(id Identity) {
	replaced := false
	for i, other := range ex.identities {
		if other.Name() == id.Name() {
			ex.identities[i], replaced = id, true
		}
	}
	if !replaced {
		ex.identities = append(ex.identities, id)
	}
	if text := id.ID(); text != "" {
		if repl, ok := ex.R.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
			if !ex.named {
				ex.outer, ex.named = outerID(repl), true
			}
			repl.Set(userID, text)
		}
	}
}

// outerID returns the user that Caddy's own authentication outside has found out, nil for none.
func outerID(repl *caddy.Replacer) any {
	id, _ := repl.Get(userID)
	return id
}

// Identities returns who the request is from. The result must not be kept or changed.
func (ex *Exchange) Identities() []Identity { return ex.identities }

// forgetIdentities forgets them before another candidate or tenant. What Caddy's authentication outside has said holds again.
func (ex *Exchange) forgetIdentities() {
	if len(ex.identities) == 0 {
		return
	}
	if repl, ok := ex.R.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok && ex.named {
		if ex.outer == nil {
			repl.Delete(userID)
		} else {
			repl.Set(userID, ex.outer)
		}
	}
	ex.outer, ex.named = nil, false
	clear(ex.identities)
	ex.identities = ex.identities[:0]
}

// RemoveClaimed removes fields of the request's header that only middleware may set, since what a client sends there is a claim of its own. Names are
// canonical. Fields whose names differ from one of them in what stands for a hyphen only, such as X_User, are removed, too: CGI and its
// like pass on both as one. They stay removed when the candidate declines or fails: whoever answers then must not believe them either.
func (ex *Exchange) RemoveClaimed(names []string) {
	if len(names) == 0 {
		return
	}
	if !slices.ContainsFunc(ex.claimed, func(other []string) bool { return &other[0] == &names[0] }) {
		ex.claimed = append(ex.claimed, names)
	}
	ex.removeClaimed(names, ex.Snapshot)
}

// removeClaimed removes them, after it has called a function.
func (ex *Exchange) removeClaimed(names []string, before func()) {
	h := ex.R.Header
	for _, name := range names {
		if _, there := h[name]; there || ex.R.Trailer != nil {
			before()
			_ = ex.SetHeader(name, nil) // less is never too large
		}
	}
	for other := range h {
		if !odd(other) {
			continue
		}
		for _, name := range names {
			if len(other) == len(name) && alike(other, name) {
				before()
				_ = ex.SetHeader(other, nil)
				break
			}
		}
	}
}

// odd reports whether a name has anything but letters, digits and hyphens.
func odd(name string) bool {
	for i := range len(name) {
		if !plain(name[i]) && name[i] != '-' {
			return true
		}
	}
	return false
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// alike reports whether two names of one length differ in case and in what is neither a letter nor a digit only.
func alike(a, b string) bool {
	for i := range len(a) {
		if plain(a[i]) != plain(b[i]) || plain(a[i]) && !strings.EqualFold(a[i:i+1], b[i:i+1]) {
			return false
		}
	}
	return true
}
