package chiproxy

import (
	"errors"
	"fmt"
	"testing"
)

func TestAPoolIsFoundFromInside(t *testing.T) {
	t.Parallel()
	outer := newPoolScope(nil)
	inner := newPoolScope(outer)
	a, b := new(Pool), new(Pool)
	if err := outer.add(&namedPool{Pool: a, name: "a"}); err != nil {
		t.Fatal(err)
	}
	if err := inner.add(&namedPool{Pool: b, name: "b"}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		scope *poolScope
		name  string
		want  *Pool
		err   string
	}{
		{inner, "a", a, ""},
		{inner, "b", b, ""},
		{outer, "a", a, ""},
		{outer, "b", nil, `no pool "b"; there are "a"`},
		{inner, "c", nil, `no pool "c"; there are "a", "b"`},
		{newPoolScope(nil), "c", nil, `no pool "c"; there are none`},
	} {
		got, err := row.scope.find(row.name)
		if got != row.want || row.err != errText(err) {
			t.Errorf("find %q: %v, %q", row.name, got, errText(err))
		}
	}
}

func TestANameIsDeclaredOnceInAScopeAndMayHideAnOuterOne(t *testing.T) {
	t.Parallel()
	outer := newPoolScope(nil)
	inner := newPoolScope(outer)
	for _, row := range []struct {
		scope *poolScope
		name  string
		err   string
	}{
		{outer, "a", ""},
		{outer, "a", `pool "a" is declared twice`},
		{inner, "a", ""},
		{inner, "b", ""},
		{newPoolScope(outer), "b", ""},
		{inner, "", "the pool's name is missing"},
	} {
		if err := row.scope.add(&namedPool{Pool: new(Pool), name: row.name}); errText(err) != row.err {
			t.Errorf("add %q: %q, want %q", row.name, errText(err), row.err)
		}
	}
}

func TestTheListOfPoolsInAnErrorIsBounded(t *testing.T) {
	t.Parallel()
	s := newPoolScope(nil)
	for i := range 13 {
		if err := s.add(&namedPool{Pool: new(Pool), name: fmt.Sprintf("p%02d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.find("x")
	const want = `no pool "x"; there are "p00", "p01", "p02", "p03", "p04", "p05", "p06", "p07", "p08", "p09" and 3 more`
	if errText(err) != want {
		t.Errorf("%v", err)
	}
}

func TestThePoolFurtherInIsFound(t *testing.T) {
	t.Parallel()
	outer := newPoolScope(nil)
	inner := newPoolScope(outer)
	there, here := &namedPool{Pool: new(Pool), name: "a"}, &namedPool{Pool: new(Pool), name: "a"}
	late := &namedPool{Pool: new(Pool), name: "late"}
	inner.fail("b", &poolFailure{error: errors.New("no b")})
	inner.fail("late", &poolFailure{error: errors.New("no late")})
	if err := errors.Join(outer.add(there), outer.add(&namedPool{Pool: new(Pool), name: "b"}), inner.add(here), inner.add(late)); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		scope *poolScope
		name  string
		want  *Pool
		err   string
	}{
		{outer, "a", there.Pool, ""},
		{inner, "a", here.Pool, ""},
		{newPoolScope(inner), "a", here.Pool, ""},
		{inner, "b", nil, "no b"}, // and not the outer one
		{inner, "late", late.Pool, ""},
		{inner, "c", nil, `no pool "c"; there are "a", "b", "late"`},
	} {
		if got, err := row.scope.find(row.name); got != row.want || errText(err) != row.err {
			t.Errorf("%q: %v and %v, want %q", row.name, got, err, row.err)
		}
	}
	if here.hides != there || there.hides != nil || late.hides != nil {
		t.Error("another pool is hidden")
	}
}

// errText is the text of an error, empty for none.
func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
