package caddyfile_test

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() {
	caddy.RegisterModule(stubSource{})
	caddy.RegisterModule(muteSource{})
	caddy.RegisterModule(listSource{})
}

// stubSource is a source of scripts as another plugin might bring it.
type stubSource struct {
	Address string   `json:"address,omitempty"`
	Keys    []string `json:"keys,omitempty"`
}

func (stubSource) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "luaroute.sources.stub",
		New: func() caddy.Module { return new(stubSource) },
	}
}

// UnmarshalCaddyfile reads
//
//	stub [<address>] {
//		key <name>...
//	}
func (s *stubSource) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		s.Address = d.Val()
	}
	for d.NextBlock(0) {
		if d.Val() != "key" {
			return d.Errf("unknown subdirective %q: expected key", d.Val())
		}
		s.Keys = append(s.Keys, d.RemainingArgs()...)
	}
	return nil
}

// muteSource is a source that a Caddyfile cannot configure.
type muteSource struct{}

func (muteSource) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "luaroute.sources.mute",
		New: func() caddy.Module { return new(muteSource) },
	}
}

// listSource is a source whose JSON has no room for its name.
type listSource []string

func (listSource) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "luaroute.sources.list",
		New: func() caddy.Module { return new(listSource) },
	}
}

// UnmarshalCaddyfile takes every argument.
func (s *listSource) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	*s = d.RemainingArgs()
	return nil
}
