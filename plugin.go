// Package caddyluaroute adds programmable routing to Caddy: Lua scripts declare tenants, hosts, routes, guards,
// middleware and upstream pools, a chi router finds the route of a request, and Caddy's reverse_proxy forwards it.
//
// The package only imports everything the plugin consists of, so that one line builds a Caddy with it:
//
//	xcaddy build --with github.com/luaroute/caddy-luaroute
//
// A program that embeds Caddy imports it for its side effects:
//
//	import _ "github.com/luaroute/caddy-luaroute"
package caddyluaroute

import (
	// The luaroute directive of the Caddyfile.
	_ "github.com/luaroute/caddy-luaroute/caddyfile"
	// The Caddy modules.
	_ "github.com/luaroute/caddy-luaroute/luaroute"
	// The commands.
	_ "github.com/luaroute/caddy-luaroute/luaroute/cli"
	// The store for a fleet.
	_ "github.com/luaroute/caddy-luaroute/luaroute/kv/redis"
)
