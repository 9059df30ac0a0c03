// Package admin is the module that serves `/luaroute/` in the admin API of Caddy.
package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/luaroute/instance"
)

func init() {
	caddy.RegisterModule(api{})
}

// api serves `/luaroute/` in the admin API of Caddy, under its rules of access: origins, hosts, and what remote
// administrators may do. It has no configuration.
//
// | | |
// |---|---|
// | `GET /luaroute/` | the instances |
// | `GET /luaroute/{name}/routes` | the routes of an instance |
// | `GET /luaroute/{name}/pools` | its pools, with the state of their upstreams |
// | `POST /luaroute/{name}/explain` | how a request would be handled, and why |
// | `POST /luaroute/{name}/reload` | runs the scripts again |
// | `GET`, `PUT`, `DELETE /luaroute/{name}/scripts/{script}` | scripts of a writable source |
// | `GET /luaroute/{name}/health`, `GET /luaroute/{name}/tenants`, `POST /luaroute/{name}/route/{tenant}` | the endpoints of the old programs |
//
// Answers are JSON; lists are tables for people with `?format=text`. Errors are `{"error": "…"}`.
//
// Caddy provisions the modules of its admin API before all apps and never cleans them up, so this one has no state: every
// request finds the instances that run then.
type api struct{}

// endpoint is one thing to ask an instance. To add one, add it to endpoints.
type endpoint struct {
	method string
	// path is what comes after /luaroute/{name}/, in the form of http.ServeMux.
	path  string
	serve func(i *instance.Instance, w http.ResponseWriter, r *http.Request) error
}

// endpoints are those of one instance. Each group of them has a file of its own.
var endpoints = []endpoint{
	{http.MethodPost, "reload", serveReload},
	{http.MethodGet, "routes", serveRoutes},
	{http.MethodGet, "pools", servePools},
	{http.MethodGet, "stats", serveStats},
	{http.MethodPost, "explain", serveExplain},
	{http.MethodGet, "scripts/{script...}", serveGetScript},
	{http.MethodPut, "scripts/{script...}", servePutScript},
	{http.MethodDelete, "scripts/{script...}", serveDeleteScript},
	{http.MethodGet, "health", serveHealth},
	{http.MethodGet, "tenants", serveTenants},
	{http.MethodPost, "route/{tenant}", serveDecision},
}

// CaddyModule returns the Caddy module information.
func (api) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.luaroute",
		New: func() caddy.Module { return new(api) },
	}
}

// root is where the endpoints are.
const root = "/luaroute/"

// Routes returns one route for all endpoints.
func (api) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: root, Handler: caddy.AdminHandlerFunc(newMux().serve)}}
}

// mux finds the endpoint of a request.
type mux struct {
	mux     *http.ServeMux
	methods []string
}

// call carries the error of an endpoint through a ServeMux.
type call struct {
	http.ResponseWriter
	err error
}

func newMux() *mux {
	m := &mux{mux: http.NewServeMux()}
	m.handle(http.MethodGet, root+"{$}", serveInstances)
	for _, e := range endpoints {
		m.handle(e.method, root+"{name}/"+e.path, func(w http.ResponseWriter, r *http.Request) error {
			i, err := runningInstance(r.PathValue("name"))
			if err != nil {
				return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: err}
			}
			return e.serve(i, w, r)
		})
	}
	return m
}

func (m *mux) handle(method, pattern string, serve func(http.ResponseWriter, *http.Request) error) {
	if !slices.Contains(m.methods, method) {
		m.methods = append(m.methods, method)
	}
	m.mux.HandleFunc(method+" "+pattern, func(w http.ResponseWriter, r *http.Request) {
		c := w.(*call)
		c.err = serve(c.ResponseWriter, r)
	})
}

func (m *mux) serve(w http.ResponseWriter, r *http.Request) error {
	if _, pattern := m.mux.Handler(r); pattern != "" {
		c := &call{ResponseWriter: w}
		m.mux.ServeHTTP(c, r)
		return c.err
	}
	if allowed := m.allowed(r); len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return caddy.APIError{
			HTTPStatus: http.StatusMethodNotAllowed,
			Err:        fmt.Errorf("method %s: expected %s", r.Method, strings.Join(allowed, " or ")),
		}
	}
	return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: unknownPath(r.URL.Path)}
}

// allowed returns the methods that the path of a request has.
func (m *mux) allowed(r *http.Request) []string {
	var allowed []string
	for _, method := range m.methods {
		other := *r
		other.Method = method
		if _, pattern := m.mux.Handler(&other); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	slices.Sort(allowed)
	return allowed
}

// unknownPath lists the endpoints. An unknown instance is reported first, since the rest of the path may be right.
func unknownPath(path string) error {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, root), "/")
	if _, err := runningInstance(name); err != nil {
		return err
	}
	var paths []string
	for _, e := range endpoints {
		paths = append(paths, e.method+" "+root+name+"/"+strings.ReplaceAll(e.path, "...}", "}"))
	}
	return fmt.Errorf("%s: expected %s", path, strings.Join(paths, ", "))
}

// runningInstance returns the instance that runs under a name.
func runningInstance(name string) (*instance.Instance, error) {
	if i := instance.Get(name); i != nil {
		return i, nil
	}
	names := instance.Names()
	if len(names) == 0 {
		return nil, errors.New("no luaroute instance runs")
	}
	return nil, fmt.Errorf("no luaroute instance %q runs; expected %s", name, strings.Join(names, " or "))
}

// writeJSON answers with a value as JSON.
func writeJSON(w http.ResponseWriter, value any) error {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(value)
}

// write answers with a value as JSON, or as text for people if the query says format=text.
func write(w http.ResponseWriter, r *http.Request, value any, text func(io.Writer)) error {
	switch format := r.URL.Query().Get("format"); format {
	case "", "json":
		return writeJSON(w, value)
	case "text":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		text(w)
		return nil
	default:
		return caddy.APIError{
			HTTPStatus: http.StatusBadRequest,
			Err:        fmt.Errorf("format %q: expected json or text", format),
		}
	}
}

// Interface guards
var _ caddy.AdminRouter = api{}
