package migrate_test

import (
	"fmt"
	"strings"

	"github.com/luaroute/caddy-luaroute/luaroute/migrate"
)

// An old configuration becomes a Caddyfile, with notes on what it says that Caddy does otherwise.
func ExampleCaddyfile() {
	caddyfile, notes, err := migrate.Caddyfile(strings.NewReader(`tenants:
  - name: acme
    path_prefix: /acme
    services:
      - {name: stable, url: "http://10.0.0.1:8080"}
      - {name: canary, url: "http://10.0.0.2:8080", weight: 3}
`), migrate.Options{Site: "acme.example"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(caddyfile)
	for _, note := range notes {
		fmt.Println(note)
	}
	// Output:
	// acme.example {
	// 	luaroute {
	// 		tenant acme {
	// 			path_prefix /acme
	// 			strip_prefix
	// 			pool stable http://10.0.0.1:8080 http://10.0.0.2:8080 {
	// 				lb_policy first
	// 			}
	// 			use_pool stable
	// 		}
	// 	}
	// 	respond 404
	// }
	// line 6: weight of service "canary" is dropped: it is unknown
}
