package host

import (
	"slices"
	"testing"
)

func TestASetHoldsNamesAndWildcardsForOneLabel(t *testing.T) {
	t.Parallel()
	s := NewSet([]string{"a.example", "*.b.example", "::1"})
	for key, want := range map[string]struct{ has, names, covers, meets bool }{
		"a.example":     {true, true, true, true},
		"x.b.example":   {true, false, true, true},
		"b.example":     {},
		"x.y.b.example": {},
		"::1":           {true, true, true, true},
		"*.b.example":   {true, true, true, true},
		"*.example":     {meets: true}, // a.example
		"*.c.example":   {},
	} {
		if got := s.Has(key); got != want.has {
			t.Errorf("%q: has is %v", key, got)
		}
		if got := s.Names(key); got != want.names {
			t.Errorf("%q: names is %v", key, got)
		}
		if got := s.Covers(key); got != want.covers {
			t.Errorf("%q: covers is %v", key, got)
		}
		if got := s.Meets(key); got != want.meets {
			t.Errorf("%q: meets is %v", key, got)
		}
	}
	if got := slices.Sorted(s.Keys()); !slices.Equal(got, []string{"*.b.example", "::1", "a.example"}) {
		t.Errorf("its keys are %q", got)
	}
}

func TestTheNilSetHoldsEveryHost(t *testing.T) {
	t.Parallel()
	s := NewSet(nil)
	if !s.Has("a.example") || !s.Covers("*.example") || !s.Meets("*.example") || s.Names("a.example") || slices.Collect(s.Keys()) != nil {
		t.Error("it does not")
	}
}
