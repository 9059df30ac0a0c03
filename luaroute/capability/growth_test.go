package capability_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestNoReplacementMakesATextLongerThanItIsCountedFor replaces in texts that are chosen to grow.
func TestNoReplacementMakesATextLongerThanItIsCountedFor(t *testing.T) {
	t.Parallel()
	s := set(t, nil)
	for _, row := range []struct {
		search, expression, replace string
		most                        float64
	}{
		{search: "http:", replace: "https:", most: 1.2},
		{search: "a", replace: "aa", most: 2},
		{search: "aaaa", replace: "b", most: 1},
		{search: "", replace: "bbb", most: 4},
		{expression: "^/old/(.*)$", replace: "/new/$1", most: 1},
		{expression: "^(.*)$", replace: "$1$1", most: 2},
		{expression: "a*", replace: "bb", most: 3},
		{expression: "(a)", replace: "$1$1$1", most: 9},
		{expression: "aa|aaa", replace: "aaaa", most: 2},
		{expression: "(?m)^", replace: "bb", most: 3},
		{expression: "/{2,}", replace: "/", most: 1},
		{expression: "[ab]{3}", replace: "abcabc", most: 2},
	} {
		op, err := json.Marshal(map[string]string{"search": row.search, "search_regexp": row.expression, "replace": row.replace})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Admit("http.handlers.headers", json.RawMessage(fmt.Sprintf(`{"request":{"replace":{"X":[%s]}}}`, op)))
		if err != nil || got.Growth > row.most {
			t.Errorf("%s: %.2f, %v; want at most %.2f", op, got.Growth, err, row.most)
		}
		for _, text := range []string{"a", "aaaaaaaaaaaa", "ab/ab//ab", "/old/aaa", "http:http:http:", "\n\n\n\n", strings.Repeat("a", 1000)} {
			made := strings.ReplaceAll(text, row.search, row.replace)
			if row.expression != "" {
				made = regexp.MustCompile(row.expression).ReplaceAllString(text, row.replace)
			}
			// A text that is matched once, or between its bytes, has as much more as the replacement has.
			if most := got.Growth*float64(len(text)) + float64(len(row.replace)); float64(len(made)) > most {
				t.Errorf("%s makes %d bytes of %d; it was counted for %.0f", op, len(made), len(text), most)
			}
		}
	}
}
