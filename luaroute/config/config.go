// Package config holds the types of the configuration, with what Caddy shows of their JSON.
package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// Instance is the configuration of a handler.
type Instance struct {
	// The name of this instance, in the admin API, logs and metrics. Two handlers may have the same name only
	// if their configuration is the same; they then are one instance. Default: `main`.
	Name string `json:"name,omitempty"`

	Scripting

	// Tenants with hosts, path prefixes, pools and scripts of their own. A list of objects with a `name`, or an
	// object by name.
	Tenants Tenants `json:"tenants,omitempty"`

	// Where scripts keep what they share by `require("kv")`, and limits with `store = "kv"` their counters. Default:
	// `memory`.
	KVRaw json.RawMessage `json:"kv,omitempty" caddy:"namespace=luaroute.kv inline_key=store"`

	// What happens when a path has routes for other methods only: `405` answers with that status and an `Allow` header;
	// `decline` continues as if the path were unknown. Default: `405`.
	MethodMismatch string `json:"method_mismatch,omitempty"`

	// Whether a tenant whose scripts fail when the configuration starts is left out: it answers 503, is reported, and
	// comes back with the first reload in which its scripts load. Default: false, and the whole configuration is
	// refused.
	IsolateFailures bool `json:"isolate_failures,omitempty"`

	// Names of the environment variables that scripts may read with `route.env(name)` while they load. Default: none.
	Env []string `json:"env,omitempty"`

	// What is counted of requests. Default: by tenant and pattern.
	Metrics *Metrics `json:"metrics,omitempty"`

	// What requests say of themselves in logs, spans and placeholders.
	Telemetry *Telemetry `json:"telemetry,omitempty"`

	// Whether clients on this machine see what happens: errors are pages with the script, the lines around and why the
	// request came there, and each response has a field `X-Luaroute` with tenant, route, pool, script:line and outcome.
	// `on` is refused where a server listens at an address that others may reach, `force` is not. Implies `watch`.
	// Default: nobody sees it.
	Dev string `json:"dev,omitempty"`

	// How often to check the scripts, the modules they require and the data files they read for
	// changes: a string such as `"1s"`, or a number of nanoseconds. At least 10ms. A change is loaded
	// once two checks in a row see the same. If a reload fails, what was loaded before keeps serving.
	// Default: never.
	Watch caddy.Duration `json:"watch,omitempty"`
}

// Values of Instance.MethodMismatch.
const (
	MismatchAnswer  = "405"
	MismatchDecline = "decline"
)

// Values of Instance.Dev.
const (
	DevOn    = "on"
	DevForce = "force"
)

// devWatch is how often scripts are checked with Instance.Dev and without Instance.Watch.
const devWatch = caddy.Duration(time.Second)

// minWatch is the shortest interval of Instance.Watch.
const minWatch = caddy.Duration(10 * time.Millisecond)

// Check reports a value that is not allowed.
func (i *Instance) Check() error {
	switch i.MethodMismatch {
	case "", MismatchAnswer, MismatchDecline:
	default:
		return fmt.Errorf("method_mismatch %q: expected 405 or decline", i.MethodMismatch)
	}
	if err := i.Metrics.Check(); err != nil {
		return err
	}
	if err := i.Telemetry.Check(); err != nil {
		return err
	}
	switch i.Dev {
	case "":
	case DevOn, DevForce:
		if i.Watch == 0 {
			i.Watch = devWatch
		}
	default:
		return fmt.Errorf("dev %q: expected on or force", i.Dev)
	}
	if i.Watch != 0 && i.Watch < minWatch {
		return fmt.Errorf("watch %s: expected at least %s", time.Duration(i.Watch), time.Duration(minWatch))
	}
	return nil
}

// CheckStore refuses an unknown store with a list of those that exist, which Caddy's own error lacks.
func (i *Instance) CheckStore() error {
	return checkModule("kv", "luaroute.kv", "store", i.KVRaw)
}

