package chiproxy

import (
	"fmt"
	"testing"
)

func TestAPoolIsFoundFromInside(t *testing.T) {
	t.Parallel()
	outer := newPoolScope(nil)
	inner := newPoolScope(outer)
	a, b := new(Pool), new(Pool)
	if err := outer.add("a", a); err != nil {
		t.Fatal(err)
	}
	if err := inner.add("b", b); err != nil {
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

func TestANameMayNotShadow(t *testing.T) {
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
		{inner, "a", `pool "a": the name is taken by a pool that can be seen from here`},
		{inner, "b", ""},
		{newPoolScope(outer), "b", ""},
		{inner, "", "the pool's name is missing"},
	} {
		if err := row.scope.add(row.name, new(Pool)); errText(err) != row.err {
			t.Errorf("add %q: %q, want %q", row.name, errText(err), row.err)
		}
	}
}

func TestTheListOfPoolsInAnErrorIsBounded(t *testing.T) {
	t.Parallel()
	s := newPoolScope(nil)
	for i := range 13 {
		if err := s.add(fmt.Sprintf("p%02d", i), new(Pool)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.find("x")
	const want = `no pool "x"; there are "p00", "p01", "p02", "p03", "p04", "p05", "p06", "p07", "p08", "p09" and 3 more`
	if errText(err) != want {
		t.Errorf("%v", err)
	}
}

// errText is the text of an error, empty for none.
func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
