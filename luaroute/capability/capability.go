// Package capability decides what the scripts of an isolated tenant may use: Caddy's modules, addresses, placeholders, libraries, shared
// pools, hosts, certificates.
//
// Ask a Set before using any of these. A nil *Set belongs to a trusted tenant and allows everything, so callers need no check. It refuses
// with a Refusal, which names the line that the tenant's allow block would need.
package capability

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy/dial"
	"github.com/luaroute/caddy-luaroute/chiproxy/host"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
)

// Words of lists.
const (
	all  = "all"
	none = config.AllowNone
	safe = "safe"
)

// groups are the lists of modules, each with what safe stands for in it, which a tenant has by default.
var groups = map[string]struct {
	namespace string
	safe      []string
}{
	"handlers": {"http.handlers", []string{
		"copy_response", "copy_response_headers", "encode", "error", "headers", "log_append", "request_body", "rewrite", "static_response",
		"subroute", "vars",
	}},
	"matchers": {"http.matchers", []string{
		"client_ip", "header", "header_regexp", "host", "method", "not", "path", "protocol", "query", "remote_ip", "vars",
	}},
	"libs": {"luaroute.libs", []string{"base64", "crypto", "json", "kv", "log", "re", "time", "url", "uuid"}},
}

var defaults = config.Allow{
	Handlers: []string{safe}, Matchers: []string{safe}, Upstreams: []string{dial.Network}, Placeholders: []string{"http", "time"},
	Libs: []string{safe}, Pools: []string{all}, HealthChecks: 1000,
}

// Safe returns what safe stands for in a list: the modules known to be safe that this Caddy has.
func Safe(key string) []string {
	group := groups[key]
	return slices.DeleteFunc(slices.Clone(group.safe), func(name string) bool {
		_, err := caddy.GetModule(group.namespace + "." + name)
		return err != nil
	})
}

// safeOnly is Safe once for all tenants: most may use that alone. It must not be changed.
func safeOnly(key string) []string {
	if known, ok := safeLists.Load(key); ok {
		return known.([]string)
	}
	known, _ := safeLists.LoadOrStore(key, slices.Clip(Safe(key)))
	return known.([]string)
}

var safeLists sync.Map

// Set is what one tenant may use. Any number of goroutines may ask it.
type Set struct {
	tenant string
	allow  config.Allow // with defaults, and words such as safe written out
	policy *dial.Policy
	bounds Bounds
	needs  *Needs // nil but for a survey
}

// New returns what a tenant may use. Hosts are those it has, for which layers may be declared if nothing else is said.
func New(tenant string, hosts []string, allow *config.Allow) (*Set, error) {
	if allow != nil {
		if err := allow.Check(); err != nil {
			return nil, err
		}
	}
	s := &Set{tenant: tenant, allow: *allow.Or(&defaults)}
	if s.allow.Hosts == nil {
		s.allow.Hosts = hosts
	}
	a := &s.allow
	for key, words := range map[string]*[]string{"handlers": &a.Handlers, "matchers": &a.Matchers, "libs": &a.Libs} {
		written, err := written(key, *words)
		if err != nil {
			return nil, fmt.Errorf("allow: %s: %w", key, err)
		}
		*words = written
	}
	var err error
	if s.policy, err = dial.Parse(a.Upstreams); err != nil {
		return nil, fmt.Errorf("allow: upstreams: %w", err)
	}
	return s, nil
}

// written returns a list with safe written out, and with the names of modules that are known by another one.
func written(key string, words []string) ([]string, error) {
	if len(words) == 1 && words[0] == safe {
		return safeOnly(key), nil
	}
	var out []string
	for _, word := range words {
		switch word {
		case safe:
			out = append(out, Safe(key)...)
			continue
		case "respond": // as the Caddyfile says
			word = "static_response"
		case "fastcgi":
			word = transports + word
		}
		if word != all && word != none && !known(groups[key].namespace, word) {
			var names []string
			for _, m := range caddy.GetModules(groups[key].namespace) {
				names = append(names, m.ID.Name())
			}
			return nil, fmt.Errorf("there is no module %q; expected safe, all, none, or some of %s", word, strings.Join(names, ", "))
		}
		out = append(out, word)
	}
	return out, nil
}

// known reports whether there is a module of a namespace, or of a whole name.
func known(namespace, name string) bool {
	_, err := caddy.GetModule(namespace + "." + name)
	if err != nil && strings.Contains(name, ".") {
		_, err = caddy.GetModule(name)
	}
	return err == nil
}

// Narrow returns what a tenant may use that a script declares and that may use no more than s.
func (s *Set) Narrow(tenant string, hosts []string, allow *config.Allow) (*Set, error) {
	outer := s.allow
	if allow == nil {
		allow = new(config.Allow)
	}
	narrow, err := New(tenant, hosts, allow.Or(&outer))
	if err != nil {
		return nil, err
	}
	for key, words := range allow.Lists() {
		if key == "hosts" {
			continue // they are the tenant's own, or fewer, which is checked below
		}
		for _, word := range words {
			if err := s.has(key, word); err != nil {
				return nil, fmt.Errorf("allow: %s: %w", key, err)
			}
		}
	}
	for _, name := range allow.Hosts {
		if s.Host(name) != nil {
			return nil, fmt.Errorf("allow: hosts: %s is not one of the tenant's; only the configuration can allow others", name)
		}
	}
	if allow.Certificates != nil && *allow.Certificates && !s.certificates() {
		return nil, errors.New("allow: certificates: the configuration does not allow them")
	}
	if allow.HealthChecks > s.allow.HealthChecks {
		return nil, fmt.Errorf("allow: health_checks: the configuration allows %d", s.allow.HealthChecks)
	}
	return narrow, nil
}

