package vm

import (
	"errors"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
)

// compile compiles a script or ends the test.
func compile(t testing.TB, src string) *script.Program {
	t.Helper()
	p, err := script.Compile("main.lua", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// load runs a script in a builder that has keep(fn), which keeps a function. It returns the refs in order.
func load(t testing.TB, src string, o Options) (*Builder, *[]Ref) {
	t.Helper()
	b, refs := newBuilder(o)
	if err := b.Run(compile(t, src)); err != nil {
		t.Fatal(err)
	}
	return b, refs
}

func newBuilder(o Options) (*Builder, *[]Ref) {
	refs := &[]Ref{}
	if o.Globals == nil {
		o.Globals = map[string]lua.LValue{}
	}
	b := (*Builder)(nil)
	o.Globals["keep"] = GoFunc(func(L *lua.LState) int {
		*refs = append(*refs, b.Keep(L.CheckFunction(1)))
		return 0
	})
	b = NewBuilder(Standard, o)
	return b, refs
}

// freeze loads a script and freezes it.
func freeze(t testing.TB, src string, o Options) (*Image, []Ref) {
	t.Helper()
	b, refs := load(t, src, o)
	img, err := b.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	return img, *refs
}

// eval runs the text of a function in a state that serves requests, and returns its first result as text.
func eval(t testing.TB, body string) (string, error) {
	t.Helper()
	img, refs := freeze(t, "keep(function(...) "+body+"\nend)", Options{})
	s := img.NewState()
	s.Arm(Limits{CPU: time.Hour}, t.Context())
	return call(s, refs[0])
}

// call calls a kept function and returns its first result as text.
func call(s *State, ref Ref, args ...lua.LValue) (string, error) {
	if err := s.Call(s.Func(ref), 1, args...); err != nil {
		return "", err
	}
	v := s.L.Get(-1)
	s.L.Pop(1)
	return v.String(), nil
}

// wantError checks the place of an error, and that its message has a text in it.
func wantError(t testing.TB, err error, name string, line int, text string) {
	t.Helper()
	var e *script.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %T %v, want a *script.Error", err, err)
	}
	if e.Script != name || e.Line != line || !strings.Contains(e.Message, text) {
		t.Errorf("got %q line %d, %q; want %s:%d with %q", e.Script, e.Line, e.Message, name, line, text)
	}
}
