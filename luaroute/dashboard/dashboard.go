// Package dashboard is the page that shows what the instances do: the handler `http.handlers.luaroute_dashboard`, which serves it, and what it
// asks. The command `caddy luaroute dashboard` serves the same page, and asks the admin API of a Caddy.
//
// It only reads. Nothing that it answers has a secret that it knows of, see redact.go and conceal.go.
package dashboard

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/luaroute"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// Handler serves a page that shows what the `luaroute` handlers of this configuration do: routes, decisions and why
// they are made, requests as they end, pools, tenants, scripts. It only reads.
//
// It answers clients on this machine alone, unless `public` is set. It stands behind what strips the path before it,
// such as `handle_path`:
//
//	handle_path /_luaroute/* {
//		luaroute_dashboard
//	}
type Handler struct {
	// The names of the instances to show. Default: all.
	Instances []string `json:"instances,omitempty"`

	// How many requests in a second a viewer may see as they end. Default: 0, which stands for none.
	Tail float64 `json:"tail,omitempty"`

	// Whether viewers see the addresses of clients.
	Clients bool `json:"clients,omitempty"`

	// Whether clients on other machines are answered, too. What stands before the handler must say who may look.
	Public bool `json:"public,omitempty"`

	api *api
}

// DefaultTail is how many requests in a second a viewer sees where nobody has said it.
const DefaultTail = 50

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.luaroute_dashboard",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision checks the configuration, and lets the app check that the instances exist.
func (h *Handler) Provision(ctx caddy.Context) error {
	if h.Tail < 0 {
		return fmt.Errorf("tail %g: expected how many requests in a second, such as 50, or 0 for none", h.Tail)
	}
	mod, err := ctx.App("luaroute")
	if err != nil {
		return err
	}
	app := mod.(*luaroute.App)
	for _, name := range h.Instances {
		app.Expect("http.handlers.luaroute_dashboard", name)
	}
	h.api = newAPI(h.shows, h.follows)
	handlers.add(h)
	if h.Public {
		app.AtStart(func() { h.warn(ctx) })
	}
	return nil
}

// Cleanup forgets the handler.
func (h *Handler) Cleanup() error {
	handlers.remove(h)
	return nil
}

// shows reports whether an instance is shown.
func (h *Handler) shows(name string) bool {
	return len(h.Instances) == 0 || slices.Contains(h.Instances, name)
}

// follows returns how many requests in a second viewers of an instance see, and whether they see addresses.
func (h *Handler) follows(name string) (perSecond float64, clients bool) {
	if !h.shows(name) {
		return 0, false
	}
	return h.Tail, h.Clients
}

// errForeign is the answer to clients on other machines.
var errForeign = errors.New("the dashboard answers clients on this machine only. With `public` in its block it answers all, " +
	"and what stands before it must say who may look, such as basic_auth")

// ServeHTTP serves the page and what it asks.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	if !h.Public && !instance.Local(r) {
		protect(w.Header())
		http.Error(w, errForeign.Error(), http.StatusForbidden)
		return nil
	}
	switch path := r.URL.Path; {
	case (path == "/" || path == "") && !strings.HasSuffix(asked(r), "/"): // what the page names is relative to it
		http.Redirect(w, r, "/"+strings.Trim(asked(r), "/")+"/", http.StatusPermanentRedirect) // which no client can make the address of another server
	case strings.HasPrefix(path, "/"+apiPath):
		h.api.ServeHTTP(w, r)
	case !ServePage(w, r, path):
		protect(w.Header())
		http.Error(w, "there is no such file; luaroute_dashboard stands behind what strips the path before it, such as handle_path /_luaroute/*",
			http.StatusNotFound)
	}
	return nil
}

// asked returns the path that the client has asked for.
func asked(r *http.Request) string {
	if client, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		return client.URL.EscapedPath()
	}
	return r.URL.EscapedPath()
}

// warn says at the start what keeps others from looking.
func (h *Handler) warn(ctx caddy.Context) {
	before := "nothing"
	if all := standsBefore(ctx, h); len(all) > 0 {
		before = strings.Join(all, ", ")
	}
	ctx.Logger().Warn("the dashboard answers everybody who passes what stands before it", zap.String("before", before))
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
