package routing

import (
	"cmp"
	"slices"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/host"
	"github.com/luaroute/caddy-luaroute/chiproxy/pathmux"
)

// layer is a set of routes that is searched as a whole: those declared in a Layer, or the base of a tenant, which
// has no gates and no hosts.
type layer struct {
	mux *pathmux.Mux[entry]
	// gates are the guards of the layer and of those around it, the outermost first.
	gates []*gate
	// hosts are the sets that must all have the request's host.
	hosts []*host.Set
	// keys are the innermost set of hosts, by which the layer is found.
	keys  []string
	scope *scope
	// depth counts the layers around it.
	depth, priority, order int
}

// gate is the guards of one Layer.
type gate struct {
	guards []chiproxy.Guard
	scope  *scope
}

// hasHost reports whether all sets around the layer have a host.
func (l *layer) hasHost(name string) bool {
	for _, s := range l.hosts {
		if !s.Has(name) {
			return false
		}
	}
	return true
}

// folds reports whether a pattern is another one in the form of urlpath.CaddyForm. A layer that failed to build has no mux.
func (l *layer) folds() bool { return l.mux != nil && l.mux.Folds() }

// compareLayers is the order in which the layers of a tenant are tried.
func compareLayers(a, b *layer) int {
	return cmp.Or(compareRanks(a, b), cmp.Compare(a.order, b.order))
}

// compareRanks is what comes before the order in which layers are written, and before how they have a host.
func compareRanks(a, b *layer) int {
	return cmp.Or(cmp.Compare(b.depth, a.depth), cmp.Compare(b.priority, a.priority))
}

// layerIndex finds the layers of a host. The lists are in the order of compareLayers.
type layerIndex struct {
	all, anyHost []*layer
	byHost       host.Index[[]*layer]
}

// newLayerIndex sorts the layers and returns their index.
func newLayerIndex(layers []*layer) layerIndex {
	slices.SortFunc(layers, compareLayers)
	x := layerIndex{all: layers}
	for i, l := range layers {
		l.order = i
		if l.keys == nil {
			x.anyHost = append(x.anyHost, l)
		}
		for _, k := range l.keys {
			x.byHost.Put(k, append(x.byHost.Get(k), l))
		}
	}
	return x
}

// cursor walks the layers of one request in order.
type cursor struct {
	anyHost, exact, wild []*layer
	host                 string
	// base is the last one, nil once it has come.
	base *layer
}

// begin starts a walk over the layers of a host, and the base.
func (c *cursor) begin(t *tenant, name string) {
	c.base = t.base
	if len(t.layers.all) > 0 { // most tenants have none
		c.anyHost, c.host = t.layers.anyHost, name
		c.exact, c.wild = t.layers.byHost.Find(name)
	}
}

// next returns the next layer in order, or nil at the end. Of those of one depth and priority, the ones that have the host by name
// come before the ones that have it by wildcard. A layer that has it both ways comes once.
func (c *cursor) next() *layer {
	for {
		for len(c.wild) > 0 && c.wild[0].names(c.host) {
			c.wild = c.wild[1:]
		}
		list := &c.exact
		if len(c.exact) == 0 || len(c.wild) > 0 && compareRanks(c.wild[0], c.exact[0]) < 0 {
			list = &c.wild
		}
		if len(*list) == 0 || len(c.anyHost) > 0 && c.anyHost[0].order < (*list)[0].order {
			list = &c.anyHost
		}
		if len(*list) == 0 {
			base := c.base
			c.base = nil
			return base
		}
		first := (*list)[0]
		*list = (*list)[1:]
		if first.hasHost(c.host) {
			return first
		}
	}
}

// names reports whether the layer has a host by its name, and not only by a wildcard.
func (l *layer) names(name string) bool { return l.hosts[len(l.hosts)-1].Names(name) }

// restricted reports whether some layer is for certain hosts only.
func (x *layerIndex) restricted() bool { return x.byHost.Len() > 0 }

// hosts returns the keys of the hosts that layers serve.
func (x *layerIndex) hosts() []string {
	var keys []string
	for _, l := range x.all {
		keys = append(keys, l.served()...)
	}
	return keys
}

// served returns the keys of the hosts that all sets of the layer have: one inside of another may list more than that one lets in.
func (l *layer) served() []string {
	if len(l.hosts) < 2 {
		return l.keys
	}
	var keys []string
	for _, s := range l.hosts {
		for key := range s.Keys() {
			if !slices.ContainsFunc(l.hosts, func(other *host.Set) bool { return !other.Covers(key) }) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}
