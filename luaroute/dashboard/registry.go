package dashboard

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
)

// handlers are those of the configurations that run: the admin API follows the requests of an instance if one of them lets its viewers do so.
var handlers registry

type registry struct {
	mu  sync.Mutex
	all []*Handler
}

func (r *registry) add(h *Handler) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, h)
}

func (r *registry) remove(h *Handler) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = slices.DeleteFunc(r.all, func(other *Handler) bool { return other == h })
}

// follows returns what the most generous handler allows.
func (r *registry) follows(name string) (perSecond float64, clients bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.all {
		if n, shown := h.follows(name); n > 0 {
			perSecond, clients = max(perSecond, n), clients || shown
		}
	}
	return perSecond, clients
}

func init() { caddy.RegisterModule(adminAPI{}) }

// adminAPI serves at `/luaroute_dashboard/api/` what the page asks, for `caddy luaroute dashboard`, under the rules of access of Caddy's
// admin API. It has no configuration.
type adminAPI struct{}

// CaddyModule returns the Caddy module information.
func (adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.luaroute_dashboard",
		New: func() caddy.Module { return new(adminAPI) },
	}
}

// AdminPath is where the admin API has what the page asks.
const AdminPath = "/luaroute_dashboard/"

// forAdmin is one for all configurations, so that its bounds are, too.
var forAdmin = newAPI(func(string) bool { return true }, handlers.follows)

// Routes returns one route for all that the page asks.
func (adminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: AdminPath, Handler: caddy.AdminHandlerFunc(serveAdmin)}}
}

// Interface guards
var _ caddy.AdminRouter = adminAPI{}

// serveAdmin answers a request of the command.
func serveAdmin(w http.ResponseWriter, r *http.Request) error {
	below := *r
	below.URL = &url.URL{Path: "/" + strings.TrimPrefix(r.URL.Path, AdminPath), RawQuery: r.URL.RawQuery}
	if !strings.HasPrefix(below.URL.Path, "/"+apiPath) {
		return status(http.StatusNotFound, "%s: expected %s%s", r.URL.Path, AdminPath, apiPath)
	}
	forAdmin.ServeHTTP(w, &below)
	return nil
}
