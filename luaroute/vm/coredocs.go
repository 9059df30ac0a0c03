package vm

// CoreDocs describes the globals that every builder has, and the libraries among them. What is as in Lua 5.1 has no text.
func CoreDocs() (globals []Doc, libraries []Class) { return coreDocs, coreLibraryDocs }

var coreDocs = []Doc{
	{Name: "_G", Type: "table", Text: "the globals. Assigning one while a request runs is an error"},
	{Name: "_VERSION", Type: "string"},
	{Name: "error", Args: "message: any, level?: number"},
	{
		Name: "load", Args: `chunk: string|(fun(): string?), name?: string, mode?: string, env?: table`, Returns: "function? chunk, string? err",
		Text: "takes a string of at most 64 KiB, or a function that returns its pieces; `load(chunk, name, mode, env)` is that of Lua 5.2",
	},
	{Name: "loadstring", Args: "s: string, name?: string", Returns: "function? chunk, string? err", Text: "takes at most 64 KiB"},
	{Name: "pcall", Args: "fn: any, ...: any", Returns: "boolean ok, ...: any", Effect: true, Text: "does not catch the end of a budget"},
	{
		Name: "require", Args: "name: string", Returns: "any", Effect: true,
		Text: "loads a module while scripts load; at request time it returns modules that were loaded, and opens libraries",
	},
	{
		Name: "setfenv", Args: "fn: function|number, env: table", Returns: "any", Effect: true,
		Text: "takes a function that `load` or `loadstring` returned, or 1 in the main part of a script; nothing else",
	},
	{Name: "xpcall", Args: "fn: any, handler: any, ...: any", Returns: "boolean ok, ...: any", Effect: true},
}

var coreLibraryDocs = []Class{
	{Name: "coroutine", Fields: []Doc{
		{Name: "create", Args: "fn: function", Returns: "thread"},
		{Name: "resume", Args: "co: thread, ...: any", Returns: "boolean ok, ...: any", Effect: true},
		{Name: "running", Returns: "thread?"},
		{Name: "status", Args: "co: thread", Returns: `"running"|"suspended"|"normal"|"dead"`},
		{Name: "wrap", Args: "fn: function", Returns: "fun(...: any): (...: any)", Text: "an error keeps its place and gets no second one"},
		{Name: "yield", Args: "...: any", Returns: "...: any", Effect: true},
	}},
	{Name: "debug", Fields: []Doc{
		{
			Name: "getinfo", Args: "of: number|function, what?: string", Returns: "table?",
			Text: "of a level or a function: its place and name, not the function",
		},
		{Name: "getmetatable", Args: "object: any", Returns: "any", Text: "for tables"},
		{Name: "traceback", Args: "message?: any, level?: number", Returns: "string"},
	}},
	{Name: "package", Fields: []Doc{
		{Name: "config", Type: "string"},
		{Name: "cpath", Type: "string", Text: "empty"},
		{Name: "loaded", Type: "table", Text: "read-only"},
		{Name: "path", Type: "string", Text: "not where modules are found"},
		{Name: "preload", Type: "table", Text: "empty and read-only"},
	}},
}
