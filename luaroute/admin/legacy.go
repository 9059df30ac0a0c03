package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
	"github.com/luaroute/caddy-luaroute/luaroute/legacy"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
)

// The endpoints of the old contract, with the JSON they always had.

// defaultTenant is the name of the default tenant there, unless a tenant has it.
const defaultTenant = "default"

// maxDecision bounds the body of a request for a decision, in bytes.
const maxDecision = 16 << 20

// started is when the process began, as good as.
var started = time.Now()

// legacyTenants returns the tenants of the table that serves under the names of the old contract. The default tenant is one of them if it
// has a function of the old contract.
func legacyTenants(t *chiproxy.Table) (names []string, tenants []chiproxy.TenantState) {
	all := t.TenantStates()
	for _, tenant := range all[1:] {
		names, tenants = append(names, tenant.Spec.Name), append(tenants, tenant)
	}
	if all[0].Spec.Fallback != nil && !slices.Contains(names, defaultTenant) {
		names, tenants = append(names, defaultTenant), append(tenants, all[0])
	}
	return names, tenants
}

// legacyFunction returns the function of a tenant, nil if there is none. It does not look at the other tenants, since the old gateway
// asked for each of its requests.
func legacyFunction(t *chiproxy.Table, name string) *legacy.Function {
	spec := t.TenantSpec(name)
	if spec == nil && name == defaultTenant {
		spec = t.TenantSpec("")
	}
	if spec == nil {
		return nil
	}
	function, _ := spec.Fallback.(*legacy.Function)
	return function
}

// serveDecision asks the function of a tenant about the request and the backends in the body, and answers with what it decides,
// as it is.
func serveDecision(i *instance.Instance, w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		legacy.Request
		Backends []legacy.Backend `json:"backends"`
	}
	if err := decodeOne(http.MaxBytesReader(w, r.Body, maxDecision), &asked); err != nil {
		return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: err}
	}
	table := i.Table()
	for !table.Acquire() { // a reload came in between
		if table = i.Table(); i.Ended() {
			return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: instance.ErrEnded}
		}
	}
	defer table.Release()
	name := r.PathValue("tenant")
	function := legacyFunction(table, name)
	if function == nil {
		return writeJSON(w, legacy.Decision{
			ModifiedHeaders: map[string]string{}, Reject: true, RejectReason: "No script found for tenant: " + name,
		})
	}
	decision, err := function.Decide(r.Context(), asked.Request, asked.Backends)
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusInternalServerError, Err: decisionError(err)}
	}
	return writeJSON(w, decision)
}

// decodeOne reads one JSON value and nothing behind it. Fields it does not know are ignored, as they always were.
func decodeOne(r io.Reader, to any) error {
	dec := json.NewDecoder(r)
	if err := dec.Decode(to); err != nil {
		return fmt.Errorf("expected a request in JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("expected one request in JSON, found more behind it")
	}
	return nil
}

// decisionError says what is wrong with a script, without its trace.
func decisionError(err error) error {
	if hook, ok := errors.AsType[*chiproxy.HookError](err); ok && hook.Budget {
		return errors.New("script execution timeout")
	}
	if own, ok := errors.AsType[*script.Error](err); ok {
		return errors.New(own.Error())
	}
	return err
}

// legacyHealth is the state of the tenants in the old form.
type legacyHealth struct {
	Status  string            `json:"status"`
	Tenants map[string]string `json:"tenants"`
	Uptime  string            `json:"uptime"`
	Version string            `json:"version"`
}

// serveHealth says how many services of each tenant are healthy. The status is "degraded" if a tenant has services of which none is, and
// else "healthy".
func serveHealth(i *instance.Instance, w http.ResponseWriter, _ *http.Request) error {
	health := legacyHealth{
		Status: "healthy", Tenants: map[string]string{}, Uptime: time.Since(started).Round(time.Second).String(), Version: version(),
	}
	names, tenants := legacyTenants(i.Table())
	for at, name := range names {
		healthy, services := 0, tenants[at].Services
		for _, b := range services {
			if b.Healthy {
				healthy++
			}
		}
		if healthy == 0 && len(services) > 0 {
			health.Status = "degraded"
		}
		health.Tenants[name] = fmt.Sprintf("%d/%d healthy", healthy, len(services))
	}
	return writeJSON(w, health)
}

// version is that of this module.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, dep := range info.Deps {
		if dep.Path == modulePath {
			return dep.Version
		}
	}
	return info.Main.Version
}

const modulePath = "github.com/luaroute/caddy-luaroute"

// legacyTenant is a tenant in the old form.
type legacyTenant struct {
	Name       string
	PathPrefix string
	Domains    []string
	// Interval is that of the health checks, empty without them.
	Interval string
	// LuaScript is the script that has the function of the old contract, empty if none has.
	LuaScript string
	Services  []legacyService
}

// legacyService is an upstream in the old form, under the name of its pool.
type legacyService struct {
	Name string
	URL  string
	// Health is what health checks ask for, empty without them.
	Health string
}

// serveTenants lists the tenants.
func serveTenants(i *instance.Instance, w http.ResponseWriter, _ *http.Request) error {
	all := []legacyTenant{}
	names, tenants := legacyTenants(i.Table())
	for at, name := range names {
		spec := tenants[at].Spec
		t := legacyTenant{Name: name, PathPrefix: spec.PathPrefix, Domains: append([]string{}, spec.Hosts...), Services: []legacyService{}}
		if spec.Fallback != nil {
			t.LuaScript = chiproxy.Describe(spec.Fallback).Script
		}
		for _, b := range tenants[at].Services {
			if t.Interval == "" && b.HealthInterval > 0 {
				t.Interval = b.HealthInterval.String()
			}
			t.Services = append(t.Services, legacyService{b.Name, b.URL, b.HealthURI})
		}
		all = append(all, t)
	}
	return writeJSON(w, all)
}
