package luaroute

import (
	"maps"
	"slices"
	"sync"
)

// running holds the instances of the configuration that runs, by name.
var running registry

// registry knows instances by name. While one configuration takes the place of another both have theirs in it; the one that was
// added last counts, and when it is given up, because the rest of its configuration did not start, the one before.
type registry struct {
	mu     sync.RWMutex
	byName map[string][]*instance
}

func (r *registry) add(i *instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byName == nil {
		r.byName = map[string][]*instance{}
	}
	r.byName[i.name] = append(r.byName[i.name], i)
}

func (r *registry) remove(i *instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rest := slices.DeleteFunc(slices.Clone(r.byName[i.name]), func(other *instance) bool { return other == i })
	if len(rest) == 0 {
		delete(r.byName, i.name)
		return
	}
	r.byName[i.name] = rest
}

// get returns the instance of a name, nil if there is none.
func (r *registry) get(name string) *instance {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := r.byName[name]
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// names returns the names of all instances, sorted.
func (r *registry) names() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Sorted(maps.Keys(r.byName))
}

// all returns the instances, by name.
func (r *registry) all() []*instance {
	var all []*instance
	for _, name := range r.names() {
		if i := r.get(name); i != nil {
			all = append(all, i)
		}
	}
	return all
}
