package dashboard

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// standsBefore lists what a request passes before it reaches a handler, of all that may refuse one: handlers and matchers by their names, and
// certificates of clients.
func standsBefore(ctx caddy.Context, h *Handler) []string {
	app, err := ctx.AppIfConfigured("http")
	if err != nil {
		return nil
	}
	for _, server := range app.(*caddyhttp.App).Servers {
		all, found := through(server.Routes, h)
		if !found {
			continue
		}
		for _, p := range server.TLSConnPolicies {
			if p.ClientAuthentication != nil && p.ClientAuthentication.Active() {
				all = append([]string{"client certificates"}, all...)
				break
			}
		}
		return all
	}
	return nil
}

// through returns what a request passes on its way to a handler, and whether the way leads there.
func through(routes caddyhttp.RouteList, to *Handler) (all []string, found bool) {
	for i := range routes {
		r := &routes[i]
		var here []string
		for _, set := range r.MatcherSets {
			for _, m := range set {
				if mod, ok := m.(caddy.Module); ok && asks[mod.CaddyModule().ID] {
					here = append(here, mod.CaddyModule().ID.Name())
				}
			}
		}
		for _, handler := range r.Handlers {
			if handler == caddyhttp.MiddlewareHandler(to) {
				return append(all, here...), true
			}
			if sub, ok := handler.(*caddyhttp.Subroute); ok {
				inside, leads := through(sub.Routes, to)
				if here = append(here, inside...); leads {
					return append(all, here...), true
				}
				continue
			}
			if mod, ok := handler.(caddy.Module); ok && asks[mod.CaddyModule().ID] {
				here = append(here, mod.CaddyModule().ID.Name())
			}
		}
		if len(r.MatcherSets) == 0 { // others do not concern all requests
			all = append(all, here...)
		}
	}
	return all, false
}

// asks are the modules that ask who a request is from. forward_auth is a reverse_proxy.
var asks = map[caddy.ModuleID]bool{
	"http.handlers.authentication": true, "http.handlers.reverse_proxy": true, "http.handlers.luaroute": true,
	"http.matchers.remote_ip": true, "http.matchers.client_ip": true, "http.matchers.header": true,
}
