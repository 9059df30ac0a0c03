package testkit

import (
	"runtime"
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
