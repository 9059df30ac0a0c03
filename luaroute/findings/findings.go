// Package findings looks at the text of the scripts of an instance for what loads and still is a mistake, most likely. `caddy luaroute check`
// reports it, and the dashboard shows it beside the lines:
//
//	found, err := findings.In(ctx, &inspection, reference.Build())
package findings

import (
	"context"
	"fmt"
	"slices"

	"github.com/luaroute/caddy-luaroute/luaroute/instance"
	"github.com/luaroute/caddy-luaroute/luaroute/lint"
	"github.com/luaroute/caddy-luaroute/luaroute/reference"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// Found is what was found in the scripts of an instance.
type Found struct {
	// Findings are by script and line, notes behind all others.
	Findings []lint.Finding
	// Scripts are those that were looked at, and the modules that they require, each once.
	Scripts []source.Script

	all *lint.Scripts
}

// Ignores reports whether a comment in the scripts ignores a finding.
func (f *Found) Ignores(one lint.Finding) bool { return f.all.Ignores(one) }

// In looks at the scripts of an instance, and at the modules that they require. A script that cannot be read is an error, but for an instance that
// did not load, or left a tenant out: whoever asks has the error then. Comments may ignore failures, too, which others have found.
func In(ctx context.Context, in *instance.Inspection, known *reference.Reference, failures ...lint.Finding) (*Found, error) {
	api, err := API(known, in)
	if err != nil {
		return nil, err
	}
	scripts := &lint.Scripts{API: api}
	scripts.Names(in.NamedPools...)
	for _, t := range in.Tenants {
		for _, pool := range t.Pools {
			scripts.Pool(pool.Name, pool.Origin.Script)
		}
	}
	loaded := in.Table != nil && len(in.LeftOut) == 0
	l := &lookedAt{scripts: scripts, modules: map[string][]source.Script{}}
	for _, s := range in.Sources {
		if err := l.look(ctx, s.Set, shared(in, s.Tenant)); err != nil {
			if loaded {
				return nil, err
			}
			for _, declared := range []string{PoolName, TenantName, metricName} { // what these scripts declare is not known
				delete(api.Names, declared)
			}
		}
	}
	hiddenPools(scripts, in)
	for _, f := range failures {
		scripts.Ignores(f) // so that its comment has something to ignore
	}
	found := scripts.Findings()
	if in.Table == nil {
		found = slices.DeleteFunc(found, func(f lint.Finding) bool { return f.Kind == "unused-pool" }) // the configuration may name it
	}
	slices.SortStableFunc(found, func(a, b lint.Finding) int { return last(a) - last(b) })
	return &Found{Findings: found, Scripts: l.texts, all: scripts}, nil
}

// last is 1 for a note and 0 for all others.
func last(f lint.Finding) int {
	if kind, _ := lint.KindOf(f.Kind); kind.Level == lint.Note {
		return 1
	}
	return 0
}

// Scripts returns the scripts of an instance and the modules that they require, as they are now. What is gone since it was loaded is left out.
func Scripts(ctx context.Context, in *instance.Inspection) []source.Script {
	l := &lookedAt{scripts: new(lint.Scripts), modules: map[string][]source.Script{}}
	for _, s := range in.Sources {
		_ = l.look(ctx, s.Set, nil)
	}
	return l.texts
}

// hiddenPools notes pools that hide an outer one of the same name.
func hiddenPools(scripts *lint.Scripts, in *instance.Inspection) {
	if in.Table == nil {
		return
	}
	for _, p := range in.Table.Pools() {
		if p.Hides != nil && p.Hides.At.String() != "" {
			message := fmt.Sprintf("pool %q hides the one at %s", p.Name, p.Hides.At)
			scripts.Note(lint.Finding{Kind: "hidden-pool", Script: p.At.Script, Line: p.At.Line, Message: message})
		}
	}
}
