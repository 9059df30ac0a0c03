// Package http is the library `http` for scripts: it asks other servers. Its bindings describe its functions.
//
// A call waits, and only its own request waits with it: it counts against the limit `wall`, not `cpu`. Every answer is one, whatever its
// status. A call without one returns nil and a string that begins with the kind of the failure, one of call.Kinds. Wrong options raise.
//
// What may be asked is said by the options of the library, and for a tenant whose scripts are isolated by its `upstreams`, too; see package
// call. While scripts load nothing is asked, except by functions of route.on_load; in requests that are only explained, and in tests, nothing is.
package http

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/call"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

func init() {
	caddy.RegisterModule(Library{})
}

// Library is `require("http")` of scripts: it asks other servers. Only public addresses are asked unless others are
// allowed here; an address is checked when it is dialled, after its name was looked up. Of a tenant with scripts of its
// own, the `upstreams` of its `allow` must have the address, too. Caddy's admin endpoint is never asked.
type Library struct {
	// Addresses, CIDRs, names that may resolve to anything, and sockets such as `unix//run/app.sock` that may be asked
	// besides public addresses. `all` stands for every one. Default: none.
	Allow []string `json:"allow,omitempty"`

	// Addresses, CIDRs and sockets that are refused even so. Default: none.
	Deny []string `json:"deny,omitempty"`

	// The only hosts that may be asked: names, `*.example` for one label, or addresses. Default: all.
	AllowHosts []string `json:"allow_hosts,omitempty"`

	// Hosts that are not asked. `*.example` stands for any number of labels here. Default: none.
	DenyHosts []string `json:"deny_hosts,omitempty"`

	// How long a call may take that sets no `timeout` itself. Default: 5s.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// How many calls of one tenant may be under way. Default: 256.
	MaxConns int `json:"max_conns,omitempty"`
}

// defaultMaxConns is Library.MaxConns where it is not set.
const defaultMaxConns = 256

// CaddyModule returns the Caddy module information.
func (Library) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "luaroute.libs.http", New: func() caddy.Module { return new(Library) }}
}

// Validate reports options that cannot be.
func (l *Library) Validate() error {
	switch {
	case l.Timeout < 0:
		return fmt.Errorf("timeout is %s; expected a positive duration", time.Duration(l.Timeout))
	case l.MaxConns < 0:
		return fmt.Errorf("max_conns is %d; expected a positive number", l.MaxConns)
	}
	return l.rules(nil).Check()
}

// rules are those that calls for a tenant keep to.
func (l *Library) rules(t *vm.Tenant) call.Rules {
	r := call.Rules{Allow: l.Allow, Deny: l.Deny, AllowHosts: l.AllowHosts, DenyHosts: l.DenyHosts}
	if t != nil {
		r.Upstreams = t.Upstreams
	}
	return r
}

// RulesOf returns the rules of a tenant's library http, for other libraries that ask servers in its name.
func RulesOf(t *vm.Tenant) call.Rules {
	own, ok := t.Libraries["http"].(*Library)
	if !ok {
		own = new(Library)
	}
	return own.rules(t)
}

// For returns the library of a tenant.
func (l *Library) For(t *vm.Tenant) (vm.Library, error) {
	rules := l.rules(t)
	client, err := call.New(rules)
	if err != nil {
		return nil, fmt.Errorf("http: %w", err)
	}
	t.OnEnd(client.Close)
	o := &owner{tenant: t, rules: rules, client: client, timeout: time.Duration(l.Timeout), places: make(chan struct{}, defaultMaxConns)}
	if l.MaxConns > 0 {
		o.places = make(chan struct{}, l.MaxConns)
	}
	return o, nil
}

// Open returns the table of a library that is nobody's, and asks nobody.
func (l *Library) Open(L *lua.LState) lua.LValue { return new(owner).Open(L) }

// Docs describes what is in it.
func (*Library) Docs() []vm.Doc { return new(owner).bindings().Docs() }

// Classes describes the types that Docs names.
func (*Library) Classes() []vm.Class { return classes() }

