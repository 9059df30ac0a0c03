package hook

import "github.com/luaroute/caddy-luaroute/chiproxy"

// Middleware is a value of userdata that r:use and r:with take as middleware that needs no Lua. It may have methods for scripts besides. All
// virtual machines share it, so that it never changes.
type Middleware interface {
	Immutable()
	AsMiddleware() chiproxy.Middleware
}