// has reports a word that stands for more than s has.
func (s *Set) has(key, word string) error {
	outer := s.allow.Lists()[key]
	if word == none || slices.Contains(outer, all) {
		return nil
	}
	words := []string{word}
	switch {
	case key == "upstreams":
		return s.policy.Covers(word)
	case key == "placeholders" && s.placeholder(word):
		return nil
	case groups[key].safe != nil:
		var err error
		if words, err = written(key, words); err != nil {
			return err
		}
	}
	for _, w := range words {
		if !slices.Contains(outer, w) {
			return fmt.Errorf("%s is more than the configuration allows, which is %s", word, strings.Join(outer, " "))
		}
	}
	return nil
}

// Policy returns the addresses that may be dialled; nil stands for all.
func (s *Set) Policy() *dial.Policy {
	if s == nil {
		return nil
	}
	return s.policy
}

// Tenant returns the name of the tenant.
func (s *Set) Tenant() string { return s.tenant }

// Refusal is the error for what a tenant may not use.
type Refusal struct {
	// What is what it wanted, such as `handler file_server`.
	What string
	// Key is the line of the allow block, and Word what is missing there.
	Key, Word string
	// Has is what stands there, written so that it can be written again.
	Has []string
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("%s is not allowed for the scripts of this tenant; it needs `%s` in its allow block", r.What, r.line())
}

func (r *Refusal) line() string {
	words := slices.DeleteFunc(slices.Clone(r.Has), func(w string) bool { return w == none })
	return strings.TrimSuffix(r.Key+" "+strings.Join(append(words, r.Word), " "), " ")
}

// refuse returns the Refusal of something that s does not have.
func (s *Set) refuse(what, key, word string) error {
	has := s.allow.Lists()[key]
	if list := Safe(key); len(list) > 0 {
		if !slices.ContainsFunc(list, func(w string) bool { return !slices.Contains(has, w) }) {
			has = slices.Concat([]string{safe}, slices.DeleteFunc(slices.Clone(has), func(w string) bool { return slices.Contains(list, w) }))
		}
	}
	return s.refused(&Refusal{What: what, Key: key, Word: word, Has: has})
}

// refused returns an error, unless a survey only notes what is missing.
func (s *Set) refused(err error) error {
	if s.needs != nil && s.needs.note(err) {
		return nil
	}
	return err
}

// Lib returns nil if scripts may require a library.
func (s *Set) Lib(name string) error {
	if s == nil || listed(s.allow.Libs, name) {
		return nil
	}
	return s.refuse(fmt.Sprintf("library %q", name), "libs", name)
}

// Pool returns nil if a pool can be named that is not the tenant's own.
func (s *Set) Pool(name string) error {
	if s == nil || listed(s.allow.Pools, name) {
		return nil
	}
	return s.refuse(fmt.Sprintf("pool %q", name), "pools", name)
}

// Certificates returns nil if the tenant has a say in certificates.
func (s *Set) Certificates() error {
	if s == nil || s.certificates() {
		return nil
	}
	return s.refuse("route.certificate", "certificates", "")
}

func (s *Set) certificates() bool { return s.allow.Certificates != nil && *s.allow.Certificates }

// HealthChecks returns nil if the pools of the tenant may have so many active checks.
func (s *Set) HealthChecks(n int) error {
	if s == nil || n <= s.allow.HealthChecks {
		return nil
	}
	return s.refuse(fmt.Sprintf("the %dth active health check", n), "health_checks", fmt.Sprint(n))
}

// Host returns nil if a host can be named: one of the tenant's, or what one of its wildcards stands for.
func (s *Set) Host(wanted string) error {
	if s == nil {
		return nil
	}
	name := hostKey(wanted)
	for _, own := range s.allow.Hosts {
		own = hostKey(own)
		suffix, wild := strings.CutPrefix(own, "*.")
		label, rest, _ := strings.Cut(name, ".")
		if own == all || own == name || wild && rest == suffix && label != "" {
			return nil
		}
	}
	return s.refuse(fmt.Sprintf("host %q", wanted), "hosts", wanted)
}

// hostKey returns a host as tables have it: without a port, in lower-case ASCII.
func hostKey(declared string) string {
	key, err := host.Key(declared)
	if err != nil {
		return declared // the declaration reports it
	}
	return key
}

// Address returns nil if an address may be dialled, as far as that is known before dialling.
func (s *Set) Address(address string) error {
	if s == nil {
		return nil
	}
	err := s.policy.Literal(address)
	if err != nil {
		return s.refused(err)
	}
	return nil
}

// listed reports whether a list has a name.
func listed(list []string, name string) bool {
	return slices.Contains(list, all) || slices.Contains(list, name)
}
