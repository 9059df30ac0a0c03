package capability

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
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

// readsBody reports whether a configuration may read the body of a request, for which a client may take its time.
func readsBody(config json.RawMessage) bool {
	return bytes.Contains(config, []byte("http.request.body"))
}
