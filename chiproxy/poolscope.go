package chiproxy

import (
	"fmt"
	"slices"
	"strings"
)

// poolScope holds the pools that one tenant sees: its own, and those of the scopes around it.
type poolScope struct {
	outer *poolScope
	own   map[string]*namedPool
	// order holds those in own, as they were added.
	order []*namedPool
	// failed says why pools could not be made, by name.
	failed map[string]*poolFailure
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
	return &poolScope{outer: outer, own: map[string]*namedPool{}}
}

// add makes a pool known. Names are lexical: an inner pool hides an outer one, so that a tenant need not know the names around it.
func (s *poolScope) add(p *namedPool) error {
	if p.name == "" {
		return fmt.Errorf("the pool's name is missing")
	}
	if first := s.own[p.name]; first != nil {
		return fmt.Errorf("pool %q is declared twice%s", p.name, alsoAt(first.at))
	}
	p.hides = s.hidden(p.name)
	s.own[p.name] = p
	s.order = append(s.order, p)
	return nil
}

// fail notes a pool that could not be made. Whoever asks for it gets err, unless another one of its name in s can be made.
func (s *poolScope) fail(name string, err *poolFailure) {
	if s.failed == nil {
		s.failed = map[string]*poolFailure{}
	}
	s.failed[name] = err
}

// hidden returns the pool outside that one of this name in s hides, or nil.
func (s *poolScope) hidden(name string) *namedPool {
	for in := s.outer; in != nil; in = in.outer {
		if p := in.own[name]; p != nil {
			return p
		}
	}
	return nil
}

// find returns the pool of that name, or an error that lists the names there are.
func (s *poolScope) find(name string) (*Pool, error) {
	for in := s; in != nil; in = in.outer {
		if p := in.own[name]; p != nil {
			return p.Pool, nil
		}
		if err := in.failed[name]; err != nil {
			return nil, err
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
