package request

import (
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/rawquery"
	"github.com/luaroute/caddy-luaroute/luaroute/caddyvars"
	"github.com/luaroute/caddy-luaroute/luaroute/metric"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// reqReading are the methods of req that change nothing.
var reqReading = vm.Bindings{
	{Fn: reader("req", paramsGet), Doc: vm.Doc{
		Name: "param", Args: "name: string", Returns: "string?",
		Text: "the same as `req.params[name]`, a little faster",
	}},
	{Fn: reader("req", headersGet), Doc: vm.Doc{
		Name: "header", Args: "name: string", Returns: "string?",
		Text: "the same as `req.headers[name]`",
	}},
	{Fn: reader("req", queryGet), Doc: vm.Doc{
		Name: "query_value", Args: "name: string", Returns: "string?",
		Text: "the same as `req.query[name]`",
	}},
	{Fn: reader("req", cookiesGet), Doc: vm.Doc{
		Name: "cookie", Args: "name: string", Returns: "string?",
		Text: "the same as `req.cookies[name]`",
	}},
	{
		Fn:  lister("req", func(r *Request, _ *lua.LState, name string) []string { return headerValues(r.http(), name) }),
		Doc: vm.Doc{Name: "header_values", Args: "name: string", Returns: "string[]", Text: "a list of all values of a header"},
	},
	{
		Fn:  lister("req", func(r *Request, L *lua.LState, name string) []string { return r.values(L)[name] }),
		Doc: vm.Doc{Name: "query_values", Args: "name: string", Returns: "string[]", Text: "a list of all values of a query parameter"},
	},
	{Fn: reqBody, Doc: vm.Doc{
		Name: "body", Args: "limit?: number", Returns: "string", Effect: true,
		Text: "the body, which is still forwarded afterwards. More than `limit` bytes, or than the limit of the configuration, is 413 for the " +
			"request. What follows a CONNECT, such as a WebSocket over HTTP/2, is no body. A function that reads the body first of all needs no " +
			"virtual machine for [slow clients](configuration.md#slow-clients)",
	}},
	{Fn: reqJSON, Doc: vm.Doc{
		Name: "json", Args: "options?: json.Options", Returns: "any value, string? err",
		Text: "the body as a value, or `nil, error`; options as those of [`json.decode`](#json)",
	}},
	{Fn: reqForm, Doc: vm.Doc{
		Name: "form", Returns: "table<string, string|string[]>? fields, string? err",
		Text: "the fields of an urlencoded or multipart body, without files, or `nil, error`; several values are a list",
	}},
	{Fn: reqVar, Doc: vm.Doc{
		Name: "var", Args: "name: string, value?: string|number|boolean", Returns: "any", Effect: true,
		Text: "a variable of Caddy's; `req:var(name, value)` sets it to a string, number or boolean. Those that Caddy itself lives by, such as " +
			"`client_ip`, `log_skip` and `root`, can only be read",
	}},
	{Fn: reqExpand, Doc: vm.Doc{
		Name: "expand", Args: "text: string", Returns: "string",
		Text: "the text with Caddy's placeholders replaced; text and result are at most 1 MiB. `{file.*}` and `{env.*}` are empty: use " +
			"`route.read` and `route.env`. One that an isolated tenant [may not](tenants.md) read is an error. `{http.request.body}` is read as " +
			"`req:body()` is",
	}},
	{Fn: reqCount, Doc: vm.Doc{
		Name: "count", Args: "metric: luaroute.MetricName, n?: number, labels?: luaroute.MetricLabels", Effect: true,
		Text: "adds a number to a [metric](observe.md#metrics-of-scripts) that `route.metric` declares. Default: 1. Requests that are only explained, and " +
			"tests, count nothing",
	}},
}

// reqChanging are the others, which a guard must not use.
var reqChanging = vm.Bindings{
	{Fn: reqLogField, Doc: vm.Doc{
		Name: "log_field", Args: "name: string, value: any",
		Text: "adds a field to Caddy's access log, within [what a script may log](#log)",
	}},
	{Fn: reqSetHeader, Doc: vm.Doc{
		Name: "set_header", Args: "name: string, value: luaroute.HeaderValue?",
		Text: "a string, a list, or nil to remove it",
	}},
	{Fn: reqAddHeader, Doc: vm.Doc{Name: "add_header", Args: "name: string, value: luaroute.HeaderValue", Text: "adds a string, or a list"}},
	{Fn: reqRemoveHeader, Doc: vm.Doc{Name: "remove_header", Args: "name: string", Text: "removes all values of a header"}},
	{Fn: reqSetPath, Doc: vm.Doc{Name: "set_path", Args: "path: string", Text: "another path, decoded"}},
	{Fn: reqSetURI, Doc: vm.Doc{Name: "set_uri", Args: "uri: string", Text: "another path and query, encoded"}},
	{Fn: reqSetQuery, Doc: vm.Doc{
		Name: "set_query", Args: "name: string, value: luaroute.HeaderValue?",
		Text: "a string, a list, or nil to remove the parameter",
	}},
	{Fn: reqSetRawQuery, Doc: vm.Doc{
		Name: "set_raw_query", Args: "query: string",
		Text: "another query, encoded; a broken escape is an error",
	}},
	{Fn: reqSetMethod, Doc: vm.Doc{Name: "set_method", Args: "method: string", Text: "another method"}},
	{Fn: reqSetBody, Doc: vm.Doc{Name: "set_body", Args: "text: string", Text: "another body"}},
	{Fn: reqSetJSON, Doc: vm.Doc{
		Name: "set_json", Args: "value: any",
		Text: "a body of JSON, with its Content-Type; what the header said of the encoding and digest of the body before is removed",
	}},
	{Fn: reqSetCookie, Doc: vm.Doc{
		Name: "set_cookie", Args: "name: string, value: string|number|boolean",
		Text: "changes one cookie; the others stay as the client has written them",
	}},
	{Fn: reqRemoveCookie, Doc: vm.Doc{Name: "remove_cookie", Args: "name: string", Text: "removes one cookie"}},
}

// methodsOf returns the methods of an object.
func methodsOf(object string, reads, changes vm.Bindings) map[string]*lua.LFunction {
	return slices.Concat(reads, changing(object, changes)).Methods()
}

// changing makes methods that a guard must not use.
func changing(object string, methods vm.Bindings) vm.Bindings {
	methods = slices.Clone(methods)
	for i, m := range methods {
		methods[i].Fn = func(L *lua.LState) int {
			of(L, object).changing(L, object, ":", m.Doc.Name)
			return m.Fn(L)
		}
	}
	return methods
}

// reader is a method that returns one value by name.
func reader(object string, get func(*Request, *lua.LState, string) lua.LValue) lua.LGFunction {
	return func(L *lua.LState) int {
		L.Push(get(of(L, object), L, L.CheckString(2)))
		return 1
	}
}

// lister is a method that returns all values by name.
func lister(object string, get func(*Request, *lua.LState, string) []string) lua.LGFunction {
	return func(L *lua.LState) int {
		values := get(of(L, object), L, L.CheckString(2))
		vm.Spend(L, len(values)/8)
		L.Push(list(L, values))
		return 1
	}
}

// reqVar is req:var(name) and req:var(name, value).
func reqVar(L *lua.LState) int {
	r, name := of(L, "req"), L.CheckString(2)
	ctx := r.http().Context()
	if L.GetTop() < 3 {
		L.Push(fromGo(L, caddyhttp.GetVar(ctx, name)))
		return 1
	}
	r.changing(L, "req", ":", "var with a value")
	if err := caddyvars.Check(name); err != nil {
		L.RaiseError("%s", err)
	}
	switch L.Get(3).(type) {
	case *lua.LNilType, lua.LString, lua.LNumber, lua.LBool:
	default:
		L.RaiseError("var %q: a %s cannot be a value; allowed are strings, numbers and booleans, and nil to remove it", script.Clip(name), L.Get(3).Type())
	}
	v, err := toGo(L, L.Get(3))
	if err != nil {
		L.RaiseError("var %q: %s", script.Clip(name), err)
	}
	r.ex.SetVar(name, v)
	return 0
}

// reqLogField is req:log_field(key, value).
func reqLogField(L *lua.LState) int {
	r, name := of(L, "req"), L.CheckString(2)
	v, err := toGo(L, L.Get(3))
	if err != nil {
		L.RaiseError("log field %q: %s", script.Clip(name), err)
	}
	extra, ok := r.http().Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields)
	if ok && vm.Of(L).MayLogField(L, len(name)+sizeOf(v)) {
		extra.Set(zap.Any(name, v))
	}
	return 0
}

