package vm

import (
	"errors"

	lua "github.com/yuin/gopher-lua"
)

// described replaces an error that is a table with a __tostring by what that says. It runs within the budget, as all that
// scripts do; if it fails, the error stays what it is.
func (s *State) described(err error) error {
	if err == nil || s.budget.ended != nil {
		return err
	}
	var api *lua.ApiError // after the calls that succeed have left: it is allocated
	if !errors.As(err, &api) {
		return err
	}
	object, ok := api.Object.(*lua.LTable)
	if !ok {
		return err
	}
	describe, ok := s.L.GetMetaField(object, "__tostring").(*lua.LFunction)
	if !ok {
		return err
	}
	top := s.L.GetTop()
	defer s.L.SetTop(top)
	s.L.Push(describe)
	s.L.Push(object)
	if pcall(s.L, 1, 1) != nil {
		return err
	}
	text, ok := s.L.Get(-1).(lua.LString)
	if !ok {
		return err
	}
	return &lua.ApiError{Type: api.Type, Object: text, StackTrace: api.StackTrace}
}
