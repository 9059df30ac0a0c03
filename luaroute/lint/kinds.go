package lint

// Level says how bad a finding is.
type Level string

// The levels, the worst first.
const (
	Error Level = "error"
	Warn  Level = "warning"
	Note  Level = "note"
)

// Kind is a kind of findings. Its name stays as it is: comments, and what reads reports, name it.
type Kind struct {
	Name  string
	Level Level
	// Text says what is found, in a few words.
	Text string
}

// Kinds are all kinds, in the order in which the documents list them.
var Kinds = []Kind{
	{"load", Error, "The configuration or a script does not load"},
	{"left-out", Error, "The scripts of a tenant fail, and `isolate_failures` would leave it out"},
	{"unknown-field", Warn, "A field, function or method that a library, a router, `req`, `res` or another known object does not have"},
	{"unknown-global", Warn, "A global that nothing defines"},
	{"absent", Warn, "A function of Lua 5.1 that scripts do not have, such as `io.open`"},
	{"call-style", Warn, "A method that is called with a dot, or a function of a library with a colon"},
	{"argument-count", Warn, "Too few or too many arguments"},
	{"wrong-type", Warn, "An argument or an option of the wrong type"},
	{"unknown-value", Warn, "A string that is not one of those allowed, such as `\"sha257\"`"},
	{"unknown-option", Warn, "A key that a table of options does not have"},
	{"missing-option", Warn, "A table of options without one that is required"},
	{"unchecked-result", Warn, "The result of a call that may be `nil, error`, used without a look at it"},
	{"unused-result", Warn, "A policy, an action or a router that is made, and given to nobody"},
	{"unknown-pool", Warn, "The name of a pool that there is not"},
	{"unknown-param", Warn, "A parameter that the patterns of the function's routes do not have"},
	{"unknown-name", Warn, "The name of a tenant, handler, matcher, metric, environment variable or library that there is not"},
	{"foreign-pattern", Warn, "A parameter as other routers write it: `/a/:id`"},
	{"global", Warn, "A global is assigned while the script loads"},
	{"request-global", Warn, "A global is assigned while a request runs, which is an error"},
	{"shared-state", Warn, "A variable or table outside a function that requests call is changed by it"},
	{"unused-pool", Warn, "A pool that nothing names"},
	{"empty-script", Warn, "A script without code"},
	{"unused-ignore", Warn, "A comment `-- luaroute: ignore` that has nothing to ignore"},
	{"hidden-pool", Note, "A pool hides an outer one of its name"},
	{"shadowed-library", Note, "A module is found instead of the library of its name"},
	{"allow", Note, "What the scripts of an isolated tenant would have to be allowed"},
}

// KindOf returns the kind of a name.
func KindOf(name string) (Kind, bool) {
	for _, kind := range Kinds {
		if kind.Name == name {
			return kind, true
		}
	}
	return Kind{}, false
}
