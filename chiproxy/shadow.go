package chiproxy

import (
	"fmt"
	"slices"
	"strings"
)

// checkHosts reports what is certain never to be reached because of the hosts of layers: layers for hosts that the tenant or
// the layer around them has not, and routes of which a layer for the same hosts takes all requests before.
func (w *scopeWalk) checkHosts(hosts []string, base *layerDraft) {
	if len(w.layers) == 0 {
		return
	}
	var tenant []string
	for _, h := range hosts {
		if key, err := hostKey(h); err == nil { // the others are reported with the tenant
			tenant = append(tenant, key)
		}
	}
	for _, l := range w.layers {
		w.checkReach(tenant, l)
	}
	if w.b.failed() {
		return
	}
	ordered := slices.Clone(w.layers)
	slices.SortFunc(ordered, func(a, b *layerDraft) int { return compareLayers(a.layer, b.layer) })
	taken := map[string]takenShapes{}
	for _, l := range ordered {
		// where guards decide, or several sets of hosts, it is not certain
		if len(l.gates) == 0 && len(l.hosts) == 1 {
			w.checkTaken(taken, l.keys, l)
		}
	}
	w.checkTaken(taken, tenant, base)
}

// checkReach reports a layer whose hosts are none of those around it.
func (w *scopeWalk) checkReach(tenant []string, l *layerDraft) {
	around, what := tenant, "the tenant"
	for _, keys := range l.around {
		if len(around) > 0 && !slices.ContainsFunc(keys, newHostSet(around).meets) {
			w.b.add(l.place.origin, fmt.Errorf("the layer for %s can never be tried: %s is for %s only",
				strings.Join(keys, ", "), what, strings.Join(around, ", ")))
			return
		}
		around, what = keys, "the layer around it"
	}
}

// meets says whether a host or wildcard has a host in common with the set.
func (s *hostSet) meets(key string) bool {
	parent, wild := strings.CutPrefix(key, "*.")
	if !wild {
		return s.has(key)
	}
	if _, ok := s.wild[parent]; ok {
		return true
	}
	for host := range s.exact {
		if p, ok := parentDomain(host); ok && p == parent {
			return true
		}
	}
	return false
}

// takenShapes are the methods that are taken for certain, by shape.
type takenShapes map[string]*takenMethods

// checkTaken reports the routes of a layer that another one for the same hosts takes before, and notes what this one takes.
func (w *scopeWalk) checkTaken(known map[string]takenShapes, hosts []string, l *layerDraft) {
	if len(hosts) == 0 {
		return
	}
	hosts = slices.Clone(hosts)
	slices.Sort(hosts)
	key := strings.Join(hosts, " ")
	before := known[key]
	for _, s := range l.draft.shapes {
		if t := before[s.key]; t != nil {
			for _, r := range s.routes {
				if by, what := t.by(r.methods); by != nil {
					w.b.add(r.route.Origin, fmt.Errorf("route %s %s can never be reached: %s takes it before, in a layer for the same hosts",
						what, r.pattern(), describeRoute(by)))
				}
			}
		}
	}
	if len(l.draft.owners) > 0 {
		return // a miss in an owner goes to the next layer, past less specific routes of this one
	}
	for _, s := range l.draft.shapes {
		for _, r := range s.routes {
			if r.mayDecline() {
				continue
			}
			if before == nil {
				before = takenShapes{}
				known[key] = before
			}
			if before[s.key] == nil {
				before[s.key] = &takenMethods{}
			}
			before[s.key].take(r.route, r.methods)
		}
	}
}
