package declare

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/expansion"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/jsonshape"
	"github.com/luaroute/caddy-luaroute/chiproxy/rawquery"
	"github.com/luaroute/caddy-luaroute/chiproxy/static"
	"github.com/luaroute/caddy-luaroute/chiproxy/template"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	luajson "github.com/luaroute/caddy-luaroute/luaroute/lib/json"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/policy"
	"github.com/luaroute/caddy-luaroute/luaroute/request"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// actionType is the metatable of actions.
var actionType = func() *lua.LTable {
	t := new(lua.LState).CreateTable(0, 1)
	t.RawSetString("__metatable", lua.LString("action"))
	return t
}()

func newAction(a chiproxy.Action) *lua.LUserData {
	return &lua.LUserData{Value: hook.Action{Action: a}, Metatable: actionType}
}

// pushAction pushes an action, or raises the error of its check.
func pushAction(L *lua.LState, a chiproxy.Action) int {
	if c, ok := a.(interface{ Check() error }); ok {
		check(L, c.Check())
	}
	L.Push(newAction(a))
	return 1
}

// expander is an action whose strings may be templates.
type expander[A any] interface {
	chiproxy.Action
	chiproxy.Templated
	Expand() (A, error)
}

// pushExpanded is pushAction for an action whose strings are templates if it is made while scripts load. One that a request makes may have what
// its client sent.
func pushExpanded[A expander[A]](L *lua.LState, a A) int {
	if l := loadOf(L); l != nil {
		expanded, err := a.Expand()
		check(L, err)
		l.templated(L, expanded)
		a = expanded
	}
	return pushAction(L, a)
}

// templated checks that the scripts may use the placeholders in the strings of an action or middleware.
func (l *load) templated(L *lua.LState, t chiproxy.Templated) {
	names := t.Placeholders()
	if l.options.Capabilities == nil || len(names) == 0 {
		return
	}
	check(L, expansion.Supported())
	for _, name := range names {
		check(L, l.options.Capabilities.Placeholder(name))
	}
	l.result.Expands = true
}

// proxy is route.proxy(pool, options).
func proxy(L *lua.LState) int {
	p := chiproxy.Proxy{Pool: L.CheckString(1)}
	if t := L.OptTable(2, nil); t != nil {
		o := option.Of(L, "route.proxy", t, &proxyOptions)
		p.StripPrefix, p.Path, p.Method, p.Upstream = o.Text("strip_prefix"), o.Text("path"), o.Text("method"), o.Text("upstream")
		if p.Upstream == "" && t.RawGetString("upstream") != lua.LNil {
			o.Fail("upstream", "the address of an upstream of the pool")
		}
		p.Timeout = time.Duration(o.Duration("timeout"))
		if o.Has("mirror") {
			p.Mirror = loading(L, "route.proxy with the option mirror").policies.Mirror(L, o)
		}
		p.Query = queryOf(o, "query")
		p.Headers = policy.HeaderOps(o, "headers", hook.HeaderOf, field.Check)
		p.ResponseHeaders = policy.HeaderOps(o, "response_headers", responseHeaderOf(L), field.CheckResponse)
		p.ResponseJSON = jsonFieldsOf(o)
		if v := t.RawGetString("on_error"); v != lua.LNil {
			p.OnError = errorPolicy(L, v)
		}
	}
	return pushExpanded(L, p)
}

// jsonFieldsOf returns what the option response_json changes, nil for nothing.
func jsonFieldsOf(o option.Table) *jsonshape.Options {
	in, ok := o.In("response_json", &jsonFields)
	if !ok {
		return nil
	}
	shape := &jsonshape.Options{
		Target: in.Text("target"), Allow: in.Texts("allow"), Deny: in.Texts("deny"), Rename: in.StringMap("rename"), Group: in.Text("group"),
	}
	_, err := jsonshape.New(*shape)
	in.Check(err)
	return shape
}

// responseHeaderOf returns what reads a header of a response. A Location that is a template is encoded where it is expanded.
func responseHeaderOf(L *lua.LState) func(lua.LValue, hook.HeaderCheck) (http.Header, error) {
	if loadOf(L) != nil {
		return hook.HeaderOf
	}
	return hook.ResponseHeaderOf
}

