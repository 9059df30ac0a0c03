package vm

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestAnErrorThatIsATableIsWhatItsToStringSays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, meta, want string }{
		{"a text", `function(e) return "denied: " .. e.code end`, "denied: 7"},
		{"a string, before a message", `function(e) return "says " .. e.message end`, "says hello"},
		{"an error in it", `function(e) error("x") end`, "hello"},
		{"no text", `function(e) return {} end`, "hello"},
		{"no function", `5`, "hello"},
		{"none", `nil`, "hello"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := eval(t, `local e = setmetatable({ code = 7, message = "hello" }, { __tostring = `+test.meta+` })
				error(e)`)
			wantError(t, err, "main.lua", 2, test.want)
		})
	}
}

func TestTheToStringOfAnErrorRunsWithinTheBudget(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `keep(function() error(setmetatable({}, { __tostring = function() while true do end end })) end)`, Options{})
	s := img.NewState()
	s.Arm(Limits{CPU: 20 * time.Millisecond}, t.Context())
	if _, err := call(s, refs[0]); !errors.Is(err, ErrBudget) {
		t.Errorf("got %v, want the end of the budget", err)
	}
	if !s.Broken() {
		t.Error("the state is not broken")
	}
}

func TestAPanicInTheToStringOfAnErrorIsTheError(t *testing.T) {
	t.Parallel()
	img, refs := freeze(t, `local broken = broken keep(function() error(setmetatable({}, { __tostring = broken })) end)`,
		Options{Globals: brokenGlobals()})
	s := img.NewState()
	if _, err := call(s, refs[0]); err == nil || !strings.Contains(err.Error(), "panic: broken") || !s.Broken() {
		t.Errorf("got %v, broken %t; want the panic", err, s.Broken())
	}
}
