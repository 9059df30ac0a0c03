package capability

import (
	"errors"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/dial"
)

const (
	handlers   = "http.handlers."
	matchers   = "http.matchers."
	transports = "http.reverse_proxy.transport."
)

// harmless are modules of other namespaces that every tenant may use: they compute, and reach nothing. A name that ends in a dot stands for
// its namespace.
var harmless = []string{
	"http.encoders.", "http.precompressed.", "http.reverse_proxy.selection_policies.", "http.reverse_proxy.circuit_breakers.luaroute", "http.reverse_proxy.upstreams.a", "http.reverse_proxy.upstreams.srv",
	"http.reverse_proxy.upstreams.multi", "http.ip_sources.static", transports + "http", "tls.ca_pool.source.inline", "tls.ca_pool.source.file",
	"caddy.network_proxy.none",
}

// ErrNested is the error of a luaroute inside of what a script loads.
var ErrNested = errors.New("a script cannot load another luaroute; write its routes here, as a tenant, or as a handler of the configuration")

// errOwnPolicy is the error of a tenant that sets its own dial policy.
var errOwnPolicy = errors.New("the transport luaroute checks addresses for the operator; write the real one, such as http")

// Module returns nil if scripts may load a module, however it is loaded. Some modules are refused even by a nil Set.
func (s *Set) Module(id string) error {
	switch {
	case id == handlers+"luaroute", id == matchers+"luaroute":
		return ErrNested
	case s == nil:
		return nil
	case id == transports+dial.Protocol:
		return errOwnPolicy
	}
	if name, ok := strings.CutPrefix(id, handlers); ok {
		if !listed(s.allow.Handlers, name) {
			return s.refuse("handler "+name, "handlers", name)
		}
		return nil
	}
	if name, ok := strings.CutPrefix(id, matchers); ok {
		if !listed(s.allow.Matchers, name) {
			return s.refuse("matcher "+name, "matchers", name)
		}
		return nil
	}
	if slices.ContainsFunc(harmless, func(h string) bool { return id == h || strings.HasSuffix(h, ".") && strings.HasPrefix(id, h) }) {
		return nil
	}
	if !slices.Contains(s.allow.Handlers, id) { // not by all, which says handlers
		return s.refuse("module "+id, "handlers", id)
	}
	return nil
}
