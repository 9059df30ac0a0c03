// Package official runs the test suite of Lua 5.1 on the machine that scripts run on. The suite is not a part of the project: the module
// of gopher-lua brings it along.
package official

import (
	"bytes"
	"context"
	"fmt"
	"go/build"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/stdlib"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

func TestTheOfficialSuiteOfLuaPasses(t *testing.T) {
	t.Parallel()
	module, err := build.Import("github.com/yuin/gopher-lua", ".", build.FindOnly)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(module.Dir, "_lua5.1-tests")
	for _, f := range files {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join(folder, f.name))
			if err != nil {
				t.Fatal(err)
			}
			f.check(t, f.edited(t, text))
		})
	}
}

func TestEachFileOfTheOfficialSuiteIsRunOrLeftOutForAReason(t *testing.T) {
	t.Parallel()
	module, err := build.Import("github.com/yuin/gopher-lua", ".", build.FindOnly)
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(module.Dir, "_lua5.1-tests", "*.lua"))
	if err != nil || len(found) == 0 {
		t.Fatalf("%v, and %d files", err, len(found))
	}
	for _, name := range found {
		name = filepath.Base(name)
		run := slices.ContainsFunc(files, func(f file) bool { return f.name == name })
		if run == (leftOut[name] != "") {
			t.Errorf("%s must be either run or left out", name)
		}
	}
	if len(found) != len(files)+len(leftOut) {
		t.Errorf("there are %d files; %d run and %d are left out", len(found), len(files), len(leftOut))
	}
}

// file is a file of the suite.
type file struct {
	name   string
	edits  []edit
	passes int            // how many times an assert passes
	fails  map[int]string // the lines of asserts that fail, and why that is right
}

// edit is what has to be different in a file.
type edit struct {
	from, to int    // the lines
	begins   string // how the first of them begins, so that an edit of another version is noticed
	change   change
	why      string
}

// change is what is done with a line.
type change func(line string) string

// out leaves a line out.
func out(string) string { return "" }

// in takes the mark of a comment away: gopher-lua cannot do it, and we can.
func in(line string) string { return strings.TrimPrefix(line, "--") }

// by replaces a line.
func by(text string) change { return func(string) string { return text } }

// edited returns the text of the file with its edits. Lines keep their numbers.
func (f *file) edited(t *testing.T, text []byte) []byte {
	t.Helper()
	lines := strings.Split(string(text), "\n")
	for _, e := range f.edits {
		if e.to > len(lines) || e.from > e.to || !strings.HasPrefix(strings.TrimSpace(lines[e.from-1]), e.begins) {
			t.Fatalf("%s:%d: the edit because %s does not apply: want a line that begins with %q", f.name, e.from, e.why, e.begins)
		}
		for i := e.from - 1; i < e.to; i++ {
			lines[i] = e.change(lines[i])
		}
	}
	return []byte(strings.Join(lines, "\n"))
}

// check runs the text as a script that loads, with an assert that counts.
func (f *file) check(t *testing.T, text []byte) {
	t.Helper()
	program, err := script.Compile(f.name, text)
	if err != nil {
		t.Fatal(err)
	}
	passed, failed := 0, map[int]int{}
	assert := vm.GoFunc(func(L *lua.LState) int {
		if lua.LVAsBool(L.CheckAny(1)) {
			passed++
			return L.GetTop()
		}
		name, line, _ := strings.Cut(vm.Where(L), ":")
		if name != f.name { // a text that the suite loads, to see it fail
			L.RaiseError("%s", L.OptString(2, "assertion failed!"))
		}
		n := 0
		if _, err := fmt.Sscan(line, &n); err != nil {
			t.Errorf("an assert fails at %s", vm.Where(L))
		}
		failed[n]++
		return L.GetTop()
	})
	b := vm.NewBuilder(stdlib.Open, vm.Options{
		Load:    vm.Limits{CPU: time.Minute},
		Context: context.Background(),
		Globals: map[string]lua.LValue{
			"assert":         assert,
			"collectgarbage": vm.GoFunc(func(*lua.LState) int { return 0 }), // the suite looks for faults of the collector
		},
	})
	if err := b.Run(program); err != nil {
		t.Errorf("it ended early: %v", err)
	}
	lines := bytes.Split(text, []byte("\n"))
	for _, line := range slices.Sorted(maps.Keys(failed)) {
		if f.fails[line] == "" {
			t.Errorf("%s:%d: it fails %d times: %s", f.name, line, failed[line], lines[line-1])
		}
	}
	for _, line := range slices.Sorted(maps.Keys(f.fails)) {
		if failed[line] == 0 {
			t.Errorf("%s:%d: it does not fail, but is said to, because %s", f.name, line, f.fails[line])
		}
	}
	if passed != f.passes {
		t.Errorf("%d asserts pass; want %d", passed, f.passes)
	}
}