// reqCount is req:count(metric, n, labels).
func reqCount(L *lua.LState) int {
	m, err := of(L, "req").runs.Custom(L.CheckString(2))
	raise(L, err)
	metric.Count(L, m, 3)
	return 0
}

// reqSetHeader is req:set_header(name, value or list). nil removes it.
func reqSetHeader(L *lua.LState) int {
	r, name := of(L, "req"), L.CheckString(2)
	headersSet(r, L, name, L.Get(3))
	return 0
}

// reqAddHeader is req:add_header(name, value or list).
func reqAddHeader(L *lua.LState) int {
	r, name := of(L, "req"), L.CheckString(2)
	values := checkedValues(L, name, L.CheckAny(3))
	if name = textproto.CanonicalMIMEHeaderKey(name); name == hostHeader || name == "Content-Length" {
		L.RaiseError("the header %s has one value; set it", name)
	}
	vm.Spend(L, len(r.http().Header[name])/8) // they are copied
	r.seeConnection(L)
	raise(L, r.ex.AddHeader(name, values))
	return 0
}

// reqRemoveHeader is req:remove_header(name).
func reqRemoveHeader(L *lua.LState) int {
	r, name := of(L, "req"), L.CheckString(2)
	setHeader(r, L, name, checkedValues(L, name, lua.LNil))
	return 0
}

