package vm

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestATenantThatWasQuietRunsForAWhileWithoutAPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := allowance{began: time.Now()}
		for range 4 {
			a.use(soon/4, time.Now())
			if a.usedUp() {
				t.Fatal("it is used up too early")
			}
		}
		a.use(time.Microsecond, time.Now())
		if !a.usedUp() {
			t.Error("it is not used up")
		}
	})
}

func TestAnAllowanceComesBackWithTheShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := allowance{began: time.Now()}
		a.use(soon, time.Now())
		for range 10 {
			const more = 100 * time.Microsecond
			a.use(more, time.Now())
			time.Sleep(share*more - time.Nanosecond)
			if !a.usedUp() {
				t.Fatal("it comes back too early")
			}
			time.Sleep(time.Nanosecond)
			if a.usedUp() {
				t.Fatal("it does not come back")
			}
		}
		time.Sleep(share * soon)
		a.use(soon, time.Now())
		if a.usedUp() {
			t.Error("it does not come back as a whole")
		}
		time.Sleep(time.Hour)
		a.use(soon+time.Nanosecond, time.Now())
		if !a.usedUp() {
			t.Error("it grows while nothing is used")
		}
	})
}

func TestRequestsOfATenantUseOneAllowance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := allowance{began: time.Now()}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 100 {
					a.use(soon/800, time.Now())
				}
			})
		}
		all.Wait()
		if a.usedUp() {
			t.Error("it is used up too early")
		}
		a.use(1, time.Now())
		if !a.usedUp() {
			t.Error("something was lost")
		}
	})
}
