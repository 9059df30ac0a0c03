package http

import (
	"strings"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const answer = "http.Response? res, string? err"

// verbDoc describes http.get and the like.
func verbDoc(verb string) vm.Doc {
	text := "the same with " + strings.ToUpper(verb)
	if verb == "get" {
		text = "the answer to a GET, of any status, or `nil, error`"
	}
	return vm.Doc{Name: verb, Args: "url: string, options?: http.Options", Returns: answer, Fails: true, Text: text}
}

var requestDoc = vm.Doc{
	Name: "request", Args: "request: http.Request", Returns: answer, Fails: true,
	Text: "the same with `method` and `url` among the options",
}

var allDoc = vm.Doc{
	Name: "all", Args: "requests: http.Requests", Returns: "http.Result[] results, number? first",
	Text: "up to 16 such requests at once: a list with `res` or `err` for each. With `first = true` it is back with the first 2xx, whose place is the second result",
}

var optionsClass = vm.Class{Name: "http.Options", Text: "how a server is asked", Fields: []vm.Doc{
	{Name: "query", Type: "table<string, any>?", Text: "parameters that are added to those of the URL; a list gives several values"},
	{Name: "headers", Type: "table<string, luaroute.HeaderValue>?", Text: "header fields; `Host` may be one, those of the connection may not"},
	{Name: "body", Type: "string?", Text: "the body"},
	{Name: "json", Type: "any?", Text: "a value whose JSON is the body"},
	{Name: "form", Type: "table<string, any>?", Text: "parameters that are the body, as a form"},
	{Name: "timeout", Type: "number?", Text: "seconds for the whole exchange, the lookup of the name and the body included. Default: 5"},
	{Name: "max_body", Type: "number|string?", Text: "the largest body of an answer, in bytes or as `\"1MiB\"`, after decompression; at most an eighth of the limit `memory`. Default: 1 MiB"},
	{Name: "redirects", Type: "number?", Text: "how many redirects are followed, at most 10. Default: 0, and a redirect is the answer"},
	{Name: "sensitive", Type: "string|string[]?", Text: "names of headers that a redirect to another host loses, as it does `Authorization` and `Cookie`"},
	{Name: "retries", Type: "number?", Text: "how often a request without an answer is sent again within `timeout`, at most 3, if its method is GET, HEAD, PUT, DELETE or OPTIONS. Default: 0"},
	{Name: "cache", Type: "http.Cache?", Text: "keeps answers in the tenant's [kv](state.md), under a key of what is asked and who asks; only one request at a time asks. Default: none are kept"},
	{Name: "pool", Type: "luaroute.PoolName?", Text: "a pool that is asked instead of an address: the URL is a path then"},
}}

// requestClass is Options with what the functions of a method have in their arguments.
var requestClass = vm.Class{Name: "http.Request", Text: "a request", Fields: append([]vm.Doc{
	{Name: "method", Type: "string?", Text: "the method. Default: GET"},
	{Name: "url", Type: "string", Text: "an address of http or https, or of a socket such as `unix//run/app.sock:/path`"},
}, optionsClass.Fields...)}

var clientClass = vm.Class{Name: "http.ClientOptions", Of: "http.Options", Text: "options of all requests of a client", Fields: append([]vm.Doc{
	{Name: "tls", Type: "http.TLS?", Text: "how servers are met over https; only while scripts load"},
}, optionsClass.Fields...)}

var tlsClass = vm.Class{Name: "http.TLS", Text: "how servers are met over https: strings in the form of PEM, such as `route.read` returns", Fields: []vm.Doc{
	{Name: "ca", Type: "string?", Text: "the authorities that are trusted. Default: those of the system"},
	{Name: "cert", Type: "string?", Text: "the certificate of the client"},
	{Name: "key", Type: "string?", Text: "its key"},
	{Name: "server_name", Type: "string?", Text: "the name that the certificate of the server must have. Default: the host"},
}}

var responseClass = vm.Class{Name: "http.ResponseFields", Text: "what an answer is made of", Fields: []vm.Doc{
	{Name: "status", Type: "number?", Text: "Default: 200"},
	{Name: "headers", Type: "table<string, luaroute.HeaderValue>?", Text: "header fields"},
	{Name: "body", Type: "string?", Text: "the body"},
	{Name: "json", Type: "any?", Text: "a value whose JSON is the body"},
	{Name: "url", Type: "string?", Text: "what was asked"},
}}

func classes() []vm.Class {
	client := vm.Class{Name: "http.Client", Text: "what asks servers with options of its own"}
	for _, verb := range verbs {
		client.Methods = append(client.Methods, verbDoc(verb))
	}
	client.Methods = append(client.Methods, requestDoc, allDoc)
	of := clientClass
	of.Fields = of.Fields[:1]
	request := requestClass
	request.Of, request.Fields = "http.Options", request.Fields[:2]
	return []vm.Class{
		optionsClass, request, of, tlsClass, cacheClass, client, responseClass,
		{Name: "http.Requests", Text: "requests that are sent at once", Alias: "{[integer]: http.Request, first: boolean?}"},
		{Name: "http.Result", Text: "what became of one of several requests", Fields: []vm.Doc{
			{Name: "res", Type: "http.Response?", Text: "the answer"},
			{Name: "err", Type: "string?", Text: "why there is none"},
		}},
		{Name: "http.Response", Text: "an answer", Fields: responseFields, Methods: []vm.Doc{
			{Name: "values", Args: "name: string", Returns: "string[]", Text: "all values of a header field"},
			{Name: "json", Args: "options?: json.Options", Returns: "any value, string? err", Text: "the value of a JSON body, or `nil, error`, as `json.decode` returns it"},
		}},
		{Name: "http.Headers", Text: "header fields of an answer: names in any case give the first value", Keys: "[string]: string?"},
	}
}

var responseFields = []vm.Doc{
	{Name: "status", Type: "number", Text: "the status"},
	{Name: "headers", Type: "http.Headers", Text: "names in any case give the first value"},
	{Name: "body", Type: "string", Text: "the body"},
	{Name: "url", Type: "string", Text: "the URL that was asked last"},
	{Name: "elapsed", Type: "number", Text: "how many seconds it took"},
}
