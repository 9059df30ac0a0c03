package declare

import (
	"encoding/json"
	"slices"

	"github.com/luaroute/caddy-luaroute/luaroute/option"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/luaroute/capability"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/nested"
)

// admit returns what the capabilities of the scripts allow of a module that is to be loaded. All Caddy modules that a script causes
// to be loaded come here or to admitPool.
func (l *load) admit(id string, config json.RawMessage) (capability.Admitted, error) {
	out, err := l.options.Capabilities.Admit(id, config)
	return out, l.counted(out, err)
}

// admitPool is admit for a pool. Most of the operator's have only addresses and load no modules.
func (l *load) admitPool(config map[string]any, raw json.RawMessage) (json.RawMessage, error) {
	if l.options.Capabilities == nil {
		plain := true
		for key := range config {
			plain = plain && slices.Contains([]string{"upstreams", "rewrite", "headers"}, key)
		}
		if plain {
			return raw, nil
		}
	}
	out, err := l.options.Capabilities.AdmitPool(raw)
	if err == nil && l.options.Capabilities != nil {
		err = l.tryExpressions(out.Config)
	}
	return out.Config, l.counted(out, err)
}

// tryExpressions loads the expressions of a pool, to check what they may use: the pool itself is shared and does not know its tenant.
func (l *load) tryExpressions(pool json.RawMessage) error {
	return nested.Walk(capability.PoolID, pool, func(u nested.Use) error {
		if u.ID != "http.matchers.expression" {
			return nil
		}
		_, err := l.options.Modules.Load(u.ID, u.Config)
		return err
	})
}

// counted adds what is admitted to what the tenant has.
func (l *load) counted(a capability.Admitted, err error) error {
	if err != nil || l.options.Capabilities == nil {
		return err
	}
	l.result.Expands = l.result.Expands || a.Expands
	l.growth = max(1, l.growth) * max(1, a.Growth)
	if l.checks += a.Checks; a.Checks > 0 {
		err = l.options.Capabilities.HealthChecks(l.checks)
	}
	if a.Growth > 1 && err == nil {
		err = l.options.Capabilities.Replacements(l.growth)
	}
	if l.steps += a.Steps; a.Steps > 0 && err == nil {
		err = l.options.Capabilities.Expressions(l.steps)
	}
	return err
}

// patterns returns the bound of the regular expressions in the patterns of an isolated tenant, which count among those of its modules; nil for
// another one.
func (l *load) patterns() *chiproxy.PatternBound {
	allowed, steps := l.options.Capabilities, l.steps
	if allowed == nil {
		return nil
	}
	return &chiproxy.PatternBound{
		Allow: func(instructions int) error { return allowed.Expressions(steps + instructions) },
		Steps: l.result.VMs.Steps(),
		Meter: l.result.VMs.Meter(),
	}
}

// allowOf returns what narrows the capabilities of a tenant, nil if it is missing.
func allowOf(o option.Table, name string) *config.Allow {
	t := o.Sub(name)
	if t == nil {
		return nil
	}
	l := option.Of(o.L, o.What+": "+name, t, &tenantAllow)
	a := &config.Allow{
		Handlers: l.Texts("handlers"), Matchers: l.Texts("matchers"), Upstreams: l.Texts("upstreams"), Placeholders: l.Texts("placeholders"),
		Libs: l.Texts("libs"), Pools: l.Texts("pools"), Hosts: l.Texts("hosts"), HealthChecks: l.Count("health_checks"),
	}
	if t.RawGetString("certificates") != lua.LNil {
		certificates := l.Flag("certificates")
		a.Certificates = &certificates
	}
	if err := a.Check(); err != nil {
		o.L.RaiseError("%s: %s", o.What, err)
	}
	return a
}
