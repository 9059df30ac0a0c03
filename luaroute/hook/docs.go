package hook

import (
	"slices"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Classes describes what functions return and what they get besides req and res.
func Classes() []vm.Class {
	return slices.Concat([]vm.Class{responseClass, infoClass, failureClass}, upstreamClasses)
}

var responseClass = vm.Class{
	Name: "luaroute.ResponseTable", Link: "lua.md#handlers", Text: "a response as a table; at least one of its fields is required",
	Fields: []vm.Doc{
		{Name: "status", Type: "number?", Text: "200 to 999. Default: 200"},
		{Name: "body", Type: "luaroute.Body?", Text: "a string, a number, or a table, which becomes JSON"},
		{Name: "headers", Type: "luaroute.HeaderTable?", Text: "names and values; a list gives several values"},
	},
}

var infoClass = vm.Class{Name: "luaroute.DoneInfo", Link: "lua.md#res", Text: "what a function of `res:on_done` gets", Fields: []vm.Doc{
	{Name: "status", Type: "number", Text: "the status"},
	{Name: "bytes", Type: "number", Text: "the length of the body"},
	{Name: "duration", Type: "number", Text: "seconds"},
	{Name: "upstream", Type: "string?", Text: "the address that was forwarded to last, or nil"},
	{Name: "error", Type: "string?", Text: "what it ended with, or nil"},
}}

var failureClass = vm.Class{Name: "luaroute.Error", Link: "lua.md#errors", Text: "the error that a handler of `on_error` answers", Fields: []vm.Doc{
	{Name: "status", Type: "number", Text: "the status to answer"},
	{
		Name: "kind", Type: `"upstream"|"script"|"budget"|"raised"|"limit"|"body"|"other"`,
		Text: "`upstream`, `script` (an error in Lua), `budget` (the end of a limit), `raised` (by `route.error`), `limit` (too many requests), `body` (413, or one that did " +
			"not arrive) or `other`",
	},
	{
		Name: "reason", Type: `"refused"|"timeout"|"dns"|"tls"|"reset"|"none"|nil`,
		Text: "of an upstream: `refused` `timeout` `dns` `tls` `reset` `none` (available); else nil",
	},
	{Name: "message", Type: "string", Text: "that of `route.error`, else the name of the status"},
	{Name: "id", Type: "string", Text: "the `err_id` of the log"},
	{Name: "upstream", Type: "string?", Text: "the address that was asked last, where the kind is `upstream`"},
	{Name: "route", Type: "string?", Text: "the name of the route, or else its pattern"},
}}