// UnmarshalCaddyfile reads the options:
//
//	libs http {
//		allow       <address>...
//		deny        <address>...
//		allow_hosts <host>...
//		deny_hosts  <host>...
//		timeout     <duration>
//		max_conns   <n>
//	}
func (l *Library) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.Errf("expected a block, found %q", d.Val())
	}
	lists := map[string]*[]string{"allow": &l.Allow, "deny": &l.Deny, "allow_hosts": &l.AllowHosts, "deny_hosts": &l.DenyHosts}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		key := d.Val()
		args := d.RemainingArgs()
		switch list := lists[key]; {
		case list != nil && len(args) == 0:
			return d.Errf("%s: expected one value or more, found none", key)
		case list != nil:
			*list = append(*list, args...)
		case key == "timeout" && len(args) == 1:
			timeout, err := caddy.ParseDuration(args[0])
			if err != nil || timeout <= 0 {
				return d.Errf("timeout: expected a duration above 0 such as 5s, found %q", args[0])
			}
			l.Timeout = caddy.Duration(timeout)
		case key == "max_conns" && len(args) == 1:
			if _, err := fmt.Sscanf(args[0]+"\n", "%d\n", &l.MaxConns); err != nil || l.MaxConns < 1 {
				return d.Errf("max_conns: expected a whole number above 0, found %q", args[0])
			}
		case key == "timeout", key == "max_conns":
			return d.Errf("%s: expected one value, found %d", key, len(args))
		default:
			return d.Errf("unknown option %q: expected allow, allow_hosts, deny, deny_hosts, max_conns or timeout", key)
		}
	}
	if err := l.rules(nil).Check(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// owner is the library of one tenant.
type owner struct {
	tenant  *vm.Tenant
	rules   call.Rules
	client  *call.Client
	timeout time.Duration
	places  chan struct{} // of calls that are under way
	cache   call.Cache
}

// Open returns the library's table.
func (o *owner) Open(*lua.LState) lua.LValue { return o.bindings().Table() }

// verbs are the functions that have the name of a method.
var verbs = []string{"get", "head", "post", "put", "patch", "delete"}

// bindings are what the library has.
func (o *owner) bindings() vm.Bindings {
	var all vm.Bindings
	for _, verb := range verbs {
		all = append(all, vm.Binding{Doc: verbDoc(verb), Fn: o.verb(verb)})
	}
	return append(
		all,
		vm.Binding{Doc: requestDoc, Fn: func(L *lua.LState) int { return o.one(L, o.request(L, "http.request", 1, o.defaults(L))) }},
		vm.Binding{Doc: allDoc, Fn: func(L *lua.LState) int { return o.all(L, "http.all", 1, o.defaults(L)) }},
		vm.Binding{Doc: vm.Doc{
			Name: "client", Args: "options: http.ClientOptions", Returns: "http.Client",
			Text: "an object with these functions as methods, and with options of its own instead of the defaults",
		}, Fn: o.newClient},
		vm.Binding{Doc: vm.Doc{
			Name: "response", Args: "fields: http.ResponseFields", Returns: "http.Response",
			Text: "an answer that nobody has sent, for what stands in for a function of this library in tests",
		}, Fn: newResponse},
	)
}

// verb is http.get and the like.
func (o *owner) verb(verb string) lua.LGFunction {
	return func(L *lua.LState) int {
		s := o.defaults(L)
		s.Method, s.URL = strings.ToUpper(verb), L.CheckString(1)
		s.read(L, "http."+verb, L.OptTable(2, nil), &optionsClass)
		return o.one(L, s)
	}
}

// defaults are the settings of a call that sets nothing.
func (o *owner) defaults(L *lua.LState) *settings {
	s := &settings{client: o.client}
	s.Timeout = o.timeout
	s.MaxBody = min(call.DefaultMaxBody, mostBody(L))
	return s
}

// Interface guards
var (
	_ vm.Documented         = (*Library)(nil)
	_ vm.Classified         = (*Library)(nil)
	_ vm.Tenanted           = (*Library)(nil)
	_ caddy.Validator       = (*Library)(nil)
	_ caddyfile.Unmarshaler = (*Library)(nil)
)

var errNobody = errors.New("http: this library belongs to no tenant, and asks nobody")
