package vm

import (
	"time"

	lua "github.com/yuin/gopher-lua"
)

// Step is called before each instruction of Lua, with the thread that runs it.
type Step func(L *lua.LState)

// A state whose options have a Step never has steps left: so each instruction passes by, as at the end of a quantum, and those without one
// need not ask.

// ahead returns how many steps there are until the next look, if there would be so many without a Step.
func (s *State) ahead(steps int) int {
	if s.options.Step != nil {
		return 0
	}
	return steps
}

// longest returns the most time that one step counts for. What Step takes is not the script's.
func (s *State) longest() time.Duration {
	if s.options.Step != nil {
		return usualStep
	}
	return slowest
}

// stepped calls Step for the instruction that comes, and reports whether it is too early to look. While it is, size counts the steps since
// the last look, which left would else.
func (b *budget) stepped() bool {
	L := b.state.L
	if running := L.G.CurrentThread; running != nil {
		L = running
	}
	b.state.options.Step(L)
	if b.left < -1 || b.size >= quantum/b.slow || b.ended != nil || b.made+b.guessed > b.room() {
		return false // more than a step was counted, or all that are ahead have been
	}
	b.left, b.size = 0, b.size+1
	return true
}
