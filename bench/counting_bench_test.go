package main

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// BenchmarkWhatCountingCosts compares a request of a handler that counts nothing and says nothing of itself with the same in one that counts, and
// in one that observes durations, too, as it does by default; no server writes access logs. It reports how many nanoseconds more they take, and as
// "null" those of the first one made a second time. They take turns in an order of chance, for a hundredth of a second each.
func BenchmarkWhatCountingCosts(b *testing.B) {
	silent := object{"telemetry": object{"placeholders": "off", "log_fields": "off", "spans": "off"}, "metrics": object{"by": "off"}}
	all := []struct {
		name string
		ask  func() *discard
		more object
		took []time.Duration // of a request
	}{
		{name: "silent", more: silent},
		{name: "null", more: silent},
		{name: "counted", more: object{"metrics": object{"histogram": "off"}}},
		{name: "observed"},
	}
	v := withNothing(variant{name: "counting", script: "\nroute:get(\"" + pattern + `", "origin")`})
	for i := range all {
		ctx := caddyContext(b)
		config := merged(v.handler(merged(forwardTo("origin.example:80"), object{"transport": object{"protocol": "bench_canned"}})), all[i].more)
		h := provisionIn(b, ctx, config)
		app, err := ctx.App("luaroute")
		if err != nil {
			b.Fatal(err)
		}
		if err := app.(caddy.App).Start(); err != nil {
			b.Fatal(err)
		}
		all[i].ask = asker(b, h, "http://bench.example"+path)
	}
	const slice = 10 * time.Millisecond
	for b.Loop() {
		for _, i := range rand.Perm(len(all)) {
			start, n := time.Now(), 0
			for n == 0 || time.Since(start) < slice {
				for range 100 {
					all[i].ask()
				}
				n += 100
			}
			all[i].took = append(all[i].took, time.Since(start)/time.Duration(n))
		}
	}
	least := func(i int) float64 { return float64(slices.Min(all[i].took)) }
	b.ReportMetric(least(0), "ns-silent")
	for i := 1; i < len(all); i++ {
		b.ReportMetric(least(i)-least(0), "ns-more-"+all[i].name)
	}
	b.ReportMetric(0, "ns/op")
}