// reqSetPath is req:set_path(decoded).
func reqSetPath(L *lua.LState) int {
	r, path := of(L, "req"), L.CheckString(2)
	raise(L, field.CheckURI(len(path), 0))
	if !strings.HasPrefix(path, "/") || strings.ContainsRune(path, 0) {
		L.RaiseError("path %s: expected one that begins with / and has no NUL", field.Quote(path))
	}
	r.setURL(L, len(path), func(u *url.URL) { u.Path, u.RawPath = path, "" })
	return 0
}

// reqSetURI is req:set_uri(raw): a path and perhaps a query, both encoded.
func reqSetURI(L *lua.LState) int {
	r, uri := of(L, "req"), L.CheckString(2)
	raise(L, field.CheckURI(len(uri), 0))
	path, query, _ := strings.Cut(uri, "?")
	decoded, err := url.PathUnescape(path)
	if err != nil || !strings.HasPrefix(uri, "/") || rawquery.Check(uri) != nil {
		L.RaiseError("URI %s: expected an encoded path that begins with /, and perhaps a query", field.Quote(uri))
	}
	r.setURL(L, len(uri), func(u *url.URL) { u.Path, u.RawPath, u.RawQuery, u.ForceQuery = decoded, path, query, false })
	return 0
}

// reqSetQuery is req:set_query(name, value or list). nil removes it.
func reqSetQuery(L *lua.LState) int {
	r, name := of(L, "req"), L.CheckString(2)
	values, err := scalars(L, L.Get(3))
	if err != nil {
		L.RaiseError("query %s: %s", field.Quote(name), err)
	}
	vm.Spend(L, len(r.http().URL.RawQuery)/4) // all of it is written anew
	size := len(values) * len(name)
	for _, v := range values {
		size += len(v)
	}
	r.setURL(L, size, func(u *url.URL) { u.RawQuery = rawquery.With(u.RawQuery, name, values) })
	return 0
}

// reqSetRawQuery is req:set_raw_query(encoded).
func reqSetRawQuery(L *lua.LState) int {
	r, query := of(L, "req"), L.CheckString(2)
	raise(L, field.CheckURI(len(query), 0))
	if err := rawquery.Check(query); err != nil {
		L.RaiseError("query %s: %s", field.Quote(query), err)
	}
	r.setURL(L, len(query), func(u *url.URL) { u.RawQuery, u.ForceQuery = query, false })
	return 0
}

// setURL changes the URL of the request to one with so many bytes of the script's, and what depends on it.
func (r *Request) setURL(L *lua.LState, size int, change func(*url.URL)) {
	raise(L, field.CheckURI(size, 0))
	hr := r.http()
	was := *hr.URL
	change(hr.URL)
	vm.Spend(L, (len(hr.URL.Path)+len(hr.URL.RawQuery))/8)
	uri := hr.URL.RequestURI()
	if err := field.CheckURI(len(uri), len(hr.RequestURI)); err != nil {
		*hr.URL = was
		raise(L, err)
	}
	hr.RequestURI = uri
}

// reqSetMethod is req:set_method(method).
func reqSetMethod(L *lua.LState) int {
	r, method := of(L, "req"), L.CheckString(2)
	if err := field.CheckMethod(method); err != nil {
		L.RaiseError("%s", err)
	}
	r.http().Method = method
	return 0
}
