package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestTheCollectorHasRoomWhileLittleMemoryIsInUse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		inUse uint64
		want  int
	}{
		{"nothing, as at the start", 0, 1600},
		{"little", 8 << 20, 800},
		{"as much as is spared", spare, usual},
		{"much", 10 << 30, usual},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := percentFor(test.inUse); got != test.want {
				t.Errorf("%d bytes: %d %%, expected %d %%", test.inUse, got, test.want)
			}
		})
	}
}

// current returns the setting of the collector.
func current() int {
	percent := debug.SetGCPercent(usual)
	debug.SetGCPercent(percent)
	return percent
}

func TestTheCollectorIsAdjustedToWhatIsInUse(t *testing.T) {
	t.Setenv("GOGC", "")
	defer debug.SetGCPercent(debug.SetGCPercent(usual))
	relaxCollector()
	if current() <= usual {
		t.Fatalf("%d %% with little in use, expected more than %d %%", current(), usual)
	}
	much := make([]byte, 2*spare)
	for deadline := time.Now().Add(time.Minute); current() != usual; runtime.GC() { // the next collection, and the one behind it
		if time.Now().After(deadline) {
			t.Fatalf("%d %% with %d bytes in use, expected %d %%", current(), len(much), usual)
		}
	}
	runtime.KeepAlive(much)
}

func TestTheCollectorIsLeftAloneIfTheUserHasChosen(t *testing.T) {
	t.Setenv("GOGC", "150")
	if relaxCollector() != nil {
		t.Error("the user's choice was changed")
	}
}
