// Command stock is Caddy with its standard modules and nothing else, as a reference for measurements: built without a profile,
// with the settings that Go's runtime has by itself.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func main() { caddycmd.Main() }
