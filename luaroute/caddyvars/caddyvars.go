// Package caddyvars knows the variables of a request that are Caddy's own. Caddy reads them with type assertions that panic on
// anything else, or believes them: who the client is, whether a proxy is trusted, what is logged. No script writes them.
package caddyvars

import (
	"fmt"
	"slices"
	"strings"
)

// names are those in Caddy's source that its own code sets or reads.
var names = []string{
	"access_logger_names", "client_ip", "extended_connect_websocket_body", "fs", "log_level", "log_skip", "root", "span_id", "start_time", "trace_id",
	"trusted_proxy", "unhandled", "uuid",
}

// prefixes begin the names of the variables of single modules, and ours.
var prefixes = []string{"http.", "luaroute", "matchers.", "reverse_proxy."}

// Check reports a variable that scripts must not set.
func Check(name string) error {
	if slices.Contains(names, name) || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
		return fmt.Errorf("var %q belongs to Caddy and cannot be set; choose another name than %s, and none that begins with %s",
			name, strings.Join(names, ", "), strings.Join(prefixes, ", "))
	}
	return nil
}
