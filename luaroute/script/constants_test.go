package script

import (
	"fmt"
	"strings"
	"testing"
)

// list returns the text of a list of so many different texts.
func list(n int) string {
	var out strings.Builder
	out.WriteString("return {")
	for i := range n {
		fmt.Fprintf(&out, "'%d',", i)
	}
	return out.String() + "}"
}

func TestATextWhoseConstantsTakeLongToCompileIsRefused(t *testing.T) {
	t.Parallel()
	const refused = "one function has too many different texts, numbers and names"
	for _, row := range []struct {
		name, text string
		loaded     bool
		want       string
	}{
		{"a list that is loaded", list(1500), true, ""},
		{"a long list that is loaded", list(4000), true, refused},
		{"a list in a script", list(10_000), false, ""},
		{"a very long list in a script", list(60_000), false, refused},
		{"lists in several functions", strings.Repeat("f(function() "+list(500)+" end) ", 10), true, ""},
		{"one text very often", "return {" + strings.Repeat("'a',", 20_000) + "}", true, ""},
		{"the last of many very often", strings.TrimSuffix(list(1500), "}") + strings.Repeat("z,", 20_000) + "}", true, refused},
		{"a long key", "return t['" + strings.Repeat("x", maxName+1) + "']", true, "a name has 1001 bytes; allowed are 1000"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			compile := Compile
			if row.loaded {
				compile = CompileLoaded
			}
			_, err := compile("main.lua", []byte(row.text))
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "main.lua:1: "+row.want)) {
				t.Errorf("got %.200v, want %q", err, row.want)
			}
		})
	}
}
