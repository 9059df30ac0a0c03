package pool

import (
	"errors"
	"fmt"
	"testing"
)

func TestAPoolIsFoundFromInside(t *testing.T) {
	t.Parallel()
	outer := NewScope(nil)
	inner := NewScope(outer)
	a, b := new(Pool), new(Pool)
	if err := outer.Add(&Named{Pool: a, Name: "a"}); err != nil {
		t.Fatal(err)
	}
	if err := inner.Add(&Named{Pool: b, Name: "b"}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		scope *Scope
		name  string
		want  *Pool
		err   string
	}{
		{inner, "a", a, ""},
		{inner, "b", b, ""},
		{outer, "a", a, ""},
		{outer, "b", nil, `no pool "b"; there are "a"`},
		{inner, "c", nil, `no pool "c"; there are "a", "b"`},
		{NewScope(nil), "c", nil, `no pool "c"; there are none`},
	} {
		got, err := found(row.scope, row.name)
		if got != row.want || row.err != errText(err) {
			t.Errorf("find %q: %v, %q", row.name, got, errText(err))
		}
	}
}

func TestANameIsDeclaredOnceInAScopeAndMayHideAnOuterOne(t *testing.T) {
	t.Parallel()
	outer := NewScope(nil)
	inner := NewScope(outer)
	for _, row := range []struct {
		scope *Scope
		name  string
		err   string
	}{
		{outer, "a", ""},
		{outer, "a", `pool "a" is declared twice`},
		{inner, "a", ""},
		{inner, "b", ""},
		{NewScope(outer), "b", ""},
		{inner, "", "the pool's name is missing"},
	} {
		if err := row.scope.Add(&Named{Pool: new(Pool), Name: row.name}); errText(err) != row.err {
			t.Errorf("add %q: %q, want %q", row.name, errText(err), row.err)
		}
	}
}

func TestTheListOfPoolsInAnErrorIsBounded(t *testing.T) {
	t.Parallel()
	s := NewScope(nil)
	for i := range 13 {
		if err := s.Add(&Named{Pool: new(Pool), Name: fmt.Sprintf("p%02d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Find("x")
	const want = `no pool "x"; there are "p00", "p01", "p02", "p03", "p04", "p05", "p06", "p07", "p08", "p09" and 3 more`
	if errText(err) != want {
		t.Errorf("%v", err)
	}
}

func TestThePoolFurtherInIsFound(t *testing.T) {
	t.Parallel()
	outer := NewScope(nil)
	inner := NewScope(outer)
	there, here := &Named{Pool: new(Pool), Name: "a"}, &Named{Pool: new(Pool), Name: "a"}
	late := &Named{Pool: new(Pool), Name: "late"}
	inner.Fail("b", errors.New("no b"))
	inner.Fail("late", errors.New("no late"))
	if err := errors.Join(outer.Add(there), outer.Add(&Named{Pool: new(Pool), Name: "b"}), inner.Add(here), inner.Add(late)); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		scope *Scope
		name  string
		want  *Pool
		err   string
	}{
		{outer, "a", there.Pool, ""},
		{inner, "a", here.Pool, ""},
		{NewScope(inner), "a", here.Pool, ""},
		{inner, "b", nil, "no b"}, // and not the outer one
		{inner, "late", late.Pool, ""},
		{inner, "c", nil, `no pool "c"; there are "a", "b", "late"`},
	} {
		if got, err := found(row.scope, row.name); got != row.want || errText(err) != row.err {
			t.Errorf("%q: %v and %v, want %q", row.name, got, err, row.err)
		}
	}
	if here.Hides != there || there.Hides != nil || late.Hides != nil {
		t.Error("another pool is hidden")
	}
}

// found is the pool that a scope finds, nil for none.
func found(s *Scope, name string) (*Pool, error) {
	p, err := s.Find(name)
	if err != nil {
		return nil, err
	}
	return p.Pool, nil
}
