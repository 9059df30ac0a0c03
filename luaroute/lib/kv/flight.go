package kv

import (
	"sync"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// flights are the functions of fetch that run in this process: one for each key.
var flights = group{all: map[flightKey]*flight{}, waiting: map[*vm.State]*flight{}}

type group struct {
	mu      sync.Mutex
	all     map[flightKey]*flight
	waiting map[*vm.State]*flight // what states wait for
}

type flightKey struct {
	store kv.Store
	kv.Scope
	key string
}

// flight is a function that runs, for all who want the value of its key.
type flight struct {
	owner *vm.State
	done  chan struct{}
	outcome
}

// outcome is what a flight has brought to those who wait. The zero outcome says that it has ended with its caller.
type outcome struct {
	landed bool
	// value is what the function returned, nil for nil.
	value []byte
	// failure is why it failed, empty if it has not; raised says that it was raised.
	failure string
	raised  bool
	// note says why the value was not kept, empty if it was.
	note string
}

// join returns the flight of a key, and whether the state has to run the function itself. It fails if the state would wait for itself.
func (g *group) join(key flightKey, s *vm.State) (f *flight, own, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f = g.all[key]
	if f == nil {
		f = &flight{owner: s, done: make(chan struct{})}
		g.all[key] = f
		return f, true, true
	}
	for next := f; next != nil; next = g.waiting[next.owner] {
		if next.owner == s {
			return nil, false, false
		}
	}
	g.waiting[s] = f
	return f, false, true
}

// left notes that a state waits no more.
func (g *group) left(s *vm.State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.waiting, s)
}

// land ends a flight.
func (g *group) land(key flightKey, f *flight) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.all, key)
	close(f.done)
}
