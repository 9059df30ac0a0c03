package caddyfile

import (
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/luaroute/dashboard"
)

const dashboardDirective = "luaroute_dashboard"

// parseDashboard reads one luaroute_dashboard directive; its matcher was already removed.
func parseDashboard(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	if h.NextArg() {
		return nil, h.Errf("luaroute_dashboard: expected a matcher or nothing before the block, found %q", h.Val())
	}
	d := new(dashboard.Handler)
	return d, readBlock(h, []subdirective{
		{"instances", often, words(&d.Instances)},
		{"tail", once, perSecond(&d.Tail)},
		{"clients", once, flag(&d.Clients)},
		{"public", once, flag(&d.Public)},
	})
}

// perSecond reads how often something may be in a second: tail [<n>/s]
func perSecond(to *float64) reader {
	return func(h httpcaddyfile.Helper) error {
		*to = dashboard.DefaultTail
		if h.CountRemainingArgs() == 0 {
			return nil
		}
		name := h.Val()
		h.NextArg()
		n, err := strconv.ParseFloat(strings.TrimSuffix(h.Val(), "/s"), 64)
		if err != nil || !(n > 0 && n <= 1e6) {
			return h.Errf("%s: expected how many in a second, such as 50/s, found %q", name, h.Val())
		}
		*to = n
		if h.NextArg() {
			return h.Errf("%s: unexpected argument %q", name, h.Val())
		}
		return nil
	}
}