// queryOf returns a query: an encoded string, or a table of names and values.
func queryOf(o option.Table, name string) *string {
	switch v := o.Value(name).(type) {
	case *lua.LNilType:
		return nil
	case lua.LString:
		s := string(v)
		return &s
	case *lua.LTable:
		q := url.Values{}
		v.ForEach(func(k, v lua.LValue) {
			if _, ok := k.(lua.LString); !ok {
				o.L.RaiseError("%s: query: the key %s is not a name", o.What, k.String())
			}
			values := []lua.LValue{v}
			if list, ok := v.(*lua.LTable); ok {
				values = values[:0]
				list.ForEach(func(_, v lua.LValue) { values = append(values, v) })
			}
			for _, v := range values {
				switch v.(type) {
				case lua.LString, lua.LNumber, lua.LBool:
					q.Add(k.String(), v.String())
				default:
					o.L.RaiseError("%s: query %q: a %s cannot be a value", o.What, k.String(), v.Type())
				}
			}
		})
		s := q.Encode()
		if loadOf(o.L) != nil {
			text, err := template.EncodeQuery(q)
			o.Check(err)
			s = text
		}
		return &s
	}
	o.Fail(name, "a string, or a table of names and values")
	return nil
}

// respond is route.respond(status, body, headers).
func respond(L *lua.LState) int {
	r, err := hook.Response(L, L.CheckAny(1), L.Get(2), L.Get(3))
	check(L, err)
	return pushExpanded(L, r)
}

// redirect is route.redirect(location, status).
func redirect(L *lua.LState) int {
	return pushExpanded(L, static.Redirect{Location: L.CheckString(1), Status: request.OptStatus(L, 2, http.StatusFound)})
}

// raise is route.error(status, message).
func raise(L *lua.LState) int {
	L.CheckNumber(1)
	return pushAction(L, chiproxy.Error{Status: request.OptStatus(L, 1, 0), Message: script.Clip(L.OptString(2, ""))})
}

// handlerAction is route.handler(name), of the configuration, and route.handler(module, config). Only the first works while a
// request runs: Caddy loads no modules then.
func (l *load) handlerAction(L *lua.LState) int {
	dropRouter(L)
	vm.SpendArguments(L)
	name := L.CheckString(1)
	origin := here(L, "handler", name)
	if L.Get(2) == lua.LNil {
		if h, _ := l.options.Modules.Handler(name); h != nil {
			return pushAction(L, chiproxy.Module{Name: name, Handler: h, Origin: origin})
		}
	}
	loading(L, "route.handler of a module is called")
	m := l.module(L, "http.handlers.", name, L.Get(2))
	h, ok := m.value.(caddyhttp.MiddlewareHandler)
	if !ok {
		L.RaiseError("%q is not an HTTP handler", name)
	}
	if l.options.Capabilities != nil {
		h = hook.CountLogged(h, l.options.Log, origin)
	}
	return pushAction(L, chiproxy.Module{Name: name, Handler: h, Config: m.config, Meter: m.meter, Expressions: m.expressions, Origin: origin})
}

// matcher is route.matcher(module, config).
func matcher(L *lua.LState) int {
	name := L.CheckString(1)
	origin := here(L, "matcher", name)
	l := loading(L, "route.matcher is called")
	config := L.Get(2)
	if text, ok := config.(lua.LString); ok {
		config = lua.LString(longPlaceholders(string(text)))
	}
	m := l.module(L, "http.matchers.", name, config)
	matches := requestMatcher(m.value)
	if matches == nil {
		L.RaiseError("%q is not a request matcher", name)
	}
	if query, is := matches.(caddyhttp.MatchQuery); is {
		matches = queryMatcher{query}
	}
	guard := &chiproxy.Matcher{Name: name, Matcher: matches, Config: m.config, Meter: m.meter, Expressions: m.expressions, Origin: origin}
	L.Push(&lua.LUserData{Value: guardValue{guard}, Metatable: actionType})
	return 1
}

