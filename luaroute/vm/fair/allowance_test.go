package fair

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestATenantThatWasQuietRunsForAWhileWithoutATurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAllowance()
		for range 4 {
			a.Use(Burst/4, time.Now())
			if a.UsedUp() {
				t.Fatal("it is used up too early")
			}
		}
		a.Use(time.Microsecond, time.Now())
		if !a.UsedUp() {
			t.Error("it is not used up")
		}
	})
}

func TestAnAllowanceComesBackWithTheShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAllowance()
		a.Use(Burst, time.Now())
		for range 10 {
			const more = 100 * time.Microsecond
			a.Use(more, time.Now())
			time.Sleep(share*more - time.Nanosecond)
			if !a.UsedUp() {
				t.Fatal("it comes back too early")
			}
			time.Sleep(time.Nanosecond)
			if a.UsedUp() {
				t.Fatal("it does not come back")
			}
		}
		time.Sleep(share * Burst)
		a.Use(Burst, time.Now())
		if a.UsedUp() {
			t.Error("it does not come back as a whole")
		}
		time.Sleep(time.Hour)
		a.Use(Burst+time.Nanosecond, time.Now())
		if !a.UsedUp() {
			t.Error("it grows while nothing is used")
		}
	})
}

func TestRequestsOfATenantUseOneAllowance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAllowance()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 100 {
					a.Use(Burst/800, time.Now())
				}
			})
		}
		all.Wait()
		if a.UsedUp() {
			t.Error("it is used up too early")
		}
		a.Use(1, time.Now())
		if !a.UsedUp() {
			t.Error("something was lost")
		}
	})
}
