package caddyfile

import (
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
)

func tenant(to *config.Tenants) reader {
	return named(func(name string, h httpcaddyfile.Helper) error {
		if h.NextArg() {
			return h.Errf("tenant %q: expected a block, found %q", name, h.Val())
		}
		t := &config.Tenant{Name: name}
		if err := readBlock(h, tenantBlock(t)); err != nil {
			return err
		}
		switch {
		case t.UsePool != "" && t.Split != nil:
			return atHead(h).Errf("tenant %q: use_pool and split exclude each other: both are for all that no route answers", name)
		case len(t.Scripts)+len(t.SourcesRaw) == 0 && !t.Routes():
			return atHead(h).Errf("tenant %q: nothing to route: expected script, source, use_pool or split in its block", name)
		}
		*to = append(*to, t)
		return nil
	})
}

func tenantBlock(t *config.Tenant) []subdirective {
	return append(
		scriptingBlock(&t.Scripting),
		subdirective{"host", often, words(&t.Hosts)},
		subdirective{"path_prefix", once, pathPrefix(&t.PathPrefix)},
		subdirective{"strip_prefix", once, flag(&t.StripPrefix)},
		subdirective{"fallthrough", once, flag(&t.Fallthrough)},
		subdirective{"priority", once, number(&t.Priority)},
		subdirective{"use_pool", once, word(&t.UsePool)},
		subdirective{"split", once, split(&t.Split)},
	)
}

func pathPrefix(to *string) reader {
	return func(h httpcaddyfile.Helper) error {
		value, err := argument(h)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(value, "/") {
			return h.Errf("path_prefix: expected a path that begins with a slash, found %q", value)
		}
		*to = value
		return nil
	}
}
