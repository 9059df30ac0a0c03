package legacy

import "github.com/luaroute/caddy-luaroute/luaroute/vm"

// Docs describes the globals of the old contract that scripts find.
func Docs() []vm.Doc {
	return []vm.Doc{{
		Name: "log", Args: "message: any",
		Text: "a line in Caddy's log, for [scripts of the old programs](migration.md); there is a [library](#log) of that name, too",
	}}
}

// Defined describes the globals of the old contract that scripts define.
func Defined() []vm.Doc {
	return []vm.Doc{{
		Name: FunctionName, Args: "request: luaroute.LegacyRequest, backends: luaroute.LegacyBackend[]", Returns: "luaroute.LegacyDecision?",
		Text: "the function of [scripts of the old programs](migration.md#the-function)",
	}}
}

// Classes describes the types that these name.
func Classes() []vm.Class {
	const link = "migration.md#the-function"
	return []vm.Class{
		{Name: "luaroute.LegacyRequest", Link: link, Text: "a request of the old contract", Fields: []vm.Doc{
			{Name: "method", Type: "string", Text: "the method"},
			{Name: "path", Type: "string", Text: "the path, decoded and without the query. It has the prefix of the tenant, whatever `strip_prefix` says"},
			{Name: "host", Type: "string", Text: "the host without its port, as the client wrote it"},
			{
				Name: "headers", Type: "table<string, string?>",
				Text: "a plain table by canonical names such as `X-Forwarded-For`. Lookups ignore case. Several values of a header are one string, " +
					"joined with `, `, or with `; ` for `Cookie`",
			},
			{
				Name: "body", Type: "string",
				Text: "the whole body; the backend still gets it. A body larger than the limit `body` (1 MiB) is answered with 413. No virtual " +
					"machine is held while it arrives",
			},
		}},
		{Name: "luaroute.LegacyBackend", Link: link, Text: "a pool of the old contract", Fields: []vm.Doc{
			{Name: "name", Type: "string", Text: "the name of the pool"},
			{
				Name: "url", Type: "string",
				Text: "the URL of its first upstream, with its [base path](#base-paths); empty if its upstreams are dynamic",
			},
			{
				Name: "health", Type: "boolean",
				Text: "whether any of its upstreams is healthy by active and passive health checks. Without checks, and with dynamic " +
					"upstreams, it is true",
			},
		}},
		{Name: "luaroute.LegacyDecision", Link: link, Text: "what the function of the old contract returns", Fields: []vm.Doc{
			{
				Name: "selected_backend", Type: "string?",
				Text: "the name of a pool. If it is unknown or unhealthy, the first healthy backend is used; without one the answer is 502",
			},
			{
				Name: "modified_headers", Type: "table<string, string>?",
				Text: "a table of names and strings, which replace headers of the request. `Host` changes the host that the backend sees",
			},
			{
				Name: "modified_path", Type: "string?",
				Text: "the decoded path for the backend, instead of the client's without the prefix. The query stays",
			},
			{Name: "reject", Type: "boolean?", Text: "if it is true, the answer is 403"},
			{Name: "reject_reason", Type: "string?", Text: "the body of that answer. Default: `Forbidden`"},
		}},
	}
}
