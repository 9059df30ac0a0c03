// Package testkit holds what the tests of several packages share.
package testkit

import (
	"flag"
	"os"
	"runtime/debug"
	"testing"
	"time"
)

// percent of what is in use may be allocated before the garbage of tests is collected. With Go's own 100 a quarter of the time that
// the tests of chiproxy, vm and hostile take went to the collector.
const percent = 400

// Main is for the TestMain of packages whose tests allocate much and hold little. Benchmarks keep Go's own setting, and GOGC is
// obeyed.
func Main(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() == "" && os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
	os.Exit(m.Run())
}

// Until waits for a condition, for long enough that only a fault keeps it from coming true on a busy machine. It ends when the test
// has failed: what waits for a number of clients would wait in vain for one that has given up.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	end := time.NewTimer(2 * time.Minute)
	defer end.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() && !t.Failed() {
		select {
		case <-end.C:
			t.Fatalf("waited in vain until %s", what)
		case <-tick.C:
		}
	}
}

// ErrText is the text of an error, empty for none.
func ErrText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
