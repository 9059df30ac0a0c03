package source

import (
	"context"
	"testing"
)

func TestATraceKnowsWhatIsLost(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		was, is Stamp
		lost    bool
	}{
		{"a file that was edited", "a", "b", false},
		{"a file that appears", Missing, "a", false},
		{"a file that is missing", "a", Missing, true},
		{"a file that is empty", "a", nothing, true},
		{"a longer list", listStamp([]string{"a"}), listStamp([]string{"a", "b"}), false},
		{"a shorter list", listStamp([]string{"a", "b"}), listStamp([]string{"b"}), true},
		{"another list", listStamp([]string{"a", "b"}), listStamp([]string{"a", "c"}), true},
		{"an empty list", listStamp([]string{"a"}), listStamp([]string{}), true},
	} {
		var trace, later Trace
		note := func(to *Trace, seen Stamp) {
			Note(WithTrace(t.Context(), to), "thing", seen, func(context.Context) Stamp { return row.is })
		}
		note(&trace, row.was)
		if c := trace.Changes(t.Context()); c.All == "" || c.Lost != row.lost {
			t.Errorf("%s: got %+v, want lost %t", row.name, c, row.lost)
		}
		note(&later, row.is)
		if !trace.Agrees(&later) {
			t.Errorf("%s: a load that has seen the same does not agree", row.name)
		}
		later = Trace{}
		note(&later, "third")
		if trace.Agrees(&later) {
			t.Errorf("%s: a load that has seen something else agrees", row.name)
		}
	}
}
