// Package pieces lets others run in the middle of long work: Go takes the processor from a goroutine only after 10 ms, which is long for
// a request that waits behind it.
//
//	var work pieces.Work
//	for _, route := range routes {
//		work.Step()
//		…
//	}
package pieces

import "runtime"

// Size is how many steps are made before others may run: with steps of some microseconds, about a millisecond.
const Size = 128

// Work is work that is made of steps. The zero Work is ready.
type Work struct {
	// Yield lets others run; nil stands for [runtime.Gosched].
	Yield func()
	steps int
}

// Step counts a step that is about to be made.
func (w *Work) Step() {
	if w.steps++; w.steps%Size != 0 {
		return
	}
	if w.Yield != nil {
		w.Yield()
		return
	}
	runtime.Gosched()
}
