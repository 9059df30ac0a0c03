package main

import (
	"net/http"
	"testing"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

func TestAWrongConfigurationIsRefusedWithItsPlaceAndWhatIsAllowed(t *testing.T) {
	c := e2e.New(t)
	c.MustLoad(c.JSON(`{}`))
	for name, row := range map[string]struct{ config, want string }{
		"an unknown key": {
			`"script": ["main.lua"]`,
			`unknown key "script"; allowed are allow, concurrency, cors, dev, env, handlers, isolate_failures, `,
		},
		"a wrong limit of a tenant": {
			`"tenants": [{"name": "a", "limits": {"cpu": "fast"}}]`,
			`tenants[0].limits.cpu: expected a duration such as "100ms", or a number of nanoseconds, found "fast"`,
		},
		"a tenant that has nothing to route with": {
			`"tenants": [{"name": "a", "hosts": ["a.example"]}]`,
			`tenant "a": there is nothing to route; expected scripts, sources, use_pool or split`,
		},
		"an unknown source": {
			`"sources": [{"source": "inline", "code": "print()"}, {"source": "redis"}]`,
			`sources[1]: source "redis": expected one of file, inline, storage`,
		},
		"a source without a module": {
			`"sources": [{}]`, `sources[0]: source "": expected one of file, inline, storage`,
		},
		"a source that is a text": {
			`"sources": ["main.lua"]`, `sources[0]: expected an object with a "source", found "main.lua"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			config := c.JSON(`{"apps": {"http": {"servers": {"srv0": {
				"listen": ["127.0.0.1:$port"],
				"routes": [{"handle": [{"handler": "luaroute", ` + row.config + `}]}]
			}}}}}`)
			refuses(t, c.Admin(http.MethodPost, "/load", string(config)), http.StatusBadRequest, row.want)
		})
	}
}
