package official

// Why a part is left out, or different.
const (
	noTestLibrary = "it needs the library T of a Lua that was built for tests"
	noFiles       = "a script has no files"
	noDebug       = "of debug there is what reaches nothing"
	noEnvironment = "there is no getfenv, and setfenv takes loaded texts only"
	noModule      = "there is no module, and package is read-only"
	noProxy       = "there is no newproxy"
	noCollector   = "there is no collectgarbage, no gcinfo, no __gc and no weak table"
	noLocale      = "there is the locale C only"
	commented     = "gopher-lua comments it out"
)

// leftOut are the files that are not run, and why.
var leftOut = map[string]string{
	"all.lua":        "it runs the others",
	"api.lua":        noTestLibrary,
	"checktable.lua": noTestLibrary,
	"code.lua":       noTestLibrary,
	"main.lua":       "it tests the program lua",
	"verybig.lua":    noFiles,
}

// files are those that are run.
var files = []file{
	{name: "attrib.lua", passes: 6049, edits: []edit{
		{19, 142, `local DIR`, out, noFiles},
		{144, 174, `local function import`, out, noModule},
		{214, 230, `-- testing preload`, out, noModule},
		{331, 337, `-- do`, in, commented},
	}},
	{name: "big.lua", passes: 306, edits: []edit{
		{1, 1, `print`, by(`local go = coroutine.wrap(function()`), "all.lua runs it in a coroutine"},
		{3, 12, `local longs`, out, "strings have at most 16 MiB"},
		{16, 16, `require "checktable"`, by(`function stat() end`), noTestLibrary},
		{382, 382, `return 'a'`, by(`return 'a' end) assert(go() == 'b') assert(go() == 'a')`), "all.lua runs it in a coroutine"},
	}},
	{name: "calls.lua", passes: 69, fails: map[int]string{
		241: "the source of a loaded text is what messages call it",
		250: "the whole text is read before it is compiled",
	}, edits: []edit{
		{248, 253, `-- i = 0`, in, commented},
	}},
	{name: "closure.lua", passes: 105, edits: []edit{
		{2, 2, `--[[`, out, commented},
		{26, 30, `setmetatable(x`, out, noCollector},
		{39, 39, `assert(getmetatable(x)`, out, noCollector},
		{164, 178, `-- tests for global environment`, out, noEnvironment},
		{317, 317, `--[[`, out, commented},
		{334, 334, `assert(C[1] == nil)`, out, noCollector},
		{412, 422, `-- coroutine environments`, out, noEnvironment},
	}},
	{name: "constructs.lua", passes: 112_050},
	{name: "db.lua", passes: 36, fails: map[int]string{
		73: "getinfo hands out no function",
	}, edits: []edit{
		{11, 21, `function test`, out, noDebug},
		{27, 34, `local b = debug.getinfo`, out, noDebug},
		{98, 382, `test([[if`, out, noDebug},
		{394, 495, `-- testing debugging`, out, noDebug},
	}},
	{name: "errors.lua", passes: 71, fails: map[int]string{
		39:  "there are empty statements",
		40:  "there are empty statements",
		41:  "there are empty statements",
		214: "a chain of .. may be longer, and ends with another message",
		238: "a function may use more variables of others than 60",
	}, edits: []edit{
		{107, 107, `checkmessage([[collectgarbage`, out, noCollector},
		{111, 111, `checkmessage("getmetatable(io.stdin)`, out, noFiles},
		{156, 167, `local _, stackmsg = xpcall`, out, "the handler of xpcall runs when the stack is unwound"},
	}},
	{name: "events.lua", passes: 164, edits: []edit{
		{294, 294, `assert(_G == getfenv(0))`, out, noEnvironment},
		{332, 357, `debug.setmetatable(10, mt)`, out, noDebug},
	}},
	{name: "files.lua", passes: 8, edits: []edit{
		{1, 265, `local file`, out, noFiles},
		{268, 278, `-- T = os.date`, in, commented},
		{303, 313, `io.output(io.stdout)`, out, noFiles},
	}},
	{name: "gc.lua", passes: 5005, edits: []edit{
		{88, 265, `local bytes = gcinfo()`, out, noCollector},
		{287, 312, `-- create a userdata`, out, noProxy},
	}},
	{name: "literals.lua", passes: 294, edits: []edit{
		{26, 30, `var = string.rep('a', 15000)`, out, "a name in a script has at most 1,000 bytes"},
		{161, 173, `if os.setlocale`, out, noLocale},
	}},
	{name: "locals.lua", passes: 1270, edits: []edit{
		{55, 83, `do`, out, noEnvironment},
	}},
	{name: "math.lua", passes: 108, edits: []edit{
		{126, 126, `f = io.tmpfile()`, by(memoryFile), noFiles},
		{187, 187, `until flag`, by(`until flag or i>1e6`), "nobody can seed random, and 10,000 numbers may not be enough by chance"},
		{164, 164, `require "checktable"`, by(`function stat() end`), noTestLibrary},
	}},
	{name: "nextvar.lua", passes: 59_482, edits: []edit{
		{234, 246, `local function foo`, out, noEnvironment},
		{371, 371, `a = 0; for i=`, out, "the numbers of a for are numbers"},
	}},
	{name: "pm.lua", passes: 149, edits: []edit{
		{107, 107, `-- assert`, in, commented},
		{110, 110, `-- assert`, in, commented},
		{263, 279, `-- assert`, in, commented},
	}},
	{name: "sort.lua", passes: 150_030},
	{name: "strings.lua", passes: 142, edits: []edit{
		{102, 105, `-- assert`, in, commented},
		{124, 124, `-- assert`, in, commented},
		{144, 165, `local locales`, out, noLocale},
	}},
	{name: "vararg.lua", passes: 83, edits: []edit{
		{36, 36, `--[[`, out, commented}, // its end is a comment of its own
	}},
}

// memoryFile is a file as math.lua uses it.
const memoryFile = `f = { text = {}, seek = print, close = type, read = function (f) return table.concat(f.text) end, ` +
	`write = function (f, ...) table.insert(f.text, table.concat({...})) end }`
