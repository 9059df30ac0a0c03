// Command caddy is Caddy with its standard modules and luaroute.
//
//	go run ./cmd/caddy run --config testdata/quickstart/Caddyfile
//
// It is built with a profile, default.pgo, and collects garbage less often than Go would by itself, unless GOGC is set:
// docs/speed.md has what that brings and costs.
package main

import (
	// Time zones, for systems that have no database of them.
	_ "time/tzdata"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/luaroute/caddy-luaroute"
)

func main() {
	relaxCollector()
	caddycmd.Main()
}
