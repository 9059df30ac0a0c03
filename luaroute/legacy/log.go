package legacy

import (
	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Globals are what scripts of the old contract find without require: log(msg), which writes a line to Caddy's log.
func Globals() map[string]lua.LValue { return map[string]lua.LValue{"log": logFunction} }

var logFunction = vm.GoFunc(func(L *lua.LState) int {
	message := L.ToStringMeta(L.CheckAny(1)).String()
	if s := vm.Of(L); s.MayLog(L, len(message)) {
		s.Logger().Info(message, zap.String("script", vm.Where(L)))
	}
	return 0
})
