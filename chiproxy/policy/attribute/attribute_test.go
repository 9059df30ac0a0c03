package attribute_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/attribute"
)

// known is a set as tokens and lists of consumers have it.
func known(t *testing.T) (s attribute.Set) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(`{
		"name": "ann", "empty": "", "n": 12345678901234567890, "f": 1.50, "yes": true, "nothing": null,
		"list": ["a", 7, false], "none": [], "deep": [["a"]], "lines": "a\r\nX-Role: root", "some": ["a", "b\u0000"],
		"realm_access": { "roles": ["admin", "user"], "x.y": 1 }, "realm_access.roles.own": "itself", "object": {}
	}`))
	d.UseNumber()
	if err := d.Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAnAttributeIsTextAsAHeaderHasIt(t *testing.T) {
	t.Parallel()
	s := known(t)
	for path, want := range map[string]string{
		"name": "ann", "n": "12345678901234567890", "f": "1.50", "yes": "true", "list": "a,7,false", "realm_access.roles": "admin,user",
		"realm_access.roles.own": "itself",
		"":                       "-", "empty": "-", "nothing": "-", "missing": "-", "none": "-", "deep": "-", "lines": "-", "some": "-", "object": "-", "realm_access": "-",
		"name.x": "-", "realm_access.": "-", "realm_access.roles.x": "-", "realm_access.x.y": "-", ".": "-",
	} {
		got, ok := s.Text(path)
		if !ok {
			got = "-"
		}
		if got != want {
			t.Errorf("%q is %q; want %q", path, got, want)
		}
	}
}

func TestAnAttributeIsOneOfSomeValues(t *testing.T) {
	t.Parallel()
	s := known(t)
	for _, row := range []struct {
		path, values string
		want         bool
	}{
		{"name", "bob ann", true},
		{"name", "an", false},
		{"n", "12345678901234567890", true},
		{"n", "12345678901234567891", false},
		{"yes", "true", true},
		{"list", "x false", true},
		{"list", "a,7,false", false},
		{"deep", "a", false},
		{"none", "", false},
		{"missing", "", false},
		{"nothing", "", false},
		{"object", "", false},
		{"empty", "", true},
		{"realm_access.roles", "admin", true},
		{"realm_access.roles", "root", false},
	} {
		if got := s.Any(row.path, strings.Split(row.values, " ")); got != row.want {
			t.Errorf("%s is one of %s: %v", row.path, row.values, got)
		}
	}
	if s.Any("name", nil) {
		t.Error("something is one of nothing")
	}
}
