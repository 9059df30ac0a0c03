package request

import (
	"slices"

	"github.com/luaroute/caddy-luaroute/luaroute/lib/crypto"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Classes describes req, res and what they are made of.
func Classes() []vm.Class {
	const reqLink, resLink = "lua.md#req", "lua.md#res"
	req, res := reqClass, resClass
	req.Methods = slices.Concat(reqReading, reqChanging).Docs()
	res.Methods = slices.Concat(resWriting, resReading, resChanging).Docs()
	all := []vm.Class{
		req,
		{Name: "luaroute.Params", Text: "the parameters of the pattern, decoded", Keys: "[string]: string"},
		{
			Name: "luaroute.Headers", Text: "header fields: names in any case give the first value; what is assigned replaces all of them",
			Keys: "[string]: any", // what is read is a string or nil, and what is assigned a luaroute.HeaderValue
		},
		{Name: "luaroute.Query", Text: "the first value of each query parameter", Keys: "[string]: string?"},
		{Name: "luaroute.Cookies", Text: "the value of each cookie", Keys: "[string]: string?"},
		{Name: "luaroute.HeaderValue", Text: "a value, or a list of several", Alias: "string|number|boolean|(string|number|boolean)[]"},
		tlsClass, clientClass, res, cookieClass, jsonInfoClass,
	}
	for i := range all {
		all[i].Link = reqLink
		if i >= len(all)-3 {
			all[i].Link = resLink
		}
	}
	return all
}

var reqClass = vm.Class{Name: "luaroute.Request", Text: "a request, as its guards, middleware and handler share it", Fields: []vm.Doc{
	{Name: "method", Type: "string", Text: "the method"},
	{Name: "scheme", Type: `"http"|"https"`, Text: "`http` or `https`"},
	{Name: "host", Type: "string", Text: "the host that the client asked for, without port"},
	{Name: "port", Type: "number", Text: "the port that the client asked for, a number"},
	{Name: "path", Type: "string", Text: "the path, decoded"},
	{Name: "raw_path", Type: "string", Text: "the path, as the client encoded it"},
	{Name: "uri", Type: "string", Text: "path and query, encoded"},
	{Name: "raw_query", Type: "string", Text: "the query, encoded"},
	{Name: "proto", Type: "string", Text: "such as `HTTP/2.0`"},
	{Name: "remote_addr", Type: "string", Text: "address and port of the peer"},
	{Name: "client_ip", Type: "string", Text: "the client's address, also behind proxies that Caddy trusts"},
	{Name: "id", Type: "string", Text: "the UUID that Caddy gives the request"},
	{Name: "tenant", Type: "luaroute.TenantName", Text: "the name of the tenant, `\"\"` for the default tenant"},
	{Name: "route", Type: "string", Text: "the name of the route, or `\"\"`"},
	{Name: "pattern", Type: "string", Text: "the pattern of the route, or `\"\"`"},
	{Name: "tls", Type: "luaroute.TLS?", Text: "nil, or a table"},
	{Name: "params", Type: "luaroute.Params", Text: "the parameters of the pattern, decoded; `params[\"*\"]` is what a `*` matched"},
	{
		Name: "headers", Type: "luaroute.Headers",
		Text: "names in any case give the first value; assigning a string, a list or nil sets or removes",
	},
	{Name: "query", Type: "luaroute.Query", Text: "the first value of a query parameter"},
	{Name: "cookies", Type: "luaroute.Cookies", Text: "the value of a cookie"},
	{Name: "ctx", Type: "table", Text: "a table of your own that lives as long as the tenant's part in the request"},
}}

var resClass = vm.Class{Name: "luaroute.Response", Text: "the response", Fields: []vm.Doc{
	{
		Name: "status", Type: "number",
		Text: "the status of what is written next, 200 to 999; default 200. 204 and 304 take no body",
	},
	{
		Name: "headers", Type: "luaroute.Headers",
		Text: "headers of the response: names in any case give the first value that will be sent so far; assigning a string, a list for several " +
			"values or nil for none replaces those of the action when the header leaves. They can be walked with `pairs`",
	},
}}

var tlsClass = vm.Class{Name: "luaroute.TLS", Text: "the TLS connection of a request", Fields: []vm.Doc{
	{Name: "version", Type: "string", Text: "such as `TLS 1.3`"},
	{Name: "sni", Type: "string", Text: "the name that the client asked for"},
	{Name: "alpn", Type: "string", Text: "the protocol that was agreed on, such as `h2`"},
	{Name: "client", Type: "luaroute.ClientCertificate?", Text: "the certificate that the client sent, or nil: a table of the following"},
}}

var clientClass = vm.Class{
	Name: "luaroute.ClientCertificate", Text: "the certificate of a client, as `crypto.certificate` has it", Fields: crypto.CertificateFields,
}

var cookieClass = vm.Class{Name: "luaroute.Cookie", Text: "a cookie of a response", Fields: []vm.Doc{
	{Name: "name", Type: "string", Text: "a string"},
	{Name: "value", Type: "string?", Text: "a string"},
	{Name: "path", Type: "string?", Text: "a string"},
	{Name: "domain", Type: "string?", Text: "a string"},
	{Name: "same_site", Type: `"lax"|"strict"|"none"|nil`, Text: "`lax`, `strict` or `none`"},
	{Name: "max_age", Type: "number?", Text: "whole seconds; 0 or less removes the cookie"},
	{Name: "expires", Type: "number?", Text: "whole seconds since 1970"},
	{Name: "secure", Type: "boolean?", Text: "`true` for HTTPS only"},
	{Name: "http_only", Type: "boolean?", Text: "`true` hides it from JavaScript"},
}}

var jsonInfoClass = vm.Class{Name: "luaroute.JSONInfo", Text: "what a function of `res:on_json` gets besides the value", Fields: []vm.Doc{
	{Name: "status", Type: "number", Text: "the status of the response"},
	{Name: "type", Type: "string", Text: "its Content-Type"},
	{Name: "bytes", Type: "number", Text: "the length of the body"},
}}
