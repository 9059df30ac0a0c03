package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/lint"
)

// everywhere are findings of all places that one may have.
func everywhere(t *testing.T) []finding {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	load := newFinding("load", "100% wrong:\nfield, a")
	line, column, path := newFinding("global", "g"), newFinding("unknown-field", "f"), newFinding("unused-pool", "p")
	line.Script, line.Line = filepath.Join(here, "a b.lua"), 3
	column.Script, column.Line, column.Column, column.Instance = filepath.Join(filepath.Dir(here), "x,y.lua"), 4, 5, "main"
	path.Script = "pools.users"
	note := newFinding("allow", "they need\nallow {\n}")
	return []finding{load, line, column, path, note}
}

func written(t *testing.T, format string, found []finding) string {
	t.Helper()
	var out bytes.Buffer
	if err := report(&out, format, found); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestFindingsAreReportedAsText(t *testing.T) {
	t.Parallel()
	here, _ := os.Getwd()
	want := strings.ReplaceAll(`error: 100% wrong:
field, a
$here/a b.lua:3: warning: g (global)
$up/x,y.lua:4:5: warning: f (unknown-field)
pools.users: warning: p (unused-pool)
note: they need
allow {
}
`, "$here", here)
	want = strings.ReplaceAll(want, "$up", filepath.Dir(here))
	if got := written(t, formatText, everywhere(t)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := written(t, formatText, nil); got != "no findings\n" {
		t.Errorf("got %s", got)
	}
}

func TestFindingsAreReportedAsCommandsOfGitHub(t *testing.T) {
	t.Parallel()
	here, _ := os.Getwd()
	want := strings.ReplaceAll(`::error title=load::100%25 wrong:%0Afield, a
::warning file=a b.lua,line=3,title=global::g
::warning file=$up/x%2Cy.lua,line=4,col=5,title=unknown-field::f
::warning title=unused-pool::pools.users: p
::notice title=allow::they need%0Aallow {%0A}
`, "$up", filepath.ToSlash(filepath.Dir(here)))
	if got := written(t, formatGitHub, everywhere(t)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := written(t, formatGitHub, nil); got != "" {
		t.Errorf("got %s", got)
	}
}

// part returns what is at a path of fields and places in lists.
func part(t *testing.T, value any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			value = value.(map[string]any)[step]
		case int:
			value = value.([]any)[step]
		}
	}
	return value
}

// What section 3 of the standard requires, and what GitHub needs besides: an ID and a level for each rule, and for each result a message and a
// rule.
func TestFindingsAreReportedAsSARIF(t *testing.T) {
	t.Parallel()
	for _, found := range [][]finding{everywhere(t), nil} {
		var log any
		if err := json.Unmarshal([]byte(written(t, formatSARIF, found)), &log); err != nil {
			t.Fatal(err)
		}
		if version := part(t, log, "version"); version != "2.1.0" {
			t.Errorf("the version is %v", version)
		}
		if schema, _ := part(t, log, "$schema").(string); !strings.HasPrefix(schema, "https://") || !strings.HasSuffix(schema, "sarif-2.1.0.json") {
			t.Errorf("the schema is %v", schema)
		}
		if runs := part(t, log, "runs").([]any); len(runs) != 1 {
			t.Fatalf("there are %d runs", len(runs))
		}
		if name := part(t, log, "runs", 0, "tool", "driver", "name"); name != "luaroute" {
			t.Errorf("the driver is %v", name)
		}
		rules := part(t, log, "runs", 0, "tool", "driver", "rules").([]any)
		if len(rules) != len(lint.Kinds) {
			t.Errorf("there are %d rules", len(rules))
		}
		for i, kind := range lint.Kinds {
			if part(t, rules, i, "id") != kind.Name || part(t, rules, i, "shortDescription", "text") != kind.Text ||
				part(t, rules, i, "defaultConfiguration", "level") != string(kind.Level) {
				t.Errorf("rule %d is %v", i, rules[i])
			}
		}
		results := part(t, log, "runs", 0, "results").([]any) // a list, even if it is empty: null is no result of a run
		if len(results) != len(found) {
			t.Fatalf("there are %d results", len(results))
		}
		for i, f := range found {
			rule := int(part(t, results, i, "ruleIndex").(float64))
			if part(t, rules, rule, "id") != f.Kind || part(t, results, i, "ruleId") != f.Kind || part(t, results, i, "level") != string(f.Severity) ||
				part(t, results, i, "message", "text") != f.Message {
				t.Errorf("result %d is %v", i, results[i])
			}
		}
	}
	var log any
	if err := json.Unmarshal([]byte(written(t, formatSARIF, everywhere(t))), &log); err != nil {
		t.Fatal(err)
	}
	results := part(t, log, "runs", 0, "results").([]any)
	if _, ok := results[0].(map[string]any)["locations"]; ok {
		t.Error("an error without a place has one")
	}
	physical := func(i int) any { return part(t, results, i, "locations", 0, "physicalLocation") }
	if part(t, physical(1), "artifactLocation", "uri") != "a%20b.lua" || part(t, physical(1), "region", "startLine") != 3.0 ||
		part(t, physical(1), "region", "startColumn") != nil {
		t.Errorf("got %v", physical(1))
	}
	uri, _ := part(t, physical(2), "artifactLocation", "uri").(string)
	if !strings.HasPrefix(uri, "file:///") || !strings.HasSuffix(uri, "/x,y.lua") || part(t, physical(2), "region", "startColumn") != 5.0 {
		t.Errorf("got %v", physical(2))
	}
	if name := part(t, results, 3, "locations", 0, "logicalLocations", 0, "fullyQualifiedName"); name != "pools.users" {
		t.Errorf("got %v", name)
	}
}

func TestTheDocumentsListTheKindsOfFindings(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, kind := range lint.Kinds {
		want.WriteString("| `" + kind.Name + "` | " + string(kind.Level) + " | " + kind.Text + " |\n")
	}
	if !strings.Contains(string(text), want.String()) {
		t.Errorf("docs/commands.md does not have\n%s", &want)
	}
}