// queryMatcher is Caddy's matcher of queries, which parses the whole query each time. Many routes with one would make much garbage of a long
// query, so it is asked only where the names are there. Of a query that Caddy can parse both read the same names.
type queryMatcher struct{ caddyhttp.MatchQuery }

// MatchWithError asks the matcher unless a name is missing.
func (q queryMatcher) MatchWithError(r *http.Request) (bool, error) {
	for want := range q.MatchQuery {
		missing := !strings.Contains(want, "{") // else it is a placeholder
		if missing {
			rawquery.Each(r.URL.RawQuery, func(name, _ string) bool {
				missing = name != want
				return missing
			})
		}
		if missing {
			return false, nil
		}
	}
	return q.MatchQuery.MatchWithError(r)
}

// plainMatcher adapts a matcher of Caddy's older interface, which has no errors. Some plugins have no other.
type plainMatcher struct {
	matcher interface{ Match(*http.Request) bool }
}

// MatchWithError asks the matcher.
func (p plainMatcher) MatchWithError(r *http.Request) (bool, error) { return p.matcher.Match(r), nil }

// requestMatcher returns the matcher that a module is, nil if it is none.
func requestMatcher(mod any) caddyhttp.RequestMatcherWithError {
	switch m := mod.(type) {
	case caddyhttp.RequestMatcherWithError:
		return m
	case interface{ Match(*http.Request) bool }:
		return plainMatcher{m}
	}
	return nil
}

// longPlaceholders writes out placeholders such as {method}. They are shorthands of the Caddyfile; this becomes JSON, where an expression
// would not know them and never match.
func longPlaceholders(text string) string {
	segment := caddyfile.Segment{{Text: text}}
	httpcaddyfile.NewShorthandReplacer().ApplyToSegment(&segment)
	return segment[0].Text
}

// moduleSteps is the cost of loading a module: one that compiles an expression takes milliseconds.
const moduleSteps = 5000

// others lists alternatives to a module that failed to load: the existing modules if it is unknown, and the handlers of the configuration.
func (l *load) others(namespace, name string) (text string) {
	if _, err := caddy.GetModule(namespace + name); err != nil {
		var modules []string
		for _, m := range caddy.GetModules(strings.TrimSuffix(namespace, ".")) {
			modules = append(modules, m.ID.Name())
		}
		text = "; modules are " + strings.Join(modules, ", ")
	}
	if _, names := l.options.Modules.Handler(""); namespace == "http.handlers." && len(names) > 0 {
		text += "; handlers of the configuration are " + strings.Join(names, ", ")
	}
	return text
}

// module is a Caddy module that was loaded.
type module struct {
	value       any
	config      uint64         // the fingerprint of its configuration
	meter       chiproxy.Meter // of its time; nil for one of a trusted tenant, and for one that may wait for others
	expressions chiproxy.Expressions
}

// module loads a Caddy module from a Lua value.
func (l *load) module(L *lua.LState, namespace, name string, config lua.LValue) (m module) {
	var raw json.RawMessage
	if config != lua.LNil {
		text, err := luajson.Encode(L, config)
		if err != nil {
			L.RaiseError("%s: the configuration: %s", name, err)
		}
		raw = text
	}
	vm.Spend(L, moduleSteps)
	admitted, err := l.admit(namespace+name, raw)
	if err != nil {
		L.RaiseError("%s: %s", name, err)
	}
	vm.Of(L).StepAside()
	raw = admitted.Config
	if m.value, err = l.options.Modules.Load(namespace+name, raw); err != nil {
		L.RaiseError("%s: %s%s", name, err, l.others(namespace, name))
	}
	m.config = chiproxy.FingerprintOf(string(raw))
	if l.options.Capabilities != nil && admitted.Computes {
		m.meter = l.result.VMs.Meter()
		m.expressions = chiproxy.Expressions{
			Steps: admitted.Steps, Text: admitted.Text, Placeholders: admitted.Placeholders, Growth: admitted.Growth,
			Interruptible: admitted.Interruptible,
		}
	}
	return m
}
