package declare

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/luaroute/caddyvars"
	"github.com/luaroute/caddy-luaroute/luaroute/nested"
)

// All Caddy modules that a script causes to be loaded, by whatever way and at any depth, pass admit.

// rules say what scripts may not load.
var rules = []func(nested.Use) error{noLuaroute, noOwnVars}

// admit reports a module that a script must not load, in the configuration of one that it names.
func admit(id string, config json.RawMessage) error {
	return nested.Walk(id, config, func(u nested.Use) error {
		for _, rule := range rules {
			if err := rule(u); err != nil {
				return err
			}
		}
		return nil
	})
}

// noLuaroute refuses a second luaroute, which would have limits and permissions of its own.
func noLuaroute(u nested.Use) error {
	if u.ID == "http.handlers.luaroute" {
		return errors.New("a script cannot load another luaroute; write its routes here, as a tenant, or as a handler of the configuration")
	}
	return nil
}

// noOwnVars refuses what req:var refuses.
func noOwnVars(u nested.Use) error {
	if u.ID != "http.handlers.vars" {
		return nil
	}
	var vars map[string]any
	if json.Unmarshal(u.Config, &vars) != nil {
		return nil // Caddy says what is wrong
	}
	for name, value := range vars {
		if strings.ContainsAny(name, "{}") {
			return fmt.Errorf("vars: the name %q has a placeholder; expected one that is known now", name)
		}
		if err := caddyvars.Check(name); err != nil {
			return fmt.Errorf("vars: %w", err)
		}
		switch value.(type) {
		case string, float64, bool:
		default:
			return fmt.Errorf("vars: %s is no string, number or boolean", name)
		}
	}
	return nil
}

// poolID is the module that a pool is.
const poolID = "http.handlers.reverse_proxy"

// admitPool is admit for a pool. Most have nothing but addresses and load no modules.
func admitPool(config map[string]any, raw json.RawMessage) error {
	for key := range config {
		if !slices.Contains([]string{"upstreams", "rewrite", "headers"}, key) {
			return admit(poolID, raw)
		}
	}
	return nil
}
