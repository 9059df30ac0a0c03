// Command caddy is Caddy with its standard modules and luaroute.
//
//	go run ./cmd/caddy run --config testdata/quickstart/Caddyfile
package main

import (
	// Time zones, for systems that have no database of them.
	_ "time/tzdata"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/luaroute/caddy-luaroute"
)

func main() {
	caddycmd.Main()
}
