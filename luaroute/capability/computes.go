package capability

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/luaroute/nested"
)

// computing are the modules that do nothing but work, besides those that are safe: what they take is time of a processor. All others may
// wait, for the network or for a disk.
var computing = []string{
	handlers + "map",
	matchers + "expression", matchers + "file", matchers + "header_regexp", matchers + "path_regexp", matchers + "tls", matchers + "vars_regexp",
}

// computes reports whether a module is known to do nothing but work, apart from what it gives a request on to.
func computes(id string) bool {
	for _, key := range []string{"handlers", "matchers"} {
		if name, ok := strings.CutPrefix(id, groups[key].namespace+"."); ok && slices.Contains(groups[key].safe, name) {
			return true
		}
	}
	return strings.HasPrefix(id, "http.encoders.") || slices.Contains(computing, id)
}

// readsBody reports whether a configuration may read the body of a request, for which a client may take its time. The words mean nothing
// where the tenant may not.
func (s *Set) readsBody(config json.RawMessage) bool {
	return bytes.Contains(config, []byte(unbounded[0])) &&
		slices.ContainsFunc(unbounded[:2], func(name string) bool { return s.Placeholder(name) == nil })
}

// matched returns how many bytes a module adds to what regular expressions may match, its own and those of others in the same
// configuration, and how many placeholders.
func matched(u nested.Use) (text, placeholders int) {
	config := u.Config
	switch u.ID {
	case handlers + "error", handlers + "headers", handlers + "rewrite", handlers + "vars", matchers + "vars_regexp":
	case handlers + "static_response": // of its body nothing is matched
		var response struct{ Headers json.RawMessage }
		_ = json.Unmarshal(config, &response) // Caddy says what is wrong
		config = response.Headers
	default:
		return 0, 0
	}
	var v any
	if json.Unmarshal(config, &v) != nil {
		return 0, 0
	}
	return len(config), braces(v)
}
