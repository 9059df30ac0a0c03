// Package leantest runs the tests of packages that allocate much and hold little.
package leantest

import (
	"flag"
	"os"
	"runtime/debug"
	"testing"
)

// percent of what is in use may be allocated before the garbage of tests is collected. With Go's own 100 a quarter of the time that
// the tests of chiproxy, vm and hostile take went to the collector.
const percent = 400

// Main is what TestMain calls. Benchmarks keep Go's own setting, and GOGC is obeyed.
func Main(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() == "" && os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
	os.Exit(m.Run())
}
