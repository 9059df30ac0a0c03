package source_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// traced loads everything of a source, and returns what it has looked at.
func traced(t *testing.T, s source.Source, modules ...string) *source.Trace {
	t.Helper()
	trace := new(source.Trace)
	ctx := source.WithTrace(t.Context(), trace)
	set := source.Set{s}
	scripts, err := set.Scripts(ctx)
	if err != nil {
		return trace
	}
	for _, name := range modules {
		_, _ = set.Module(ctx, scripts[0].Name, name)
		_, _ = set.Data(ctx, scripts[0].Name, name+".txt")
	}
	return trace
}

func TestATraceNoticesEveryChangeOfWhatWasLookedAt(t *testing.T) {
	write := func(name, text string) func(*testing.T) {
		return func(t *testing.T) {
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(*testing.T) {
		return func(t *testing.T) {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	same := func(t *testing.T) { // of one size, at one time
		info, err := os.Stat("main.lua")
		if err != nil {
			t.Fatal(err)
		}
		write("main.lua", "2")(t)
		if err := os.Chtimes("main.lua", time.Time{}, info.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		name   string
		change func(*testing.T)
		want   string
	}{
		{"nothing", func(*testing.T) {}, ""},
		{"a file that nobody read", write("other.txt", "x"), ""},
		{"the same bytes", write("main.lua", "1"), ""},
		{"a script", write("main.lua", "longer"), "file main.lua"},
		{"a script of the same size and time", same, "file main.lua"},
		{"a script that is gone", remove("main.lua"), "glob *.lua"},
		{"a script more", write("more.lua", "1"), "glob *.lua"},
		{"a module", write("lib/init.lua", "2"), "file lib/init.lua"},
		{"a module nearer", write("lib.lua", "2"), "file lib.lua"},
		{"a module that was missing", write("none.lua", "2"), "file none.lua"},
		{"a data file", write("lib.txt", "2"), "file lib.txt"},
		{"a data file that is gone", remove("lib.txt"), "file lib.txt"},
	} {
		t.Run(row.name, func(t *testing.T) {
			folder(t, map[string]string{"main.lua": "1", "lib/init.lua": "1", "lib.txt": "1"})
			trace := traced(t, &source.File{Files: []string{"*.lua"}}, "lib", "none")
			if changes := trace.Changes(t.Context()).All; changes != "" {
				t.Fatalf("before: %q", changes)
			}
			row.change(t)
			changes := trace.Changes(t.Context()).All
			if (changes == "") != (row.want == "") || !strings.Contains(changes, row.want+"\x00") && row.want != "" {
				t.Errorf("the changes are %q; want %q", changes, row.want)
			}
			if again := trace.Changes(t.Context()).All; again != changes {
				t.Errorf("the second look sees %q, the first %q", again, changes)
			}
		})
	}
}

func TestALoadThatFailsIsTraced(t *testing.T) {
	folder(t, map[string]string{"other.lua": "1"})
	trace := traced(t, &source.File{Files: []string{"main.lua"}})
	if changes := trace.Changes(t.Context()).All; changes != "" {
		t.Fatalf("before: %q", changes)
	}
	if err := os.WriteFile("main.lua", []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if trace.Changes(t.Context()).All == "" {
		t.Error("the script that was missing is not noticed")
	}
}

func TestALookWithoutATraceIsNotNoted(t *testing.T) {
	t.Parallel()
	source.Note(context.Background(), "x", "", nil) // nothing is called
}
