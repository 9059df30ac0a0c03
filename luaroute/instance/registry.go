package instance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
)

// running holds the instances of the configuration that runs, by name.
var running registry

// registry knows instances by name. While one configuration replaces another it has those of both; the one added last counts, or the one
// before if the new configuration fails to start.
type registry struct {
	mu     sync.RWMutex
	byName map[string][]*Instance
}

func (r *registry) add(i *Instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byName == nil {
		r.byName = map[string][]*Instance{}
	}
	r.byName[i.name] = append(r.byName[i.name], i)
}

func (r *registry) remove(i *Instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rest := slices.DeleteFunc(slices.Clone(r.byName[i.name]), func(other *Instance) bool { return other == i })
	if len(rest) == 0 {
		delete(r.byName, i.name)
		return
	}
	r.byName[i.name] = rest
}

// get returns the instance of a name, nil if there is none.
func (r *registry) get(name string) *Instance {
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
func (r *registry) all() []*Instance {
	var all []*Instance
	for _, name := range r.names() {
		if i := r.get(name); i != nil {
			all = append(all, i)
		}
	}
	return all
}

// Get returns the instance that runs under a name, nil if there is none.
func Get(name string) *Instance { return running.get(name) }

// Names returns the names of all instances that run, sorted.
func Names() []string { return running.names() }

// All returns the instances that run, by name.
func All() []*Instance { return running.all() }

// Ask has a function that the instance which runs under a name exports asked; see routing.Table.Ask. If the instance ends meanwhile, its
// successor is asked.
func Ask(instance, function string, w http.ResponseWriter, r *http.Request, ask func(*chiproxy.Exchange, chiproxy.Export) error) error {
	var last *routing.Table
	for {
		i := running.get(instance)
		if i == nil {
			return fmt.Errorf("no instance %q runs", instance)
		}
		table := i.table.Load()
		if table == last {
			return routing.ErrRetired
		}
		if err := table.Ask(function, w, r, ask); !errors.Is(err, routing.ErrRetired) {
			return err
		}
		last = table
	}
}

// Certify asks the instance that runs under a name. If it ends meanwhile, its successor is asked.
func Certify(ctx context.Context, name, host string) (bool, error) {
	var last *Instance
	for {
		i := running.get(name)
		if i == nil || i == last {
			return false, nil
		}
		ok, err := i.certify(ctx, host)
		if !errors.Is(err, routing.ErrRetired) {
			return ok, err
		}
		last = i
	}
}
