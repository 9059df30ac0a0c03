package caddyfile

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/luaroute/config"
)

// named reads a subdirective whose first argument is a name, and hands over what follows as if the name were the
// directive: that is the shape which Caddy's own parsers take.
func named(read func(name string, h httpcaddyfile.Helper) error) reader {
	return func(h httpcaddyfile.Helper) error {
		kind := h.Val()
		if !h.NextArg() || h.Val() == "" {
			return h.Errf("%s: expected a name, found none", kind)
		}
		name := h.Val()
		rest := h.WithDispenser(h.NewFromNextSegment())
		rest.Next()
		return read(name, rest)
	}
}

// handler reads directives as Caddy reads those of a handle block, site-wide named matchers included.
func handler(to *config.Named) reader {
	return named(func(name string, h httpcaddyfile.Helper) error {
		if h.NextArg() {
			return h.Errf("handler %q: expected a block of directives, found %q", name, h.Val())
		}
		what := fmt.Sprintf("handler %q", name)
		h.Reset()
		parsed, err := httpcaddyfile.ParseSegmentAsSubroute(h)
		if err != nil {
			return about(h, what, err)
		}
		subroute, ok := parsed.(*caddyhttp.Subroute)
		if !ok || len(subroute.Routes) == 0 {
			return atHead(h).Errf("handler %q: expected a block with a directive or more, found none", name)
		}
		raw, err := inline(subroute, "handler", "subroute")
		if err != nil {
			return about(h, what, err)
		}
		put(to, name, raw)
		return nil
	})
}

// source reads a source of scripts.
func source(to *[]json.RawMessage) reader {
	return module("luaroute.sources", "source", func(raw json.RawMessage) { *to = append(*to, raw) })
}

// store reads the store that scripts share.
func store(to *json.RawMessage) reader {
	return module("luaroute.kv", "store", func(raw json.RawMessage) { *to = raw })
}

// module reads a subdirective whose first argument is a module of a namespace, with the parser of that module. Its JSON has the name under a
// key.
func module(namespace, key string, put func(json.RawMessage)) reader {
	read := func(kind string) reader {
		return named(func(name string, h httpcaddyfile.Helper) error {
			what := kind + " " + name
			id := namespace + "." + name
			if _, err := caddy.GetModule(id); err != nil {
				return h.Errf("%s: unknown module %q: expected %s", kind, name, oneOf(modules(namespace)))
			}
			parsed, err := caddyfile.UnmarshalModule(h.Dispenser, id)
			if err != nil {
				return about(h, what, err)
			}
			raw, err := inline(parsed, key, name)
			if err != nil {
				return about(h, what, err)
			}
			put(raw)
			return nil
		})
	}
	return func(h httpcaddyfile.Helper) error {
		kind := h.Val()
		if h.CountRemainingArgs() == 0 {
			return h.Errf("%s: expected %s, found none", kind, oneOf(modules(namespace)))
		}
		return read(kind)(h)
	}
}

// libraries is the namespace of the libraries for scripts.
const libraries = "luaroute.libs"

// library reads the options of a library with the parser of its module.
func library(to *config.Named) reader {
	return named(func(name string, h httpcaddyfile.Helper) error {
		id := libraries + "." + name
		info, err := caddy.GetModule(id)
		if err != nil {
			return h.Errf("libs: there is no library %q: expected %s", name, oneOf(configurable()))
		}
		if _, ok := info.New().(caddyfile.Unmarshaler); !ok {
			return h.Errf("libs: the library %s has no options: expected %s; what tenants may require is in allow", name, oneOf(configurable()))
		}
		parsed, err := caddyfile.UnmarshalModule(h.Dispenser, id)
		if err != nil {
			return about(h, "libs "+name, err)
		}
		raw, err := json.Marshal(parsed)
		if err != nil {
			return about(h, "libs "+name, err)
		}
		put(to, name, raw)
		return nil
	})
}

// configurable lists the libraries that have options.
func configurable() (list []string) {
	for _, m := range caddy.GetModules(libraries) {
		if _, ok := m.New().(caddyfile.Unmarshaler); ok {
			list = append(list, m.ID.Name())
		}
	}
	return list
}

func put(to *config.Named, name string, raw json.RawMessage) {
	if *to == nil {
		*to = config.Named{}
	}
	(*to)[name] = raw
}

// inline returns the JSON of a module with its name under key. Caddy's JSONModuleObject does the same, but panics for a
// module whose JSON is null.
func inline(module any, key, name string) (json.RawMessage, error) {
	raw, err := json.Marshal(module)
	if err != nil {
		return nil, err
	}
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, err
	}
	if object == nil {
		return nil, errors.New("expected the JSON of an object, found null")
	}
	object[key] = name
	return json.Marshal(object)
}

// modules lists the names of the modules of a namespace.
func modules(namespace string) []string {
	var list []string
	for _, m := range caddy.GetModules(namespace) {
		list = append(list, m.ID.Name())
	}
	return list
}
