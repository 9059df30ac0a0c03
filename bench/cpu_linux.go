package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is what a process has used of the processors so far, for itself and in the kernel, to the nanosecond.
func cpuTime(pid int) (time.Duration, error) {
	const scheduled = 2 // CPUCLOCK_SCHED
	var at unix.Timespec
	// This is the number that clock_getcpuclockid(3) makes. The ticks of /proc are too coarse: one is two thirds of a slice.
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &at); err != nil {
		return 0, fmt.Errorf("the CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(at.Nano()), nil
}
