// Package migrate turns a configuration of the old programs, which was YAML, into a Caddyfile.
package migrate

import (
	"errors"
	"io"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/luaroute/caddy-luaroute/internal/yamltree"
)

// config is an old configuration.
type config struct {
	tenants []tenant
	// scripts reports whether the scripts were used: lua_engine.enabled.
	scripts bool
}

// tenant is one of its tenants.
type tenant struct {
	line           int
	name           string
	prefix         string
	domains        []value
	healthInterval time.Duration
	script         string
	services       []service
}

// service is one of the services of a tenant.
type service struct {
	line         int
	name         string
	url, healthy value
}

// value is a string and its line.
type value struct {
	text string
	line int
}

// reader reads YAML and notes what it drops.
type reader struct{ yamltree.Reader }

// read reads a whole configuration.
func (r *reader) read(in io.Reader) (*config, error) {
	document, err := yamltree.Document(in)
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the file is empty; expected tenants")
		}
		return nil, err
	}
	c := &config{scripts: true}
	found := false
	err = r.Fields(document, "the configuration", func(key string, node *yaml.Node) (err error) {
		switch key {
		case "tenants":
			found = true
			return r.Items(node, "tenants", func(item *yaml.Node) error {
				t, err := r.tenant(item)
				c.tenants = append(c.tenants, t)
				return err
			})
		case "lua_engine":
			c.scripts, err = r.engine(node)
			return err
		case "admin_base_path":
			r.Drop(node.Line, "admin_base_path is dropped: the endpoints are in the admin API of Caddy, under /luaroute/main/")
		default:
			r.Drop(node.Line, "%s is dropped: luaroute has no equivalent; configure it in the Caddyfile", key)
		}
		return nil
	})
	if err == nil && (!found || len(c.tenants) == 0) {
		err = yamltree.At(document.Line, "there are no tenants; expected a list of them")
	}
	return c, err
}

// engine reads lua_engine, and returns whether scripts were used.
func (r *reader) engine(node *yaml.Node) (enabled bool, err error) {
	enabled = true
	err = r.Fields(node, "lua_engine", func(key string, node *yaml.Node) error {
		switch key {
		case "enabled":
			if err := node.Decode(&enabled); err != nil {
				return yamltree.At(node.Line, "lua_engine.enabled is %q; expected true or false", node.Value)
			}
		case "url":
			r.Drop(node.Line, "lua_engine.url is dropped: scripts run inside Caddy, without a separate engine")
		case "timeout":
			r.Drop(node.Line, "lua_engine.timeout is dropped: it was for a request; a script may now run for 100ms of CPU time, see limits")
		default:
			r.Drop(node.Line, "lua_engine.%s is dropped: scripts run inside Caddy", key)
		}
		return nil
	})
	return enabled, err
}

func (r *reader) tenant(node *yaml.Node) (tenant, error) {
	t := tenant{line: node.Line}
	err := r.Fields(node, "a tenant", func(key string, node *yaml.Node) (err error) {
		switch key {
		case "name":
			t.name, err = yamltree.Text(key, node)
		case "path_prefix":
			t.prefix, err = yamltree.Text(key, node)
			if t.prefix = strings.TrimRight(strings.TrimSuffix(t.prefix, "/*"), "/"); err == nil && t.prefix != "" && t.prefix[0] != '/' {
				err = yamltree.At(node.Line, "path_prefix %q: expected a path that begins with a slash", t.prefix)
			}
		case "domains":
			return r.Items(node, key, func(item *yaml.Node) error {
				domain, err := yamltree.Text("a domain", item)
				t.domains = append(t.domains, value{domain, item.Line})
				return err
			})
		case "health_interval":
			t.healthInterval, err = yamltree.Duration(key, node)
		case "lua_script":
			if t.script, err = yamltree.Text(key, node); err == nil && strings.Contains(t.script, "\n") {
				err = yamltree.At(node.Line, "lua_script holds code; write it into a file and name that")
			}
		case "services":
			return r.Items(node, key, func(item *yaml.Node) error {
				s, err := r.service(item)
				t.services = append(t.services, s)
				return err
			})
		default:
			r.Drop(node.Line, "%s of tenant %q is dropped: it is unknown", key, t.name)
		}
		return err
	})
	if err == nil && t.name == "" {
		err = yamltree.At(t.line, "a tenant has no name")
	}
	return t, err
}

func (r *reader) service(node *yaml.Node) (service, error) {
	s := service{line: node.Line}
	err := r.Fields(node, "a service", func(key string, node *yaml.Node) (err error) {
		var v string
		switch key {
		case "name":
			s.name, err = yamltree.Text(key, node)
		case "url":
			v, err = yamltree.Text(key, node)
			s.url = value{v, node.Line}
		case "health":
			v, err = yamltree.Text(key, node)
			s.healthy = value{v, node.Line}
		default:
			r.Drop(node.Line, "%s of service %q is dropped: it is unknown", key, s.name)
		}
		return err
	})
	switch {
	case err != nil:
	case s.name == "":
		err = yamltree.At(s.line, "a service has no name")
	case s.url.text == "":
		err = yamltree.At(s.line, "service %q has no url", s.name)
	}
	return s, err
}
