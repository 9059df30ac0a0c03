// Package log is the library `log` for scripts: a function for each level. Its bindings describe them.
//
// They write to Caddy's log, with the script and line that called. fields is a table of names and values, and may be
// left out. For one request a script logs at most 256 KiB, where a line counts for at least 256 bytes, and all scripts of
// a tenant at most 1 MiB in a second, after 4 MiB at once.
package log

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	luajson "github.com/luaroute/caddy-luaroute/luaroute/lib/json"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

func init() {
	caddy.RegisterModule(Library{})
}

// Library is `require("log")` of scripts: messages with fields for Caddy's log, each with its script and line. It has
// no configuration.
type Library struct{}

// CaddyModule returns the Caddy module information.
func (Library) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "luaroute.libs.log", New: func() caddy.Module { return new(Library) }}
}

// Open returns the library's table.
func (Library) Open(*lua.LState) lua.LValue { return bindings.Table() }

// Docs describes what is in it.
func (Library) Docs() []vm.Doc { return bindings.Docs() }

// arguments are those of all levels.
const arguments = "message: string, fields?: table<string, any>"

var bindings = vm.Bindings{
	{Fn: at(zapcore.DebugLevel), Doc: vm.Doc{
		Name: "debug", Args: arguments,
		Text: "writes to Caddy's log, with the script and line; `fields` is a table of names and values",
	}},
	{Fn: at(zapcore.InfoLevel), Doc: vm.Doc{
		Name: "info", Args: arguments,
		Text: "the same at the level that `print` writes at",
	}},
	{Fn: at(zapcore.WarnLevel), Doc: vm.Doc{Name: "warn", Args: arguments, Text: "the same as a warning"}},
	{Fn: at(zapcore.ErrorLevel), Doc: vm.Doc{Name: "error", Args: arguments, Text: "the same as an error; it raises none"}},
}

// at returns the function of a level.
func at(level zapcore.Level) lua.LGFunction {
	return func(L *lua.LState) int {
		message, values := L.CheckString(1), L.OptTable(2, nil)
		entry := vm.Of(L).Entry(level, message)
		if entry == nil {
			return 0
		}
		fields, size := []zap.Field{zap.String("script", vm.Where(L))}, len(message)
		if values != nil {
			values.ForEach(func(k, v lua.LValue) {
				if size > vm.MaxLogged {
					return // it will not be logged, so it need not be looked at
				}
				field, length := field(L, k.String(), v)
				fields, size = append(fields, field), size+length
			})
		}
		if vm.Of(L).MayLog(L, size) {
			entry.Write(fields...)
		}
		return 0
	}
}

// field returns a field of the log, and roughly its size in bytes.
func field(L *lua.LState, name string, v lua.LValue) (zap.Field, int) {
	const number = 8
	switch v := v.(type) {
	case lua.LBool:
		return zap.Bool(name, bool(v)), len(name) + number
	case lua.LNumber:
		return zap.Float64(name, float64(v)), len(name) + number
	case *lua.LTable:
		if text, err := luajson.Encode(L, v); err == nil {
			return zap.Reflect(name, json.RawMessage(text)), len(name) + len(text)
		}
	}
	return zap.String(name, v.String()), len(name) + len(v.String())
}

// Interface guards
var _ vm.Documented = Library{}
