package policy

import (
	"cmp"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/forwardauth"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var forwardAuthBinding = Binding{Make: makeForwardAuth, Doc: vm.Doc{
	Name: "forward_auth", Args: "options: luaroute.ForwardAuthOptions", Returns: "luaroute.Policy",
	Text: "asks a server such as Authelia or oauth2-proxy [whether a request may pass](identity.md#forward-authentication)",
}}

var forwardAuthOptions = vm.Class{
	Name: "luaroute.ForwardAuthOptions", Link: "identity.md#forward-authentication", Text: "options of `route.forward_auth`",
	Fields: []vm.Doc{
		{Name: "pool", Type: "string", Text: "the pool that is asked"},
		{Name: "path", Type: "string", Text: "what it is asked for, such as `/verify`, with a query if there is one"},
		{Name: "copy_headers", Type: "table?", Text: "header fields of the answer that the request gets: `{ \"Remote-User\", [\"X-Id\"] = \"X-User-Id\" }` has `X-Id` of the answer become `X-User-Id`. What the client sends in any of them is removed, always"},
		{Name: "timeout", Type: "number|string?", Text: "for the whole answer. Default: 5 seconds"},
		{Name: "cache", Type: "luaroute.ForwardAuthCache?", Text: "has verdicts remembered. Default: each request is asked for"},
		{Name: "on_error", Type: `"closed"|"open"|nil`, Text: "when there is no answer, or one of 5xx: answers 503, or lets requests pass as from nobody. Default: `closed`"},
	},
}

var forwardAuthCache = vm.Class{
	Name: "luaroute.ForwardAuthCache", Link: "identity.md#verdicts-that-are-remembered", Text: "for how long `route.forward_auth` remembers verdicts",
	Fields: []vm.Doc{
		{Name: "ttl", Type: "number|string", Text: "how long a 2xx is remembered"},
		{Name: "negative", Type: "number|string?", Text: "how long a 401 or 403 is. Default: not at all, as for all other answers and those that set a cookie"},
		{Name: "key", Type: "string|string[]", Text: "[what tells apart](limits.md#keys) those who ask: `header:NAME`, `cookie:NAME`, `query:NAME`, `param:NAME` or `var:NAME`, one at least, and other keys"},
		{Name: "per", Type: `"url"|"host"|nil`, Text: "whether a verdict holds for one method and URL, or for all that is asked of the host. Default: `url`"},
	},
}

var forwardAuthClasses = []vm.Class{forwardAuthOptions, forwardAuthCache}

// makeForwardAuth is route.forward_auth(options).
func makeForwardAuth(l *Load, L *lua.LState) int {
	o := option.Of(L, "route.forward_auth", L.CheckTable(1), &forwardAuthOptions)
	c := forwardauth.Config{
		Pool: o.Text("pool"), Path: o.Text("path"), Copies: copies(o), Timeout: time.Duration(o.Duration("timeout")),
		Open: oneOf(o, "on_error", "closed", "open") == "open",
	}
	if c.Pool == "" {
		o.Fail("pool", "the name of a pool")
	}
	if in, ok := o.In("cache", &forwardAuthCache); ok {
		c.Caching = &forwardauth.Caching{
			TTL: time.Duration(in.Duration("ttl")), Negative: time.Duration(in.Duration("negative")), Key: in.Texts("key"),
			PerHost: oneOf(in, "per", "url", "host") == "host", Instance: l.Instance, Tenant: l.Tenant,
		}
		if l.Capabilities != nil {
			c.Caching.Most = max(l.Memory/16, 1)
		}
	}
	c.At = l.Here(L, "forward_auth", c.Pool)
	m, err := forwardauth.New(c)
	o.Check(err)
	l.mayRead(o, m.Variables())
	return push(L, m)
}

// oneOf returns an option that is one of some words, the first of which it is if it is missing.
func oneOf(o option.Table, name string, words ...string) string {
	if !o.Has(name) {
		return words[0]
	}
	word := o.Text(name)
	if !slices.Contains(words, word) {
		o.Fail(name, `"`+words[0]+`" or "`+words[1]+`"`)
	}
	return word
}

// copies returns what the option copy_headers says: names in a list, and pairs of names.
func copies(o option.Table) (all []forwardauth.Copy) {
	t := o.Sub("copy_headers")
	if t == nil {
		return nil
	}
	t.ForEach(func(k, v lua.LValue) {
		to, ok := v.(lua.LString)
		from, pair := k.(lua.LString)
		if !pair {
			from = to
		}
		if !ok {
			o.L.RaiseError("%s: copy_headers: %s is %s; expected names of header fields", o.What, option.Found(k), option.Found(v))
		}
		all = append(all, forwardauth.Copy{From: string(from), To: string(to)})
	})
	slices.SortStableFunc(all, func(a, b forwardauth.Copy) int { return cmp.Compare(a.To, b.To) })
	return all
}
