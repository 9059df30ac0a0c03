package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Allow is what the scripts of isolated tenants may use. A tenant is isolated if it has scripts of its own; the
// scripts of the instance itself, and tenants declared inside them, are the operator's and may use everything. A
// tenant inherits from its instance what it does not set. `none` in a list allows nothing.
type Allow struct {
	// Caddy handlers by their names, such as `file_server`. `safe` stands for the default: `copy_response`,
	// `copy_response_headers`, `encode`, `error`, `headers`, `log_append`, `request_body`, `rewrite`,
	// `static_response`, `subroute` and `vars`. `all` stands for every one. A module of another namespace is
	// listed with its whole name, such as `tls.ca_pool.source.http`.
	Handlers []string `json:"handlers,omitempty"`

	// Matchers of requests by their names, such as `expression`. `safe` stands for the default: `client_ip`, `header`,
	// `header_regexp`, `host`, `method`, `not`, `path`, `protocol`, `query`, `remote_ip` and `vars`. `all` stands for
	// every one.
	Matchers []string `json:"matchers,omitempty"`

	// Addresses that may be dialled: `network` is all but loopback, link-local and unix sockets, `public` what the
	// internet can reach; `all`; addresses, CIDRs, names with or without ports such as `*.internal.example:443`, sockets
	// such as `unix//run/app.sock`. Caddy's admin endpoint is never among them. Default: `network`.
	Upstreams []string `json:"upstreams,omitempty"`

	// The prefixes of allowed placeholders: `http`, `time`, `env`, `file`, `system`, or more of a name such as
	// `env.REGION`. `all` stands for every one. `http.request.body` is not part of `http`, as it reads bodies of any
	// size. Default: `http` and `time`.
	Placeholders []string `json:"placeholders,omitempty"`

	// Libraries by their names. `safe` stands for the default: those that reach nothing outside. `all` stands for
	// every one.
	Libs []string `json:"libs,omitempty"`

	// Pools of the configuration that the tenant can name, besides its own. Default: `all`.
	Pools []string `json:"pools,omitempty"`

	// Hosts that `r:host(…)` may name, such as `*.acme.example`, which stands for one label. Default: the hosts of the
	// tenant.
	Hosts []string `json:"hosts,omitempty"`

	// Whether `route.certificate` may decide about certificates for these hosts. Default: false.
	Certificates *bool `json:"certificates,omitempty"`

	// The largest number of active health checks, one for each upstream of each pool that has them. Default: 1000.
	HealthChecks int `json:"health_checks,omitempty"`
}

// UnmarshalJSON reads an object, as that of Instance does.
func (a *Allow) UnmarshalJSON(b []byte) error { return decode(b, a) }

// AllowNone is the word for an empty list.
const AllowNone = "none"

// Lists returns the lists that are set, by their keys.
func (a *Allow) Lists() map[string][]string {
	all := map[string][]string{}
	v := reflect.ValueOf(a).Elem()
	for i := range v.NumField() {
		if list, ok := v.Field(i).Interface().([]string); ok && list != nil {
			key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			all[key] = list
		}
	}
	return all
}

// Check reports a wrong value. The words themselves are checked by package capability.
func (a *Allow) Check() error {
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Allow]()) {
		key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		list, set := a.Lists()[key]
		if !set {
			continue
		}
		switch {
		case len(list) == 0:
			return fmt.Errorf("allow: %s is empty; write none, or leave it out for the default", key)
		case len(list) > 1 && slices.Contains(list, AllowNone):
			return fmt.Errorf("allow: %s: none stands alone", key)
		case slices.Contains(list, ""):
			return fmt.Errorf("allow: %s: expected words that are not empty", key)
		}
	}
	if a.HealthChecks < 0 {
		return errors.New("allow: health_checks: expected a number above 0")
	}
	return nil
}

// Or returns a with unset fields taken from other. Both may be nil.
func (a *Allow) Or(other *Allow) *Allow {
	out := new(Allow)
	to := reflect.ValueOf(out).Elem()
	for _, from := range []*Allow{other, a} {
		if from == nil {
			continue
		}
		v := reflect.ValueOf(from).Elem()
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				to.Field(i).Set(v.Field(i))
			}
		}
	}
	return out
}
