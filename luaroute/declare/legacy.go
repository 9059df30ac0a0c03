package declare

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/luaroute/legacy"
)

// rest returns the action of the function of the old contract, nil if the scripts have none.
func (l *load) rest() (chiproxy.Action, error) {
	v := l.builder.Global(legacy.FunctionName)
	if v == lua.LNil {
		return nil, nil
	}
	fn, ok := v.(*lua.LFunction)
	if !ok || fn.IsG {
		return nil, fmt.Errorf("the global %s is a %s; expected a function(request, backends) of the script", legacy.FunctionName, v.Type())
	}
	ref, origin := l.keep(l.builder.State().L, fn)
	return legacy.New(l.result.VMs.Question(ref, origin)), nil
}
