package testkit

import (
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
