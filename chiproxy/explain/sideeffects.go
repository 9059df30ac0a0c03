package explain

import (
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/caddyauth"
)

// withoutSideEffects are the Caddy handlers that only work on the request and the response, and send nothing.
var withoutSideEffects = []caddy.ModuleID{
	"http.handlers.encode", "http.handlers.error", "http.handlers.headers", "http.handlers.log_append", "http.handlers.map",
	"http.handlers.request_body", "http.handlers.rewrite", "http.handlers.static_response", "http.handlers.vars",
}

// hasNoSideEffects reports whether a handler is known to send nothing anywhere, so that it may run while a request is only explained.
func hasNoSideEffects(h caddyhttp.MiddlewareHandler) bool {
	m, ok := h.(caddy.Module)
	if !ok {
		return false
	}
	if slices.Contains(withoutSideEffects, m.CaddyModule().ID) {
		return true
	}
	return asksNobody(h)
}

// asksNobody reports whether a handler checks passwords against a list of its own.
func asksNobody(h caddyhttp.MiddlewareHandler) bool {
	var auth caddyauth.Authentication
	switch h := h.(type) {
	case caddyauth.Authentication:
		auth = h
	case *caddyauth.Authentication:
		auth = *h
	default:
		return false
	}
	for _, p := range auth.Providers {
		switch p.(type) {
		case caddyauth.HTTPBasicAuth, *caddyauth.HTTPBasicAuth:
		default:
			return false
		}
	}
	return true
}
