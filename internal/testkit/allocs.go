package testkit

import "testing"

// rounds is how often Allocs counts: what else a process does, such as emptying its pools, makes a count larger and never smaller.
const rounds = 3

// Allocs counts the allocations of a call, the least of some rounds. With the race detector it makes the call once and reports none: there a
// sync.Pool drops at random what it was given, so tests ask for "at most".
func Allocs(runs int, f func()) float64 {
	if Race {
		f()
		return 0
	}
	least := testing.AllocsPerRun(runs, f)
	for range rounds - 1 {
		least = min(least, testing.AllocsPerRun(runs, f))
	}
	return least
}
