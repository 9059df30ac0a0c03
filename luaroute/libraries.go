package luaroute

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"

	// The libraries that every script can require.
	_ "github.com/luaroute/caddy-luaroute/luaroute/lib/base64"
	_ "github.com/luaroute/caddy-luaroute/luaroute/lib/crypto"
	_ "github.com/luaroute/caddy-luaroute/luaroute/lib/http"
	_ "github.com/luaroute/caddy-luaroute/luaroute/lib/json"
	_ "github.com/luaroute/caddy-luaroute/luaroute/lib/jwt"
	_ "github.com/luaroute/caddy-luaroute/luaroute/lib/kv"
	_ "github.com/luaroute/caddy-luaroute/luaroute/lib/log"
	_ "github.com/luaroute/caddy-luaroute/luaroute/lib/re"
	_ "github.com/luaroute/caddy-luaroute/luaroute/lib/time"
	_ "github.com/luaroute/caddy-luaroute/luaroute/lib/url"
	_ "github.com/luaroute/caddy-luaroute/luaroute/lib/uuid"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// libraries returns the modules in the namespace luaroute.libs.
func libraries(ctx caddy.Context) (map[string]vm.Library, error) {
	all := map[string]vm.Library{}
	for _, info := range caddy.GetModules("luaroute.libs") {
		mod, err := ctx.LoadModuleByID(string(info.ID), nil)
		if err != nil {
			return nil, err
		}
		lib, ok := mod.(vm.Library)
		if !ok {
			return nil, fmt.Errorf("module %s is not a library for scripts", info.ID)
		}
		all[info.ID.Name()] = lib
	}
	return all, nil
}
