// Package luaroute holds the Caddy modules of this project: the handler `http.handlers.luaroute`, and the app that owns
// its instances.
package luaroute

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
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
// A request that no route serves goes on to the next handler. The directive `luaroute` of the Caddyfile is therefore
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
// At least one of `scripts`, `sources` and `tenants` must be there. A script with an error refuses the configuration,
// with its name and the line. Errors while requests run are treated as `on_error` says; clients never see their
// messages.
//
// Scripts read placeholders with `req:expand("{http.request.uuid}")`; `{file.*}` and `{env.*}` are empty there. The
// handler sets no placeholders. Its metrics are `caddy_luaroute_reloads_total`, `caddy_luaroute_table_version` and
// `caddy_luaroute_table_age_seconds`, its events `luaroute.reloaded` and `luaroute.reload_failed`.
type Handler struct {
	// The name of this instance, in the admin API, logs and metrics. Two handlers may have the same name only
	// if their configuration is the same; they then are one instance. Default: `main`.
	Name string `json:"name,omitempty"`

	Scripting

	// Tenants with hosts, path prefixes, pools and scripts of their own. A list of objects with a `name`, or an
	// object by name.
	Tenants Tenants `json:"tenants,omitempty"`

	// What happens when no route serves a request, but one has its path for other methods: `405` answers so, with
	// the `Allow` header; `decline` goes on as if the path were unknown. Default: `405`.
	MethodMismatch string `json:"method_mismatch,omitempty"`

	// Names of the environment variables that scripts may read with `route.env(name)` while they load. Default: none.
	Env []string `json:"env,omitempty"`

	// How often the scripts, the modules they require and the data files they read are looked at, to reload them when
	// they have changed: text such as `"1s"`, or a number of nanoseconds. At least 10ms. A change is taken when it is
	// the same at two looks. If a reload fails, what was loaded before serves on. Default: never.
	Watch caddy.Duration `json:"watch,omitempty"`

	instance *instance
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
	switch h.MethodMismatch {
	case "", mismatchAnswer, mismatchDecline:
	default:
		return fmt.Errorf("method_mismatch %q: expected 405 or decline", h.MethodMismatch)
	}
	if h.Watch != 0 && h.Watch < minWatch {
		return fmt.Errorf("watch %s: expected at least %s", time.Duration(h.Watch), time.Duration(minWatch))
	}
	if ctx.Value(insideKey{}) != nil {
		return errors.New("a script can not load another luaroute; write its routes here, as a tenant, or as a handler of the configuration")
	}
	app, err := ctx.App("luaroute")
	if err != nil {
		return err
	}
	h.instance, err = app.(*App).instance(ctx, h)
	return err
}

// Values of Handler.MethodMismatch.
const (
	mismatchAnswer  = "405"
	mismatchDecline = "decline"
)

// minWatch is the shortest interval of Handler.Watch.
const minWatch = caddy.Duration(10 * time.Millisecond)

// canonical returns the configuration in the form in which that of the same instance is the same.
func (h *Handler) canonical() ([]byte, error) { return json.Marshal(h) }

// ServeHTTP routes a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return h.instance.serve(w, r, next)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
