package caddyfile

import (
	"encoding/json"
	"fmt"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/selection"
	"github.com/luaroute/caddy-luaroute/luaroute/basepath"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
)

// pool reads a pool with the parser of reverse_proxy.
func pool(to *config.Pools) reader {
	return named(func(name string, h httpcaddyfile.Helper) error {
		what := fmt.Sprintf("pool %q", name)
		var base basepath.Path
		h, err := looked(h, &base)
		if err != nil {
			return about(h, what, err)
		}
		proxy := new(reverseproxy.Handler)
		h.Reset()
		if err := proxy.UnmarshalCaddyfile(h.Dispenser); err != nil {
			return about(h, what, err)
		}
		if err := proxy.FinalizeUnmarshalCaddyfile(h); err != nil {
			return about(h, what, err)
		}
		if len(proxy.Upstreams) == 0 && proxy.DynamicUpstreamsRaw == nil {
			return atHead(h).Errf("pool %q: no upstreams: expected addresses after the name, or to or dynamic in its block", name)
		}
		raw, err := withPath(proxy, &base)
		if err != nil {
			return about(h, what, err)
		}
		*to = append(*to, config.NamedPool{Name: name, Config: raw})
		return nil
	})
}

// looked prepares the tokens of a pool for Caddy's parser. It removes base paths, which that parser refuses, from the addresses after the
// name and in lines of to. And it reports unknown policies with a list of the existing ones.
func looked(h httpcaddyfile.Helper, base *basepath.Path) (httpcaddyfile.Helper, error) {
	h.Reset()
	h.Next()
	tokens := h.NextSegment()
	at := func(i int, err error) error {
		d := caddyfile.NewDispenser(tokens[i:])
		d.Next()
		return d.WrapErr(err)
	}
	depth, word, option := 0, "", "" // word begins the line, and option the one of the block
	for i, t := range tokens {
		begins := i == 0 || t.Line != tokens[i-1].Line || t.File != tokens[i-1].File
		switch {
		case begins:
			word = t.Text
			if depth == 1 {
				option = word
			}
		case depth == 0 && t.Text != "{", depth == 1 && word == "to" && t.Text != "}":
			address, err := base.Take(t.Text)
			if err != nil {
				return h, at(i, err)
			}
			tokens[i].Text = address
		case option == "lb_policy" && (depth == 1 || word == "fallback") && tokens[i-1].Text == word && t.Text != "{":
			if err := selection.Check(t.Text); err != nil {
				return h, at(i, err)
			}
		}
		switch t.Text {
		case "{":
			depth++
		case "}":
			depth--
		}
	}
	return h.WithDispenser(caddyfile.NewDispenser(tokens)), nil
}

// withPath returns the JSON of a pool, with its base path.
func withPath(proxy *reverseproxy.Handler, base *basepath.Path) (json.RawMessage, error) {
	raw, err := json.Marshal(proxy)
	if err != nil || base.Empty() {
		return raw, err
	}
	var config map[string]any
	if err := json.Unmarshal(raw, &config); err != nil {
		return nil, err
	}
	base.AddTo(config)
	return json.Marshal(config)
}
