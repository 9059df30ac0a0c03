// Package luaroute holds the Caddy modules of this project: the handler `http.handlers.luaroute`, and the app that owns
// its instances.
package luaroute

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// defaultName is the name of an instance that has none.
const defaultName = "main"

// Handler routes requests by Lua scripts. A script declares tenants, hosts, routes, guards, middleware and upstream
// pools once, when the configuration loads: `require("luaroute"):get("/users/{id}", "users")` sends such requests to
// the pool `users`. A request for a route that is plain data runs no Lua at all; where a script left a function, it
// decides while the request runs.
//
// A request that no route matches goes on to the next handler. The directive `luaroute` of the Caddyfile is therefore
// ordered after `route`, before fallbacks such as `respond` and `file_server`:
//
//	example.com {
//		luaroute {
//			script routes.lua
//			pool users 10.0.0.1:8080 10.0.0.2:8080
//		}
//		respond "nothing here" 404
//	}
//
// At least one of `scripts`, `sources` and `tenants` is required. A script with an error refuses the configuration,
// with its name and the line. Errors while requests run are handled as `on_error` says; clients never see their
// messages.
//
// Scripts read placeholders with `req:expand("{http.request.uuid}")`; `{file.*}` and `{env.*}` are empty there. The
// handler sets `{http.luaroute.instance}`, `tenant`, `route`, `pattern`, `pool`, `variant`, `outcome`, `params.NAME`
// and `meta.NAME`, adds a group `luaroute` to the access log and attributes to spans. Its metrics begin with
// `caddy_luaroute_`, its events are `luaroute.reloaded` and `luaroute.reload_failed`.
type Handler struct {
	config.Instance

	instance *instance.Instance
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.luaroute",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision runs the scripts and builds the table. An error names the script and the line.
func (h *Handler) Provision(ctx caddy.Context) error {
	if h.Name == "" {
		h.Name = defaultName
	}
	if err := h.Check(); err != nil {
		return err
	}
	if instance.Inside(ctx) {
		return errors.New("a script cannot load another luaroute; write its routes here, as a tenant, or as a handler of the configuration")
	}
	app, err := ctx.App("luaroute")
	if err != nil {
		return err
	}
	h.instance, err = app.(*App).instance(ctx, h)
	return err
}

// ServeHTTP routes a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return h.instance.Serve(w, r, next)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
