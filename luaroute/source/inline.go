package source

import (
	"context"
	"errors"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() {
	caddy.RegisterModule(Inline{})
}

// Inline is a script inside the configuration. It belongs in JSON: a Caddyfile would replace `{path}`-like shorthands
// in its text, so scripts are files there.
type Inline struct {
	// What error messages call the script. Default: `inline.lua`.
	Name string `json:"name,omitempty"`

	// The source of the script.
	Code string `json:"code,omitempty"`

	// The source of modules by name, for `require("name")`.
	Modules map[string]string `json:"modules,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (Inline) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "luaroute.sources.inline",
		New: func() caddy.Module { return new(Inline) },
	}
}

// Provision sets the default name.
func (s *Inline) Provision(caddy.Context) error {
	if s.Name == "" {
		s.Name = "inline.lua"
	}
	return nil
}

// Validate refuses an empty script.
func (s *Inline) Validate() error {
	if s.Code == "" {
		return errors.New(`an inline source needs a "code"`)
	}
	return nil
}

// Scripts returns the script.
func (s *Inline) Scripts(context.Context) ([]Script, error) {
	return []Script{{Name: s.Name, Code: []byte(s.Code)}}, nil
}

// Module returns a module of the source, the same for all scripts.
func (s *Inline) Module(_ context.Context, _, name string) (*Script, error) {
	code, ok := s.Modules[name]
	if !ok {
		return nil, nil
	}
	return &Script{Name: name + ".lua", Code: []byte(code)}, nil
}

// UnmarshalCaddyfile refuses the source.
func (s *Inline) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	return d.Err("inline scripts belong in JSON, since a Caddyfile replaces words in braces; use a script file here")
}

// Interface guards
var (
	_ Source                = (*Inline)(nil)
	_ caddy.Provisioner     = (*Inline)(nil)
	_ caddy.Validator       = (*Inline)(nil)
	_ caddyfile.Unmarshaler = (*Inline)(nil)
)
