package instance

import (
	"maps"
	"net/http"
	"slices"

	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
)

// leaveOut lets a tenant whose scripts have failed answer 503, and reports whether it may: with isolate_failures, when the configuration starts, and as
// long as the tenant has been left out since. A tenant that serves keeps serving what it had, as does all else when a reload fails.
func (a *assembly) leaveOut(t *chiproxy.Tenant, err error) bool {
	if !a.config.IsolateFailures || a.started && a.leftOut[t.Name] == nil {
		return false
	}
	a.out.LeftOut[t.Name] = err
	t.Root = chiproxy.Scope{NotFound: &chiproxy.Answer{
		Action: chiproxy.Error{Status: http.StatusServiceUnavailable, Message: "the scripts of the tenant have failed"}, Origin: t.Origin,
	}}
	t.Fallback, t.Pools, t.UsePool, t.Split, t.OnError, t.Fallthrough = nil, nil, "", nil, nil, false
	return true
}

// build builds a table, and checks what is expected of it. With isolate_failures it does so again without the tenants that are to blame, as long as there are
// any. A table that is returned with an error is to be given up.
func (a *assembly) build(spec chiproxy.Spec) (*routing.Table, error) {
	for {
		kept := true
		spec.Release = func() {
			if kept {
				a.end()
			}
		}
		spec.Certifier = a.certifier()
		table, err := routing.Build(spec, a.host.Pools)
		a.settle()
		if err == nil {
			err = simulate.Check(table, a.expectations())
		}
		if err == nil || !a.blame(spec, table) {
			return table, err
		}
		if table != nil {
			kept = false
			table.Retire()
		}
	}
}

// blame leaves out the tenants that make a table fail, and reports whether there are any. The table may be nil.
func (a *assembly) blame(spec chiproxy.Spec, table *routing.Table) (found bool) {
	if !a.config.IsolateFailures {
		return false
	}
	for _, r := range a.served() {
		i := slices.IndexFunc(spec.Tenants, func(t chiproxy.Tenant) bool { return t.Name == r.tenant })
		if r.tenant == "" || i < 0 {
			continue
		}
		var err error
		if table != nil {
			err = simulate.Check(table, r.result.Expectations)
		} else {
			err = a.alone(spec, spec.Tenants[i])
		}
		if err != nil && a.leaveOut(&spec.Tenants[i], err) {
			found = true
		}
	}
	return found
}

// alone builds a table of one tenant and returns what is wrong with it.
func (a *assembly) alone(spec chiproxy.Spec, t chiproxy.Tenant) error {
	spec.Default = chiproxy.Tenant{Pools: spec.Default.Pools}
	spec.Tenants, spec.Certifier, spec.Series, spec.Release = []chiproxy.Tenant{t}, nil, nil, nil
	table, err := routing.Build(spec, a.host.Pools)
	if err == nil {
		table.Retire()
	}
	return err
}

// serves notes which tenants a table that serves leaves out, and logs them.
func (i *Instance) serves(l *loaded) {
	i.loader.started, i.loader.leftOut = true, l.LeftOut
	i.namedInside.Store(l.names)
	for _, name := range slices.Sorted(maps.Keys(l.LeftOut)) {
		i.logger.Error("the scripts of a tenant failed; it answers 503 until they load",
			zap.String("tenant", name), zap.Error(l.LeftOut[name]))
	}
}