// Scripting is the part of the configuration that an instance and a tenant have in common.
type Scripting struct {
	// Files with Lua scripts, or globs of them. They are read by the `file` source and run in order, those of a
	// glob sorted by name. Relative names start at the working directory. A name or glob that finds nothing is an error.
	Scripts []string `json:"scripts,omitempty"`

	// Sources of scripts besides files. Their scripts run after those of `scripts`, in order.
	SourcesRaw []json.RawMessage `json:"sources,omitempty" caddy:"namespace=luaroute.sources inline_key=source"`

	// Upstream pools by name, each the JSON of a `reverse_proxy` handler. A list of them, each with a `name`, is
	// accepted too and keeps its order. Those of the instance are visible to all tenants, a tenant's to itself.
	Pools Pools `json:"pools,omitempty"`

	// Caddy handlers by name, for `route.handler("name")` in scripts. A list of them, each with a `name`, is
	// accepted too. A tenant's own come before those of the instance.
	HandlersRaw Named `json:"handlers,omitempty" caddy:"namespace=http.handlers inline_key=handler"`

	// Options of libraries, by their names, such as those of `http`. A tenant inherits those of a library that it does not
	// set itself.
	LibsRaw Named `json:"libs,omitempty" caddy:"namespace=luaroute.libs"`

	// What the scripts may use. A tenant inherits from its instance what it does not set.
	Limits *Limits `json:"limits,omitempty"`

	// What the scripts of isolated tenants may use; an instance's is the default for its tenants.
	Allow *Allow `json:"allow,omitempty"`

	// How many requests there may be in a time. Those of the instance are around all that it routes, and count requests
	// of all tenants together; those of a tenant are around its routes and its pool.
	Limit RateLimits `json:"limit,omitempty"`

	// How many requests there may be at once, as for `limit`.
	Concurrency Concurrencies `json:"concurrency,omitempty"`

	// Which sites may use the responses of all that is routed, errors included. A tenant's own rules replace those of the
	// instance. Default: none.
	CORS *CORS `json:"cors,omitempty"`

	// How long an answer may take. A tenant's own replaces that of the instance. Default: as long as it likes.
	Timeout *Timeout `json:"timeout,omitempty"`

	// What to do when a script fails on a request: `"closed"` answers 500, or 503 with `Retry-After` when a budget
	// ended; `"open"` goes on as if the function were absent; `"decline"` goes on with the next candidate;
	// `{"pool": "name"}` forwards to that pool. Default: `"closed"`; a tenant's is that of the instance.
	OnError *OnError `json:"on_error,omitempty"`
}

// CheckSources refuses unknown sources with a list of those that exist, which Caddy's own error lacks.
func (s *Scripting) CheckSources() error {
	for i, raw := range s.SourcesRaw {
		if err := checkModule(fmt.Sprintf("sources[%d]", i), "luaroute.sources", "source", raw); err != nil {
			return err
		}
	}
	return nil
}

// CheckLibs refuses unknown libraries, as CheckSources does sources.
func (s *Scripting) CheckLibs() error {
	const namespace = "luaroute.libs"
	for name := range s.LibsRaw {
		if _, err := caddy.GetModule(namespace + "." + name); err != nil {
			return fmt.Errorf("there is no library %q; expected one of %s", name, strings.Join(moduleNames(namespace), ", "))
		}
	}
	return nil
}

// checkModule refuses a module that there is not: an object of a namespace, with the name of the module under a key.
func checkModule(path, namespace, key string, raw json.RawMessage) error {
	fields := map[string]any{}
	err := json.Unmarshal(raw, &fields)
	name, isText := fields[key].(string)
	if err != nil || fields == nil || !isText && fields[key] != nil {
		return fmt.Errorf("%s: expected an object with a %q, found %s", path, key, shown(raw))
	}
	if _, err := caddy.GetModule(namespace + "." + name); err != nil {
		return fmt.Errorf("%s: %s %q: expected one of %s", path, key, name, strings.Join(moduleNames(namespace), ", "))
	}
	return nil
}

// moduleNames lists the modules of a namespace.
func moduleNames(namespace string) []string {
	var list []string
	for _, m := range caddy.GetModules(namespace) {
		list = append(list, m.ID.Name())
	}
	return list
}

