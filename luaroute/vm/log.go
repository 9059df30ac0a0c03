package vm

import (
	"go.uber.org/zap"

	lua "github.com/yuin/gopher-lua"
)

const (
	// MaxLogged is how many bytes a script may log for one request, or while it loads: a log is on a disk that others
	// need, too.
	MaxLogged = 256 << 10
	// leastLogged is what a line counts for at least.
	leastLogged = 256
	// logSteps is what a line counts for in time: some microseconds.
	logSteps = 100
)

// MayLog says whether a script may log a line of so many bytes, and counts them. The first line that is too much is replaced
// by one that says so.
func (s *State) MayLog(L *lua.LState, bytes int) bool {
	Spend(L, logSteps+bytes/64)
	if s.budget.logged > MaxLogged {
		return false
	}
	s.budget.logged += max(bytes, leastLogged)
	if s.budget.logged <= MaxLogged {
		return true
	}
	s.Logger().Warn("the script logs too much for one request; the rest is left out",
		zap.Int("allowed", MaxLogged), zap.String("script", Where(L)))
	return false
}
