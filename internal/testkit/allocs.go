package testkit

import "testing"

// Allocs counts the allocations of a call. With the race detector it makes the call once and reports none: there a sync.Pool drops at
// random what it was given, so tests ask for "at most".
func Allocs(runs int, f func()) float64 {
	if Race {
		f()
		return 0
	}
	return testing.AllocsPerRun(runs, f)
}
