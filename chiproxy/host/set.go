package host

import (
	"iter"
	"strings"
)

// Set is a set of hosts, by name and by wildcard. The nil set holds every host.
type Set struct{ index Index[bool] }

// NewSet returns the set of the keys given, or nil when there is none.
func NewSet(keys []string) *Set {
	if len(keys) == 0 {
		return nil
	}
	s := &Set{}
	for _, k := range keys {
		s.index.Put(k, true)
	}
	return s
}

// Has reports whether a host, as Name returns it, is in the set.
func (s *Set) Has(name string) bool {
	if s == nil {
		return true
	}
	named, wild := s.index.Find(name)
	return named || wild
}

// Names reports whether a key itself is in the set: a host by its name, and not only by a wildcard.
func (s *Set) Names(key string) bool { return s != nil && s.index.Get(key) }

// Covers reports whether all hosts that a key stands for are in the set.
func (s *Set) Covers(key string) bool {
	return s == nil || s.index.Get(key) || !strings.HasPrefix(key, "*.") && s.Has(key)
}

// Meets reports whether some host that a key stands for is in the set.
func (s *Set) Meets(key string) bool {
	if s.Covers(key) {
		return true
	}
	for name := range s.index.named {
		if Wildcard(name) == key {
			return true
		}
	}
	return false
}

// Keys are the keys in the set, in no order; of the nil set, none.
func (s *Set) Keys() iter.Seq[string] {
	return func(yield func(string) bool) {
		if s == nil {
			return
		}
		for name := range s.index.named {
			if !yield(name) {
				return
			}
		}
		for domain := range s.index.wild {
			if !yield("*." + domain) {
				return
			}
		}
	}
}
