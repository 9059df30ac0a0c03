package simulate

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/stdlib"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Selection says which tests run. The zero Selection takes all.
type Selection struct {
	// Filter is a Lua pattern that the whole name of a test must match.
	Filter string
	// Tags are words of which the name must have one, as in "#slow"; tests that have one of Without do not run.
	Tags, Without []string
}

// tag is a tag in the name of a test or a group.
var tag = regexp.MustCompile(`(?:^|\s)#([\w-]+)`)

// selector asks a selection about tests.
type selector struct {
	Selection
	state *vm.State // for the pattern
	find  *lua.LFunction
}

func (s Selection) selector() *selector {
	b := vm.NewBuilder(stdlib.Open, vm.Options{})
	state := b.State()
	find, _ := state.L.GetField(b.Global("string"), "find").(*lua.LFunction)
	return &selector{s, state, find}
}

// Check fails if the filter is no pattern.
func (s Selection) Check() error {
	_, err := s.selector().matches("")
	return err
}

// takes reports whether a test of a name runs.
func (s *selector) takes(title string) (bool, error) {
	var has []string
	for _, found := range tag.FindAllStringSubmatch(title, -1) {
		has = append(has, found[1])
	}
	any := func(tags []string) bool {
		return slices.ContainsFunc(tags, func(tag string) bool { return slices.Contains(has, strings.TrimPrefix(tag, "#")) })
	}
	if any(s.Without) || len(s.Tags) > 0 && !any(s.Tags) {
		return false, nil
	}
	return s.matches(title)
}

func (s *selector) matches(title string) (bool, error) {
	if s.Filter == "" {
		return true, nil
	}
	s.state.Arm(limits, context.Background())
	if err := s.state.Call(s.find, 1, lua.LString(title), lua.LString(s.Filter)); err != nil {
		return false, fmt.Errorf("the pattern %q: %s", s.Filter, script.AsError(err).Message)
	}
	found := s.state.L.Get(-1) != lua.LNil
	s.state.L.Pop(1)
	return found, nil
}
