package dashboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy/inventory"
	"github.com/luaroute/caddy-luaroute/luaroute/admin"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
)

// apiPath is where the page asks, relative to itself.
const apiPath = "api/"

// api answers what the page asks: the same as the admin API, without secrets.
//
// | | |
// |---|---|
// | `GET api/` | the instances |
// | `GET api/{name}/routes`, `pools`, `stats`, `tenants`, `scripts` | what an instance has |
// | `GET api/{name}/script?name=` | a script, with findings |
// | `POST api/{name}/explain` | how a request would be handled, and why |
// | `GET api/{name}/tail` | requests as they end, as server-sent events |
type api struct {
	shows    func(name string) bool
	follows  func(name string) (perSecond float64, clients bool)
	explains *bound
	looks    looks
	mux      *http.ServeMux
}

// question is a request of the page about an instance.
type question struct {
	*instance.Instance
	*redaction
	w http.ResponseWriter
	r *http.Request
}

func newAPI(shows func(string) bool, follows func(string) (float64, bool)) *api {
	a := &api{shows: shows, follows: follows, explains: newBound(), looks: looks{all: map[string]*reading{}}, mux: http.NewServeMux()}
	a.mux.HandleFunc("GET /{$}", a.instances)
	for path, answer := range map[string]func(q question) error{
		"GET /{name}/routes":   func(q question) error { return q.write(inventory.Routes(q.Table())) },
		"GET /{name}/pools":    func(q question) error { return q.write(inventory.Pools(q.Table())) },
		"GET /{name}/stats":    func(q question) error { return q.write(admin.StatsOf(q.Instance, all)) },
		"GET /{name}/tenants":  func(q question) error { return q.write(tenantsOf(q.Instance)) },
		"GET /{name}/scripts":  a.scripts,
		"GET /{name}/script":   a.script,
		"POST /{name}/explain": a.explain,
		"GET /{name}/tail":     a.tail,
	} {
		a.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			i, err := a.instance(r.PathValue("name"))
			if err == nil {
				err = answer(question{i, newRedaction(i), w, r})
			}
			if err != nil {
				refuse(w, err)
			}
		})
	}
	return a
}

func all(string) bool { return true }

// sameOrigin refuses what another site has its visitors send.
var sameOrigin = http.NewCrossOriginProtection()

// ServeHTTP answers a request whose path begins with apiPath.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	protect(header)
	header.Set("Cache-Control", "no-store")
	if err := checkOrigin(r); err != nil {
		refuse(w, err)
		return
	}
	below := *r
	below.URL = &url.URL{Path: strings.TrimPrefix(r.URL.Path, "/"+strings.TrimSuffix(apiPath, "/")), RawQuery: r.URL.RawQuery}
	if _, pattern := a.mux.Handler(&below); pattern == "" {
		refuse(w, status(http.StatusNotFound, "the dashboard has no %s %s", r.Method, r.URL.Path))
		return
	}
	a.mux.ServeHTTP(w, &below)
}

// checkOrigin refuses requests of other sites, also those that only read.
func checkOrigin(r *http.Request) error {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return status(http.StatusForbidden, "a page of another site may not ask")
	}
	if err := sameOrigin.Check(r); err != nil {
		return caddy.APIError{HTTPStatus: http.StatusForbidden, Err: err}
	}
	if r.Method == http.MethodPost {
		if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(kind) != "application/json" {
			return status(http.StatusUnsupportedMediaType, "Content-Type %q: expected application/json", r.Header.Get("Content-Type"))
		}
	}
	return nil
}

// status is an error with the status that it is answered with.
func status(code int, format string, args ...any) error {
	return caddy.APIError{HTTPStatus: code, Err: fmt.Errorf(format, args...)}
}

// refuse answers an error.
func refuse(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	if known, ok := errors.AsType[caddy.APIError](err); ok && known.HTTPStatus != 0 {
		code = known.HTTPStatus
		err = known.Err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
}

// instance returns the instance of a name, if it is shown.
func (a *api) instance(name string) (*instance.Instance, error) {
	if a.shows(name) {
		if i := instance.Get(name); i != nil {
			return i, nil
		}
	}
	return nil, status(http.StatusNotFound, "no luaroute instance %q is shown", name)
}

// write answers with a value as JSON, without secrets.
func (q question) write(value any) error {
	text, err := q.json(value)
	if err != nil {
		return err
	}
	q.w.Header().Set("Content-Type", "application/json")
	_, _ = q.w.Write(text)
	return nil
}

// overview is an instance as the page shows it.
type overview struct {
	admin.Info
	Difference *inventory.Difference `json:"difference,omitempty"`
	// Tail is how many requests in a second a viewer sees.
	Tail float64 `json:"tail"`
}

// instances lists those that are shown.
func (a *api) instances(w http.ResponseWriter, _ *http.Request) {
	list := []json.RawMessage{}
	for _, i := range instance.All() {
		if !a.shows(i.Name()) {
			continue
		}
		perSecond, _ := a.follows(i.Name())
		text, err := newRedaction(i).json(overview{admin.InfoOf(i), i.State().Difference, perSecond})
		if err != nil {
			refuse(w, err)
			return
		}
		list = append(list, text)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(list)
}

// tenant is a tenant as the page shows it.
type tenant struct {
	Name        string        `json:"name"`
	Hosts       []string      `json:"hosts,omitempty"`
	Prefix      string        `json:"prefix,omitempty"`
	Strip       bool          `json:"strip_prefix,omitempty"`
	Fallthrough bool          `json:"fallthrough,omitempty"`
	UsePool     string        `json:"use_pool,omitempty"`
	At          string        `json:"at,omitempty"`
	Limits      config.Limits `json:"limits"`
	LeftOut     string        `json:"left_out,omitempty"`
}

func tenantsOf(i *instance.Instance) []tenant {
	all := []tenant{}
	s := i.State()
	for _, t := range s.Table.Tenants() {
		shown := tenant{
			Name: t.Spec.Name, Hosts: slices.Clone(t.Spec.Hosts), Prefix: t.Prefix, Strip: t.Spec.StripPrefix, Fallthrough: t.Spec.Fallthrough,
			UsePool: t.Spec.UsePool, At: t.Spec.Origin.String(), Limits: i.Limits(t.Spec.Name),
		}
		if err := s.LeftOut[shown.Name]; err != nil {
			shown.LeftOut = err.Error()
		}
		all = append(all, shown)
	}
	return all
}
