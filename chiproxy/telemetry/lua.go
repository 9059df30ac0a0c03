package telemetry

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Limits are the limits of scripts whose end is counted.
var Limits = []string{"cpu", "wall", "memory", "queue"}

// Lua counts what the scripts of a tenant did. It belongs to one table: what it counts with is what the table before has of the same name. It
// is safe for concurrent use, and nil counts nothing.
type Lua struct {
	Tenant string
	*totals
	before *Lua // of the table before; nil once this one serves

	mu      sync.Mutex
	mirrors map[string]*Mirror // by pool
	customs map[string]*Custom // by name
}

// totals are the counts of a tenant that all its tables have in common.
type totals struct {
	calls  atomic.Uint64
	time   atomic.Int64
	errors atomic.Uint64
	ends   [4]atomic.Uint64
	asked  sync.Map // of *atomic.Uint64, by Asked
}

// Asked is something that scripts ask others for, and what became of it. Both are words of the program.
type Asked struct{ What, Outcome string }

// What scripts ask for: calls of the library http, and the keys of issuers.
const (
	AskedHTTP = "http"
	AskedKeys = "keys"
)

// Asks counts that the scripts have asked for something.
func (l *Lua) Asks(what, outcome string) {
	if l == nil {
		return
	}
	key := Asked{what, outcome}
	n, ok := l.asked.Load(key)
	if !ok {
		n, _ = l.asked.LoadOrStore(key, new(atomic.Uint64))
	}
	n.(*atomic.Uint64).Add(1)
}

// EachAsked calls f with what the scripts have asked for.
func (l *Lua) EachAsked(f func(a Asked, n uint64)) {
	l.asked.Range(func(key, n any) bool {
		f(key.(Asked), n.(*atomic.Uint64).Load())
		return true
	})
}

// Ran counts a part of a request that ran Lua for some time.
func (l *Lua) Ran(took time.Duration) {
	if l != nil {
		l.calls.Add(1)
		l.time.Add(int64(took))
	}
}

// Failed counts a failure: the end of one of Limits, or another error.
func (l *Lua) Failed(limit string) {
	if l == nil {
		return
	}
	for i, name := range Limits {
		if name == limit {
			l.ends[i].Add(1)
			return
		}
	}
	l.errors.Add(1)
}

// LuaCounts is what Lua has counted.
type LuaCounts struct {
	// Calls is the number of requests for which Lua ran, and Time for how long.
	Calls uint64
	Time  time.Duration
	// Errors is the number of errors, and Ends that of the ends of each of Limits.
	Errors uint64
	Ends   [4]uint64
}

// Plus returns the sums.
func (c LuaCounts) Plus(d LuaCounts) LuaCounts {
	c.Calls, c.Time, c.Errors = c.Calls+d.Calls, c.Time+d.Time, c.Errors+d.Errors
	for i := range c.Ends {
		c.Ends[i] += d.Ends[i]
	}
	return c
}

// Read returns what was counted so far.
func (l *Lua) Read() LuaCounts {
	c := LuaCounts{Calls: l.calls.Load(), Time: time.Duration(l.time.Load()), Errors: l.errors.Load()}
	for i := range c.Ends {
		c.Ends[i] = l.ends[i].Load()
	}
	return c
}

// Lua returns the counters of the scripts of a tenant. Nil returns nil.
func (d *Draft) Lua(tenant string) *Lua {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lua[tenant]
	if l == nil {
		l = &Lua{Tenant: tenant, before: d.before.lua[tenant]}
		if l.before != nil {
			l.totals = l.before.totals
		} else {
			l.totals = new(totals)
		}
		d.lua[tenant] = l
	}
	return l
}

// Scripts returns the counters of the scripts of the table that serves, in the order of tenants.
func (r *Registry) Scripts() []*Lua {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	now := r.now
	r.mu.Unlock()
	all := slices.Collect(maps.Values(now.lua))
	slices.SortFunc(all, func(a, b *Lua) int { return cmp.Compare(a.Tenant, b.Tenant) })
	return all
}
