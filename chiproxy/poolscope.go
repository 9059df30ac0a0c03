package chiproxy

import (
	"fmt"
	"slices"
	"strings"
)

// poolScope holds the pools that one tenant sees: its own, and those of the scopes around it.
type poolScope struct {
	outer *poolScope
	own   map[string]*Pool
	// order holds the names in own, as they were added.
	order []string
	// joint says that the pools of outer belong to the tenant, too.
	joint bool
	// strip is the prefix of the tenant, if it is taken off what is forwarded.
	strip string
}

// stripped returns an action that forwards without the prefix of the tenant, if that is to be so.
func (s *poolScope) stripped(a Action) Action {
	if s == nil || s.strip == "" {
		return a
	}
	return stripping(a, s.strip)
}

// maxListed bounds the names in an error message.
const maxListed = 10

func newPoolScope(outer *poolScope) *poolScope {
	return &poolScope{outer: outer, own: map[string]*Pool{}}
}

// add makes a pool known. A name may not shadow one of an outer scope: the script that meant one pool would
// silently forward to another.
func (s *poolScope) add(name string, p *Pool) error {
	if name == "" {
		return fmt.Errorf("the pool's name is missing")
	}
	if _, taken := s.own[name]; taken {
		return fmt.Errorf("pool %q is declared twice", name)
	}
	for in := s.outer; in != nil; in = in.outer {
		if _, taken := in.own[name]; taken {
			return fmt.Errorf("pool %q: the name is taken by a pool that can be seen from here", name)
		}
	}
	s.own[name] = p
	s.order = append(s.order, name)
	return nil
}

// find returns the pool of that name, or an error that lists the names there are.
func (s *poolScope) find(name string) (*Pool, error) {
	for in := s; in != nil; in = in.outer {
		if p, ok := in.own[name]; ok {
			return p, nil
		}
	}
	names := s.names()
	if len(names) == 0 {
		return nil, fmt.Errorf("no pool %q; there are none", name)
	}
	return nil, fmt.Errorf("no pool %q; there are %s", name, listed(names))
}

// names returns the names that can be seen from s, sorted.
func (s *poolScope) names() []string {
	var names []string
	for in := s; in != nil; in = in.outer {
		for name := range in.own {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
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
