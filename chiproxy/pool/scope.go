package pool

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/balance"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
)

// Named is a pool under one of its names.
type Named struct {
	*Pool
	// Tenant is the one that the pool was declared in. It is empty for those of the default tenant and of the configuration.
	Tenant string
	// Name is the one that is meant; the pool may have others.
	Name string
	// At is where it was declared.
	At origin.Origin
	// Hides is the pool further out that has this name, too; nil if there is none.
	Hides *Named
	// Functions are those that the pool has in this table; nil for none. SetFunctions sets them.
	Functions Functions
	own       []balance.Own // of the upstreams of the configuration
}

// Scope holds the pools that one tenant sees: its own, and those of the scopes around it.
type Scope struct {
	outer *Scope
	own   map[string]*Named
	// order holds those in own, as they were added.
	order []*Named
	// failed says why pools could not be made, by name.
	failed map[string]error
	// mayUse returns nil for a pool from outside that can be named; nil allows all.
	mayUse func(name string) error
	// joint means that the pools of outer belong to the tenant, too.
	joint bool
}

// maxListed bounds the names in an error message.
const maxListed = 10

// NewScope returns an empty scope inside another one, which may be nil.
func NewScope(outer *Scope) *Scope {
	return &Scope{outer: outer, own: map[string]*Named{}}
}

// NewJointScope returns an empty scope whose tenant also owns the pools of the scope around it.
func NewJointScope(outer *Scope) *Scope {
	s := NewScope(outer)
	s.joint = true
	return s
}

// MayUse restricts the pools from outside that can be named to those for which f returns nil.
func (s *Scope) MayUse(f func(name string) error) { s.mayUse = f }

// sees reports whether a pool of a scope can be named in s.
func (s *Scope) sees(in *Scope, name string) bool { return s.refusal(in, name) == nil }

func (s *Scope) refusal(in *Scope, name string) error {
	if in == s || s.mayUse == nil {
		return nil
	}
	return s.mayUse(name)
}

// Add makes a pool known. Names are lexical: an inner pool hides an outer one, so that a tenant need not know the names around it.
func (s *Scope) Add(p *Named) error {
	if p.Name == "" {
		return errors.New("the pool's name is missing")
	}
	if first := s.own[p.Name]; first != nil {
		return fmt.Errorf("pool %q is declared twice%s", p.Name, first.At.Earlier())
	}
	p.Hides = s.hidden(p.Name)
	s.own[p.Name] = p
	s.order = append(s.order, p)
	return nil
}

// Fail notes a pool that could not be made. Find returns err for it, unless another pool of its name in s can be made.
func (s *Scope) Fail(name string, err error) {
	if s.failed == nil {
		s.failed = map[string]error{}
	}
	s.failed[name] = err
}

// hidden returns the pool outside that one of this name in s hides, or nil.
func (s *Scope) hidden(name string) *Named {
	for in := s.outer; in != nil; in = in.outer {
		if p := in.own[name]; p != nil {
			return p
		}
	}
	return nil
}

// Find returns the pool of that name, or an error that lists the names there are.
func (s *Scope) Find(name string) (*Named, error) {
	for in := s; in != nil; in = in.outer {
		p := in.own[name]
		if p != nil || in.failed[name] != nil {
			if err := s.refusal(in, name); err != nil {
				return nil, err
			}
		}
		if p != nil {
			return p, nil
		}
		if err := in.failed[name]; err != nil {
			return nil, err
		}
	}
	const most = 100 // of a name that a script looks up, which may be any string
	if len(name) > most {
		name = name[:most] + "…"
	}
	names := s.Names()
	if len(names) == 0 {
		return nil, fmt.Errorf("no pool %q; there are none", name)
	}
	return nil, fmt.Errorf("no pool %q; there are %s", name, listed(names))
}

// Pools returns the pools of the tenant in the order in which they were declared: its own, or those it sees from outside if it has
// none. A pool that is hidden is not among them.
func (s *Scope) Pools() []*Named {
	var all []*Named
	if s.outer != nil && (s.joint || len(s.order) == 0) {
		all = slices.DeleteFunc(s.outer.Pools(), func(p *Named) bool {
			return s.own[p.Name] != nil || s.failed[p.Name] != nil || !s.sees(s.outer, p.Name)
		})
	}
	return append(all, s.order...)
}

// Names returns the names that can be seen from s, sorted.
func (s *Scope) Names() []string {
	var names []string
	for in := s; in != nil; in = in.outer {
		for name := range in.own {
			if s.sees(in, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// listed writes names into an error message: `"a", "b" and 8 more`.
func listed(names []string) string {
	more := len(names) - maxListed
	if more > 0 {
		names = names[:maxListed]
	}
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = fmt.Sprintf("%q", name)
	}
	text := strings.Join(quoted, ", ")
	if more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
