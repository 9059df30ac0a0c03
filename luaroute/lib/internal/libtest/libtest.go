// Package libtest runs scripts with one library, for the tests of the libraries.
package libtest

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/stdlib"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// World is a library under test. Scripts have it in a local of its name.
type World struct {
	Name    string
	Library vm.Library
	// Services are what the library needs of the room above; see vm.Service.
	Services []any
	// Globals are what scripts have besides keep.
	Globals map[string]lua.LValue
}

// State returns a state that serves requests, and the function that a script has given to keep.
func (w World) State(t testing.TB, code string) (*vm.State, vm.Ref) {
	t.Helper()
	img, ref := w.Image(t, code)
	return img.NewState(), ref
}

// Image returns what a script leaves when it has run, and the function that it has given to keep.
func (w World) Image(t testing.TB, code string) (*vm.Image, vm.Ref) {
	t.Helper()
	var ref vm.Ref
	var b *vm.Builder
	globals := map[string]lua.LValue{"keep": vm.GoFunc(func(L *lua.LState) int {
		ref = b.Keep(L.CheckFunction(1))
		return 0
	})}
	maps.Copy(globals, w.Globals)
	b = vm.NewBuilder(stdlib.Open, vm.Options{
		Libraries: map[string]vm.Library{w.Name: w.Library},
		Services:  w.Services,
		Globals:   globals,
	})
	p, err := script.Compile("main.lua", []byte("local "+w.Name+" = require('"+w.Name+"') "+code))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Run(p); err != nil {
		t.Fatal(err)
	}
	img, err := b.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	return img, ref
}

// Call runs the body of a function while a request runs, and returns its first result as text.
func (w World) Call(t testing.TB, body string) (string, error) {
	t.Helper()
	s, ref := w.State(t, "keep(function() "+body+"\nend)")
	s.Arm(vm.Limits{CPU: time.Minute}, t.Context())
	return Text(s, s.Call(s.Func(ref), 1))
}

// Text returns the result of a call as text.
func Text(s *vm.State, err error) (string, error) {
	if err != nil {
		return "", err
	}
	v := s.L.Get(-1)
	s.L.Pop(1)
	return v.String(), nil
}

// Eval returns what expressions are while a request runs, as texts with blanks between them.
func (w World) Eval(t testing.TB, expressions string) (string, error) {
	t.Helper()
	return w.Call(t, "local all, n = {}, 0 "+
		"local function take(...) n = select('#', ...) for i = 1, n do all[i] = tostring((select(i, ...))) end end "+
		"take("+expressions+") return table.concat(all, ' ')")
}

// Row is the name of a test, expressions, and what they are.
type Row = [3]string

// Check evaluates expressions, and compares what they are.
func (w World) Check(t *testing.T, rows []Row) {
	t.Helper()
	for _, row := range rows {
		t.Run(row[0], func(t *testing.T) {
			t.Parallel()
			if got, err := w.Eval(t, row[1]); err != nil || got != row[2] {
				t.Errorf("got  %s, %v\nwant %s", got, err, row[2])
			}
		})
	}
}

// EndWithTheBudget checks that each of some functions ends because its time is used up. They are bodies of functions
// that would run for ever.
func (w World) EndWithTheBudget(t *testing.T, bodies map[string]string) {
	t.Helper()
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			s, ref := w.State(t, "keep(function() "+body+" end)")
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // only a fault takes that long
			defer cancel()
			s.Arm(vm.Limits{CPU: 50 * time.Millisecond}, ctx)
			if err := s.Call(s.Func(ref), 0); !errors.Is(err, vm.ErrBudget) {
				t.Errorf("got %v, want the end of the budget", err)
			}
		})
	}
}

// String returns a text as an argument of a call.
func String(s string) lua.LValue { return lua.LString(s) }