// Tenant is a set of routes for some hosts, a path prefix, or both. It needs `scripts`, `sources`, `use_pool` or
// `split`. Its scripts are isolated: they share no Lua state with anyone.
type Tenant struct {
	// The name of the tenant, unique in its instance.
	Name string `json:"name,omitempty"`

	// The hosts of the tenant: names, wildcards for one label (`*.example.com`), or IP addresses. Default: all.
	Hosts []string `json:"hosts,omitempty"`

	// The path prefix the tenant owns. `/acme` owns `/acme` and `/acme/…`, not `/acmefoo`. Default: all paths.
	PathPrefix string `json:"path_prefix,omitempty"`

	// Whether the prefix is removed from the forwarded path. Patterns are always relative to the prefix. Default:
	// false.
	StripPrefix bool `json:"strip_prefix,omitempty"`

	// Whether the next matching tenant is tried when this one has no route for a request. The default tenant is tried in
	// any case. Default: false.
	Fallthrough bool `json:"fallthrough,omitempty"`

	// The order among tenants that match one request; the highest is tried first. Default: 0.
	Priority int `json:"priority,omitempty"`

	// The pool for every request that no route of the tenant answers, nor an `on_route_request` of its script. Default:
	// none.
	UsePool string `json:"use_pool,omitempty"`

	// Pools that such requests are divided among, by shares, instead of one `use_pool`. Default: none.
	Split *Split `json:"split,omitempty"`

	Scripting
}

// Routes reports whether there is something besides scripts that requests go to.
func (t *Tenant) Routes() bool { return t.UsePool != "" || t.Split != nil }

// Named is a set of JSON objects by name. In JSON it is an object, or a list of objects with a "name". A handler that
// has a "name" of its own, such as invoke, can only be written in the object.
type Named map[string]json.RawMessage

// UnmarshalJSON reads an object, or a list of objects with a "name".
func (n *Named) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("[")) {
		return n.unmarshalList(b)
	}
	var byName map[string]json.RawMessage
	if err := json.Unmarshal(b, &byName); err != nil {
		return err
	}
	for name, raw := range byName {
		if name == "" || !bytes.HasPrefix(raw, []byte("{")) {
			return fmt.Errorf("%q: expected an object with a name as its key, found %s", name, raw)
		}
	}
	*n = byName
	return nil
}

func (n *Named) unmarshalList(b []byte) error {
	var list []map[string]json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	byName := Named{}
	for i, obj := range list {
		var name string
		if err := json.Unmarshal(obj["name"], &name); err != nil || name == "" {
			return within(fmt.Sprintf("[%d]", i), errors.New(`a "name" is missing`))
		}
		if _, dup := byName[name]; dup {
			return within(fmt.Sprintf("[%d]", i), fmt.Errorf("%q appears twice", name))
		}
		delete(obj, "name")
		raw, err := json.Marshal(obj)
		if err != nil {
			return err
		}
		byName[name] = raw
	}
	*n = byName
	return nil
}

// Tenants is a list of tenants. In JSON it is a list of objects with a "name", or an object by name, whose
// tenants are then ordered by name.
type Tenants []*Tenant

// UnmarshalJSON reads a list, or an object by name.
func (t *Tenants) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("[")) {
		return t.unmarshalList(b)
	}
	var byName map[string]json.RawMessage
	if err := json.Unmarshal(b, &byName); err != nil {
		return err
	}
	*t = nil
	for name, raw := range byName {
		tenant, err := oneTenant(raw)
		if err != nil {
			return within(name, err)
		}
		if name == "" || tenant == nil || tenant.Name != "" && tenant.Name != name {
			return fmt.Errorf("tenant %q: expected an object whose name, if any, is its key", name)
		}
		tenant.Name = name
		*t = append(*t, tenant)
	}
	slices.SortFunc(*t, func(a, b *Tenant) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

func (t *Tenants) unmarshalList(b []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	names := map[string]bool{}
	tenants := make(Tenants, len(list))
	for i, raw := range list {
		place := fmt.Sprintf("[%d]", i)
		tenant, err := oneTenant(raw)
		switch {
		case err != nil:
			return within(place, err)
		case tenant == nil || tenant.Name == "":
			return within(place, errors.New(`a "name" is missing`))
		case names[tenant.Name]:
			return within(place, fmt.Errorf("%q appears twice", tenant.Name))
		}
		names[tenant.Name] = true
		tenants[i] = tenant
	}
	*t = tenants
	return nil
}

// oneTenant reads a tenant; null is none.
func oneTenant(raw json.RawMessage) (*Tenant, error) {
	var t *Tenant
	var wrong *json.UnmarshalTypeError
	err := json.Unmarshal(raw, &t)
	if errors.As(err, &wrong) {
		err = fmt.Errorf("expected an object, found %s", shown(raw))
	}
	return t, err
}
