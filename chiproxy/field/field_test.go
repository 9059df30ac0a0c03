package field

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
)

func TestCheckHeader(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ name, value, want string }{
		"a token and text":  {"X-A", "text \t ü", ""},
		"an empty value":    {"x-a", "", ""},
		"an empty name":     {"", "a", `"" is not a header name`},
		"a space in a name": {"X A", "a", `"X A" is not a header name`},
		"a colon in a name": {"X:A", "a", `"X:A" is not a header name`},
		"CR LF in a name":   {"X\r\nA", "a", `"X\r\nA" is not a header name`},
		"CR in a value":     {"X", "a\rb", `header X: the value "a\rb" has a control character`},
		"LF in a value":     {"X", "a\nb", `header X: the value "a\nb" has a control character`},
		"NUL in a value":    {"X", "a\x00b", `header X: the value "a\x00b" has a control character`},
	} {
		if err := Check(row.name, row.value); err == nil && row.want != "" || err != nil && (row.want == "" || !strings.HasPrefix(err.Error(), row.want)) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
}

func TestCheckMethod(t *testing.T) {
	t.Parallel()
	for method, ok := range map[string]bool{"GET": true, "PURGE": true, "M-SEARCH": true, "": false, "G T": false, "GET\r\n": false, "get": false} {
		if err := CheckMethod(method); (err == nil) != ok {
			t.Errorf("%q: %v", method, err)
		}
	}
}

func TestHeadersAreRemovedThenSetThenAdded(t *testing.T) {
	t.Parallel()
	h := http.Header{"A": {"old"}, "B": {"old"}, "C": {"old"}, "D": {"old"}}
	ops := Ops{Remove: []string{"a", "c", "absent"}, Set: http.Header{"b": {"new"}, "c": {"new"}}, Add: http.Header{"c": {"more"}, "d": {"more"}}}
	ops.Apply(h)
	want := http.Header{"B": {"new"}, "C": {"new", "more"}, "D": {"old", "more"}}
	if !reflect.DeepEqual(h, want) {
		t.Errorf("%v, want %v", h, want)
	}
}

func TestARequestCannotChangeTheDataOfAnAction(t *testing.T) {
	t.Parallel()
	ops := Ops{Set: http.Header{"A": {"1"}}, Add: http.Header{"B": {"1"}}}
	for range 2 {
		h := http.Header{}
		ops.Apply(h)
		if h.Get("A") != "1" || h.Get("B") != "1" {
			t.Fatalf("a request before has left its values: %v", h)
		}
		h["A"][0], h["B"][0] = "2", "2"
	}
}
