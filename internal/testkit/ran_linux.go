package testkit

import (
	"runtime"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// ThreadTime returns how long the thread has used a processor. The goroutine must be locked to it.
func ThreadTime() time.Duration {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at); err != nil {
		panic(err)
	}
	return time.Duration(at.Nano())
}

// Ran calls a function and returns how long its thread has used a processor. What other threads and programs take of the machine meanwhile is no
// part of it.
func Ran(f func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := ThreadTime()
	f()
	return ThreadTime() - start
}

// UsualTime is how long Usual takes on a machine on which nothing else runs.
const UsualTime = 30 * time.Microsecond

// Usual does some work, the same each time, and returns how long its thread has used a processor for it: longer where processors are slow, or others
// use their caches. What a piece of work takes may be compared with it.
func Usual() time.Duration {
	least := time.Hour
	for range 20 {
		least = min(least, Ran(func() {
			words := make([]string, 500)
			for i := range words {
				words[i] = strconv.Itoa(i * 7919 % 1000)
			}
			slices.Sort(words)
		}))
	}
	return least
}
