package main

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

var (
	// namesMark stands before a table or paragraph that lists all names of a kind.
	namesMark = regexp.MustCompile(`^<!-- names: ([\w. ]+) -->$`)
	// codeSpan is a name in a document, perhaps with an object before it and arguments behind.
	codeSpan = regexp.MustCompile("`(?:\\w+[.:])?(\\w+)[^`]*`")
)

// documented returns the names that a document lists, by kind: of a table those in its first column.
func documented(t *testing.T, name string) map[string][]string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	kind := ""
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if m := namesMark.FindStringSubmatch(line); m != nil {
			kind = m[1]
			continue
		}
		if line == "" {
			kind = ""
		}
		if kind == "" {
			continue
		}
		if strings.HasPrefix(line, "|") {
			line = strings.Split(strings.ReplaceAll(line, `\|`, ""), "|")[1]
		}
		for _, m := range codeSpan.FindAllStringSubmatch(line, -1) {
			all[kind] = append(all[kind], m[1])
		}
	}
	return all
}

// compare reports names that only one of code and document has.
func compare(t *testing.T, document string, code map[string][]string) {
	t.Helper()
	listed := documented(t, document)
	for _, kind := range slices.Sorted(maps.Keys(code)) {
		if len(code[kind]) == 0 {
			t.Errorf("%s: the code seems to have none, so the test looks in the wrong place", kind)
		}
		for _, name := range code[kind] {
			if !slices.Contains(listed[kind], name) {
				t.Errorf("%s does not list %s %q", document, kind, name)
			}
		}
		for i, name := range listed[kind] {
			if !slices.Contains(code[kind], name) {
				t.Errorf("%s lists %s %q, which the code has not", document, kind, name)
			}
			if slices.Contains(listed[kind][:i], name) {
				t.Errorf("%s lists %s %q twice", document, kind, name)
			}
		}
	}
	for kind := range listed {
		if _, ok := code[kind]; !ok {
			t.Errorf("%s lists %s, which the test does not know", document, kind)
		}
	}
}

func TestTheReferenceListsTheKeysOfTheConfiguration(t *testing.T) {
	code := map[string][]string{}
	for kind, id := range map[string]string{
		"handler": "http.handlers.luaroute", "file source": "luaroute.sources.file", "inline source": "luaroute.sources.inline",
		"storage source": "luaroute.sources.storage",
		"permission":     "tls.permission.luaroute",
		"http library":   "luaroute.libs.http",
	} {
		info, err := caddy.GetModule(id)
		if err != nil {
			t.Fatal(err)
		}
		keys(reflect.TypeOf(info.New()), kind, code)
	}
	for _, key := range code["scripting"] { // what an instance and a tenant have in common is listed once
		for _, kind := range []string{"handler", "tenant"} {
			code[kind] = slices.DeleteFunc(code[kind], func(name string) bool { return name == key })
		}
	}
	compare(t, "../../docs/configuration.md", code)
}

func TestTheDocumentOfStateListsTheKeysOfRedis(t *testing.T) {
	info, err := caddy.GetModule("luaroute.kv.redis")
	if err != nil {
		t.Fatal(err)
	}
	code := map[string][]string{}
	keys(reflect.TypeOf(info.New()), "redis store", code)
	compare(t, "../../docs/state.md", code)
}

// keys collects the JSON keys of a structure, and of those in it.
func keys(of reflect.Type, kind string, into map[string][]string) {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || into[kind] != nil {
		return
	}
	for i := range of.NumField() {
		field := of.Field(i)
		if field.Anonymous {
			inner := kind
			if field.Name == "Scripting" { // what an instance and a tenant have in common
				inner = "scripting"
			}
			keys(field.Type, inner, into)
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		into[kind] = append(into[kind], name)
		if name == "limits" || name == "tenants" || name == "allow" {
			keys(field.Type, strings.Replace(name, "tenants", "tenant", 1), into)
		}
	}
}

func TestTheGrammarListsTheSubdirectives(t *testing.T) {
	for _, name := range []string{"../../README.md", "../../docs/configuration.md"} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			all, err := blocks(name)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(all, func(b *block) bool { return b.marked("grammar") })
			if i < 0 {
				t.Fatal("there is no grammar")
			}
			compareGrammar(t, all[i].text)
		})
	}
}

// compareGrammar compares a grammar with the subdirectives that the errors of the directive list.
func compareGrammar(t *testing.T, grammar string) {
	t.Helper()
	written := map[string][]string{}
	inside := ""
	for line := range strings.Lines(grammar) {
		word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch depth := len(line) - len(strings.TrimLeft(line, "\t")); {
		case word == "" || word == "}" || word == "..." || strings.HasPrefix(word, "#"):
		case depth == 1:
			written["luaroute"] = append(written["luaroute"], word)
			inside = word
		case depth == 2:
			written[inside] = append(written[inside], word)
		}
	}
	for kind, text := range map[string]string{
		"luaroute": "none_such", "tenant": "tenant t {\nnone_such\n}", "limits": "limits {\nnone_such\n}",
		"allow": "allow {\nnone_such\n}",
	} {
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte("http:// {\nluaroute {\n"+text+"\n}\n}\n"), nil)
		if err == nil {
			t.Fatal("a subdirective that is not there is accepted")
		}
		m := regexp.MustCompile(`expected ([\w, ]+), at`).FindStringSubmatch(err.Error())
		if m == nil {
			t.Fatalf("no names in %q", err)
		}
		want := strings.Split(strings.ReplaceAll(m[1], " or ", ", "), ", ")
		if got := slices.Sorted(slices.Values(written[kind])); !slices.Equal(got, want) {
			t.Errorf("the grammar of %s has %v, the directive %v", kind, got, want)
		}
	}
}
