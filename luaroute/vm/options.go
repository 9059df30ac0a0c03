package vm

import (
	"context"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
)

// Options is what a builder and the states copied from it have in common.
type Options struct {
	// Logger gets what scripts print. Default: nothing is logged.
	Logger *zap.Logger
	// Log bounds what scripts log, and is that of their tenant. Default: one of its own, which tells the Logger.
	Log *Log
	// Libraries are found by require under their names.
	Libraries map[string]Library
	// Allowed returns an error for a library that the scripts may not use, when they require it. Default: they may use all.
	Allowed func(name string) error
	// Modules finds the Lua modules that require loads. Default: there are none.
	Modules ModuleSource
	// Globals are set before the first script runs. Go functions in them must be stateless, as all Go functions: they
	// find their state with Of.
	Globals map[string]lua.LValue
	// Services are what libraries need of the room above, one of each type; see Service.
	Services []any
	// Load limits the run of the scripts. Default: DefaultLoadLimits.
	Load Limits
	// Life ends what runs, of the load and of the states. Default: nothing does.
	Life *Life
	// Aside is called when the load begins to wait, and what it returns when it goes on. Default: nobody has to know.
	Aside func() (back func())
	// Step is called before each instruction of Lua, with the thread that runs it: for coverage and traces. Scripts take several times as
	// long with it; without, they take no longer for it. Default: nothing is called.
	Step Step
	// Context ends the load early. Default: nothing does.
	Context context.Context
}

// Service returns what the room above has for the libraries that a state uses: what its options have of a type, such as the store that
// belongs to the tenant of its scripts.
func Service[T any](s *State) (service T, ok bool) {
	for _, some := range s.options.Services {
		if service, ok = some.(T); ok {
			return service, true
		}
	}
	return service, false
}

// Library is a library for scripts. Caddy modules in the namespace luaroute.libs implement it.
type Library interface {
	// Open returns what require returns: as a rule a new table of Go functions. They are shared by all states and
	// must keep nothing between calls; Of gives them the state that calls. A table becomes read-only: scripts read it, but
	// cannot write it.
	Open(L *lua.LState) lua.LValue
}

// LibraryFunc is a function that is a Library.
type LibraryFunc func(L *lua.LState) lua.LValue

// Open calls f.
func (f LibraryFunc) Open(L *lua.LState) lua.LValue { return f(L) }

// ModuleSource finds Lua modules.
type ModuleSource interface {
	// Module returns the module that the script named from calls name. No program and no error says that there is
	// none.
	Module(from, name string) (*script.Program, error)
}

// Limits is what one request, or one load, may use of a state.
type Limits struct {
	// CPU is the time that Lua may run.
	CPU time.Duration
	// Wall is the time that library calls may wait.
	Wall time.Duration
	// Memory is what one state may hold, in bytes: its variables, from request to request, and what the running one has
	// made of them. It is exact for strings and approximate for the rest.
	Memory int64
}

// The limits where none are given.
var (
	DefaultLimits     = Limits{CPU: 100 * time.Millisecond, Wall: 30 * time.Second, Memory: 64 << 20}
	DefaultLoadLimits = Limits{CPU: 5 * time.Second, Wall: 5 * time.Second, Memory: 512 << 20}
)

// or returns the limits with those that are missing taken from another.
func (l Limits) or(other Limits) Limits {
	if l.CPU <= 0 {
		l.CPU = other.CPU
	}
	if l.Wall <= 0 {
		l.Wall = other.Wall
	}
	if l.Memory <= 0 {
		l.Memory = other.Memory
	}
	return l
}

// maxArrayIndex is the largest index that gopher-lua keeps in the array of a table; larger ones are keys as any other. An
// assignment to it takes 16 bytes for every index below, so with gopher-lua's own 67 million one statement
// could take a gigabyte.
const maxArrayIndex = 1 << 20

func init() { lua.MaxArrayIndex = maxArrayIndex }
