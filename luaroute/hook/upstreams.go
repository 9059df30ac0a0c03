package hook

import (
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/balance"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// upstreams is up, as the value of a userdata: what a function may choose of.
type upstreams struct {
	of *asking
	balance.List
}

// upstream is an element of up.
type upstream struct {
	of *asking
	at int
	u  *reverseproxy.Upstream
}

// place returns where it is now, -1 if it is not there any more.
func (u *upstream) place() int {
	all := u.of.pool.Offer.Upstreams
	if u.at < len(all) && all[u.at] == u.u {
		return u.at
	}
	return u.of.pool.Offer.Find(u.u.Dial)
}

// upstreamMethods are those of up. Each looks at those that are available and were not tried yet.
var upstreamMethods = vm.Bindings{
	{Fn: upHash, Doc: vm.Doc{
		Name: "hash", Args: "text?: string|number", Returns: "luaroute.Upstream?",
		Text: "the same one for the same string, on all servers (rendezvous hashing, by weight); nil for nil",
	}},
	{Fn: chooser(balance.List.Random), Doc: vm.Doc{Name: "random", Returns: "luaroute.Upstream?", Text: "any"}},
	{Fn: chooser(balance.List.Weighted), Doc: vm.Doc{Name: "weighted", Returns: "luaroute.Upstream?", Text: "any, as often as its weight says"}},
	{Fn: upLeast, Doc: vm.Doc{
		Name: "least", Args: "field: string", Returns: "luaroute.Upstream?",
		Text: "the one with the smallest number in a field, such as `requests` or one of its own; chance decides among several",
	}},
	{Fn: upBest, Doc: vm.Doc{
		Name: "best", Returns: "luaroute.Upstream?",
		Text: "the better of two that chance draws, by latency × (requests + 1) / weight, as [least latency](balance.md#least-latency)",
	}},
	{Fn: upWhere, Doc: vm.Doc{
		Name: "where", Args: "field: string, value?: string|number|boolean", Returns: "luaroute.Upstreams",
		Text: "those that have the value in a field, or no value for nil, as another `up`",
	}},
	{Fn: upSticky, Doc: vm.Doc{
		Name: "sticky", Args: "cookie: string, options?: luaroute.UpstreamCookie", Returns: "luaroute.Upstream?",
		Text: "the one that the client's cookie leads to, also if its weight is 0; or nil, and the client gets a cookie for the one that is selected",
	}},
	{Fn: chooser(nil), Doc: vm.Doc{Name: "policy", Returns: "luaroute.Upstream?", Text: "the one that the `lb_policy` of the pool selects"}},
}

var upstreamCookie = vm.Class{
	Name: "luaroute.UpstreamCookie", Link: "balance.md#functions-that-choose", Text: "options of `up:sticky`", Fields: []vm.Doc{
		{Name: "ttl", Type: "luaroute.Duration?", Text: "how long the cookie lasts, at least a second. Default: until the browser is closed"},
		{Name: "secret", Type: "string?", Text: "16 bytes or more, of which values are made that no client can make up, the same on all servers with this secret. Default: the value is a hash of the address"},
	},
}

var upstreamClasses = []vm.Class{
	{
		Name: "luaroute.Upstreams", Link: "balance.md#functions-that-choose", Keys: "[number]: luaroute.Upstream", Methods: upstreamMethods.Docs(),
		Text: "the upstreams of a pool, `#up` of them; its methods choose one that is available and was not tried yet, and return nil if there is none",
	},
	upstreamCookie,
	{
		Name: "luaroute.Upstream", Link: "balance.md#functions-that-choose", Keys: "[string]: any",
		Text: "an upstream, with the fields that it was declared with, which can only be read",
		Fields: []vm.Doc{
			{Name: "address", Type: "string", Text: "its address"},
			{Name: "available", Type: "boolean", Text: "whether it takes requests: it is healthy, and below `max_requests`"},
			{Name: "healthy", Type: "boolean", Text: "whether no health check or circuit breaker counts it as down"},
			{Name: "requests", Type: "number", Text: "the requests that it works on now, from anywhere in this process"},
			{Name: "max_requests", Type: "number", Text: "how many it may work on, 0 for any number"},
			{Name: "fails", Type: "number", Text: "the recent failures that passive health checks remember"},
			{Name: "weight", Type: "number", Text: "that it was declared with. Default: 1"},
			{Name: "latency", Type: "number?", Text: "seconds, as [least latency](balance.md#least-latency) has it; nil before it was measured, which begins when it is first asked for"},
			{Name: "tried", Type: "boolean", Text: "whether the request was sent to it before"},
			{Name: "index", Type: "number", Text: "its place in the pool"},
		},
	},
	{
		Name: "luaroute.Try", Link: "balance.md#retries", Text: "a try that has ended", Fields: []vm.Doc{
			{Name: "status", Type: "number?", Text: "that of the response; nil if there is none"},
			{Name: "headers", Type: "table<string, string>?", Text: "the header of the response, by name in any case; the first value of each"},
			{Name: "error", Type: `"reset"|"timeout"|"tls"|"protocol"|nil`, Text: "what went wrong after the connection was made, where there is no response"},
			{Name: "upstream", Type: "string", Text: "the address that was asked"},
			{Name: "number", Type: "number", Text: "which try it was, from 1"},
			{Name: "left", Type: "number?", Text: "how many may follow; nil if only `try_duration` bounds them"},
			{Name: "elapsed", Type: "number", Text: "seconds since the first try began"},
		},
	},
}

// The metatables of up and its elements, and of the headers of a try.
var upstreamsType, upstreamType, tryHeadersType *lua.LTable

// methods of up, as Lua functions.
var upstreamFunctions map[string]*lua.LFunction

func init() {
	upstreamFunctions = upstreamMethods.Methods()
	upstreamsType = readOnlyType("up", map[string]lua.LGFunction{
		"__index": func(L *lua.LState) int {
			l := checkUpstreams(L)
			switch k := L.Get(2).(type) {
			case lua.LNumber:
				if i := int(k); lua.LNumber(i) == k && i >= 1 && i <= l.Len() {
					L.Push(l.of.element(l.Place(i - 1)))
					return 1
				}
				L.Push(lua.LNil)
				return 1
			case lua.LString:
				if fn, ok := upstreamFunctions[string(k)]; ok {
					L.Push(fn)
					return 1
				}
			}
			L.RaiseError("up has no %q; it has numbers from 1 to #up, and the methods %s", script.Clip(L.Get(2).String()), upstreamMethodNames())
			return 0
		},
		"__len": func(L *lua.LState) int {
			L.Push(lua.LNumber(checkUpstreams(L).Len()))
			return 1
		},
		"__pairs": func(L *lua.LState) int {
			l := checkUpstreams(L)
			vm.Spend(L, 4*l.Len())
			t := L.CreateTable(l.Len(), 0)
			for i := range l.Len() {
				t.Append(l.of.element(l.Place(i)))
			}
			L.Push(nextFunction)
			L.Push(t)
			L.Push(lua.LNil)
			return 3
		},
	})
	upstreamType = readOnlyType("upstream", map[string]lua.LGFunction{
		"__index": func(L *lua.LState) int {
			u, name := checkUpstream(L), L.CheckString(2)
			if v := u.field(name); v != nil {
				L.Push(v)
			} else {
				L.Push(lua.LNil)
			}
			return 1
		},
		"__tostring": func(L *lua.LState) int {
			L.Push(lua.LString(checkUpstream(L).u.Dial))
			return 1
		},
	})
	tryHeadersType = new(lua.LState).CreateTable(0, 1)
	tryHeadersType.RawSetString("__index", vm.GoFunc(func(L *lua.LState) int {
		L.Push(L.CheckTable(1).RawGetString(textproto.CanonicalMIMEHeaderKey(L.CheckString(2))))
		return 1
	}))
}

// nextFunction walks a table.
var nextFunction = vm.GoFunc(func(L *lua.LState) int {
	key, value := L.CheckTable(1).Next(L.Get(2))
	L.Push(key)
	L.Push(value)
	return 2
})

// readOnlyType returns a metatable of something that cannot be assigned to.
func readOnlyType(name string, functions map[string]lua.LGFunction) *lua.LTable {
	t := new(lua.LState).CreateTable(0, len(functions)+2)
	t.RawSetString("__metatable", lua.LString(name))
	for event, fn := range functions {
		t.RawSetString(event, vm.GoFunc(fn))
	}
	t.RawSetString("__newindex", vm.GoFunc(func(L *lua.LState) int {
		L.RaiseError("%s is read-only", name)
		return 0
	}))
	return t
}

func upstreamMethodNames() string {
	var names []string
	for _, b := range upstreamMethods {
		names = append(names, b.Doc.Name)
	}
	return strings.Join(names, ", ")
}

func isBuiltin(name string) bool { return slices.Contains(balance.FieldNames(), name) }

// checkUpstreams returns up, the first argument.
func checkUpstreams(L *lua.LState) *upstreams {
	if data, ok := L.Get(1).(*lua.LUserData); ok {
		if l, ok := data.Value.(*upstreams); ok {
			if l.of.pool.Ended() {
				L.RaiseError("up is used after its request was forwarded; do not keep it")
			}
			return l
		}
	}
	L.RaiseError("up:method(…) is called without up; write a colon, not a dot")
	return nil
}

func checkUpstream(L *lua.LState) *upstream {
	if data, ok := L.Get(1).(*lua.LUserData); ok {
		if u, ok := data.Value.(*upstream); ok {
			if u.of.pool.Ended() || u.place() < 0 {
				L.RaiseError("an upstream is used after its request was forwarded; do not keep it")
			}
			return u
		}
	}
	L.RaiseError("expected an upstream")
	return nil
}

// Field returns methods without a call.
func (l *upstreams) Field(_ *lua.LUserData, name string) lua.LValue {
	if fn, ok := upstreamFunctions[name]; ok && !l.of.pool.Ended() {
		return fn
	}
	return nil
}

// Field returns fields without a call.
func (u *upstream) Field(_ *lua.LUserData, name string) lua.LValue {
	if u.of.pool.Ended() || u.place() < 0 {
		return nil
	}
	return u.field(name)
}

// field returns a field, nil if there is none.
func (u *upstream) field(name string) lua.LValue {
	if name == "latency" {
		u.of.pool.Measure()
	}
	switch v := u.of.pool.Offer.Field(u.place(), name).(type) {
	case string:
		return lua.LString(v)
	case float64:
		return lua.LNumber(v)
	case bool:
		return lua.LBool(v)
	}
	return nil
}

// element returns an element of up.
func (q *asking) element(at int) lua.LValue {
	if at < 0 {
		return lua.LNil
	}
	u, data := &q.first, &q.firstData
	if data.Value != nil {
		if u.at == at && u.u == q.pool.Offer.Upstreams[at] {
			return data
		}
		u, data = new(upstream), new(lua.LUserData)
	}
	*u = upstream{q, at, q.pool.Offer.Upstreams[at]}
	data.Value, data.Metatable = u, upstreamType
	return data
}

// spendOn counts the work of looking at all of a list.
func spendOn(L *lua.LState, l *upstreams) { vm.Spend(L, l.Len()/4) }

// chooser is a method that chooses; nil is the policy of the pool.
func chooser(choose func(balance.List) int) lua.LGFunction {
	return func(L *lua.LState) int {
		l := checkUpstreams(L)
		spendOn(L, l)
		if choose == nil {
			L.Push(l.of.element(l.of.pool.Policy(l.List)))
		} else {
			L.Push(l.of.element(choose(l.List)))
		}
		return 1
	}
}

// upHash is up:hash(text).
func upHash(L *lua.LState) int {
	l := checkUpstreams(L)
	if L.Get(2) == lua.LNil {
		L.Push(lua.LNil)
		return 1
	}
	text := L.CheckString(2)
	spendOn(L, l)
	vm.Spend(L, len(text)/16)
	L.Push(l.of.element(l.Hash(text)))
	return 1
}

// upLeast is up:least(field).
func upLeast(L *lua.LState) int {
	l, field := checkUpstreams(L), L.CheckString(2)
	spendOn(L, l)
	if field == "latency" {
		l.of.pool.Measure()
	}
	L.Push(l.of.element(l.Least(field)))
	return 1
}

// upBest is up:best().
func upBest(L *lua.LState) int {
	l := checkUpstreams(L)
	spendOn(L, l)
	l.of.pool.Measure()
	L.Push(l.of.element(l.Best()))
	return 1
}

// upWhere is up:where(field, value).
func upWhere(L *lua.LState) int {
	l, field := checkUpstreams(L), L.CheckString(2)
	var value any
	switch v := L.Get(3).(type) {
	case *lua.LNilType: // those that have none
	case lua.LString:
		value = string(v)
	case lua.LNumber:
		value = float64(v)
	case lua.LBool:
		value = bool(v)
	default:
		L.ArgError(3, "expected a string, a number, a boolean or nil; found "+option.Found(v))
	}
	spendOn(L, l)
	vm.Charge(L, 8*l.Len())
	L.Push(&lua.LUserData{Value: &upstreams{l.of, l.Where(field, value)}, Metatable: upstreamsType})
	return 1
}

// upSticky is up:sticky(cookie, options).
func upSticky(L *lua.LState) int {
	l := checkUpstreams(L)
	s := &balance.Sticky{Cookie: L.CheckString(2)}
	if err := chiproxy.CheckCookieName(s.Cookie); err != nil {
		L.ArgError(2, err.Error())
	}
	if t := L.OptTable(3, nil); t != nil {
		o := option.Of(L, "up:sticky", t, &upstreamCookie)
		s.TTL, s.Secret = time.Duration(o.Duration("ttl")), o.Text("secret")
		if s.TTL > 0 && s.TTL < time.Second {
			o.Fail("ttl", "a second or more")
		}
		if o.Has("secret") && len(s.Secret) < balance.MinSecret {
			L.RaiseError("up:sticky: the secret has %d bytes; expected %d or more", len(s.Secret), balance.MinSecret)
		}
	}
	spendOn(L, l)
	at := l.of.pool.Sticky(s)
	if at >= 0 && !l.Has(at) {
		at = -1
	}
	L.Push(l.of.element(at))
	return 1
}

// Interface guards
var (
	_ vm.Fields = (*upstreams)(nil)
	_ vm.Fields = (*upstream)(nil)
)
