package main

import (
	"os"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
)

// spare is how much may be allocated at least between two collections, in bytes. Go collects when as much has been allocated as is
// in use, which for a proxy is little: ten megabytes are some six hundred requests. Every collection costs the same, so they are
// made fewer where that costs little memory. From this much in use on, Go's own setting holds.
const spare = 64 << 20

// usual is Go's own setting: collect when this percentage of what is in use has been allocated since the last collection.
const usual = 100

// smallest is the least that counts as in use. Go does not collect before four megabytes times its setting.
const smallest = 4 << 20

// relaxCollector makes the collector run less often while little memory is in use. It does nothing, and returns nil, if the user
// has chosen with GOGC. A memory limit still applies: near it Go collects as often as needed.
func relaxCollector() *collector {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	c := new(collector)
	c.adjust()
	return c
}

// collector is the setting of the garbage collector.
type collector struct{ percent int }

// adjust fits the setting to what is in use, now and after each collection.
func (c *collector) adjust() {
	if percent := percentFor(inUse()); c.percent == 0 || percent < c.percent*9/10 || percent > c.percent*11/10 {
		debug.SetGCPercent(percent) // stops the world for a moment, so only for larger changes
		c.percent = percent
	}
	type collected struct{ _ *byte } // with a pointer, so that it is an allocation of its own
	runtime.SetFinalizer(new(collected), func(*collected) { c.adjust() })
}

// percentFor returns the setting that leaves room for spare.
func percentFor(inUse uint64) int { return int(max(spare*100/max(inUse, smallest), usual)) }

// inUse is what the last collection has left and what it starts from, in bytes. Before the first one it is nothing.
func inUse() uint64 {
	samples := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	runtimemetrics.Read(samples)
	var sum uint64
	for _, s := range samples {
		sum += s.Value.Uint64()
	}
	return sum
}
