//go:build !linux

package testkit

import "time"

// Ran calls a function and returns how long it took: on Linux what its thread has run, elsewhere by a clock.
func Ran(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}
