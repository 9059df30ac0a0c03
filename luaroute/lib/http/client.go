package http

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/call"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// client is what http.client returns: settings that its requests begin with.
type client struct {
	owner    *owner
	settings settings
}

// Immutable says that all states share an object.
func (*client) Immutable() {}

// newClient is http.client(options).
func (o *owner) newClient(L *lua.LState) int {
	const what = "http.client"
	c := &client{owner: o, settings: *o.defaults(L)}
	table := L.CheckTable(1)
	t := option.Of(L, what, table, &clientClass)
	if in, ok := t.In("tls", &tlsClass); ok {
		c.settings.client = o.withTLS(L, what, &call.TLSOptions{
			CA: in.Text("ca"), Cert: in.Text("cert"), Key: in.Text("key"), ServerName: in.Text("server_name"),
		})
	}
	c.settings.read(L, what, table, &clientClass)
	L.Push(&lua.LUserData{Value: c, Metatable: clientType})
	return 1
}

// tlsSteps is the cost of reading certificates and a key.
const tlsSteps = 20_000

// withTLS returns a client of the tenant's rules with its own way to meet servers. It lives as long as the scripts.
func (o *owner) withTLS(L *lua.LState, what string, tls *call.TLSOptions) *call.Client {
	if !vm.Of(L).Loading() {
		L.RaiseError("%s: with tls it can be called only while scripts load; keep what it returns in a local", what)
	}
	if o.tenant == nil {
		vm.Throw(L, errNobody)
	}
	vm.Spend(L, tlsSteps)
	rules := o.rules
	rules.TLS = tls
	c, err := call.New(rules)
	if err != nil {
		L.RaiseError("%s: %s", what, err)
	}
	o.tenant.OnEnd(c.Close)
	return c
}

var clientType *lua.LTable

func init() {
	methods := map[string]*lua.LFunction{
		"request": vm.GoFunc(func(L *lua.LState) int {
			c := check[*client](L)
			return c.owner.one(L, c.owner.request(L, "client:request", 2, c.start()))
		}),
		"all": vm.GoFunc(func(L *lua.LState) int {
			c := check[*client](L)
			return c.owner.all(L, "client:all", 2, c.start())
		}),
	}
	for _, verb := range verbs {
		methods[verb] = vm.GoFunc(func(L *lua.LState) int {
			c := check[*client](L)
			s := c.start()
			s.Method, s.URL = strings.ToUpper(verb), L.CheckString(2)
			s.read(L, "client:"+verb, L.OptTable(3, nil), &optionsClass)
			return c.owner.one(L, s)
		})
	}
	clientType = metatable("http.Client", func(L *lua.LState) int {
		check[*client](L)
		fn, ok := methods[L.CheckString(2)]
		if !ok {
			L.RaiseError("a client has no method %q; it has all, %s, request", script.Clip(L.CheckString(2)), strings.Join(verbs, ", "))
		}
		L.Push(fn)
		return 1
	})
}

// start returns a copy of the settings for a request.
func (c *client) start() *settings {
	s := c.settings
	return &s
}

// Interface guards
var _ vm.Immutable = (*client)(nil)
