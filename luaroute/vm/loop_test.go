package vm

import (
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// capital is a value with one field that is read without a call.
type capital struct{ of *lua.LUserData }

func (c *capital) Field(of *lua.LUserData, name string) lua.LValue {
	if of == c.of && name == "France" {
		return lua.LString("Paris")
	}
	return nil
}

func TestAFieldOfAValueIsReadWithoutACall(t *testing.T) {
	t.Parallel()
	calls := 0
	meta := new(lua.LState).CreateTable(0, 1)
	meta.RawSetString("__index", GoFunc(func(L *lua.LState) int {
		calls++
		L.Push(lua.LString("called for " + lua.LVAsString(L.Get(2))))
		return 1
	}))
	value := &capital{of: &lua.LUserData{Metatable: meta}}
	value.of.Value = value
	for _, test := range []struct {
		name, body, want string
		calls            int
	}{
		{"a field", "local c = ... return c.France", "Paris", 0},
		{"a field by a name that is computed", "local c = ... return c['Fr' .. 'ance']", "Paris", 0},
		{"a field into the place of the value itself", "local c = ... c = c.France return c", "Paris", 0},
		{"a field in a coroutine", "return coroutine.wrap(function(c) return c.France end)(...)", "Paris", 0},
		{"what the value leaves to the function", "local c = ... return c.Spain", "called for Spain", 1},
		{"what is no name", "local c = ... return c[1]", "called for 1", 1},
		{"a field after one that was called for", "local c = ... return c.Spain .. c.France", "called for SpainParis", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			calls = 0
			img, refs := freeze(t, "keep(function(...) "+test.body+"\nend)", Options{})
			got, err := call(img.NewState(), refs[0], value.of)
			if err != nil || got != test.want || calls != test.calls {
				t.Errorf("got %q, %v after %d calls, want %q after %d", got, err, calls, test.want, test.calls)
			}
		})
	}
}
