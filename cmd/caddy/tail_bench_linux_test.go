package main

import (
	"bufio"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// processTime returns how long this process has run.
func processTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkEightViewers forwards 1,000 requests a second, for half a second at a time, in turns while nobody looks and while eight viewers follow
// the tail, and reports how long one takes in the middle and how much of a processor the process takes.
func BenchmarkEightViewers(b *testing.B) {
	c := e2e.New(b)
	c.Origin("app")
	c.File("main.lua", c.Expand(`local route = require("luaroute") route:pool("app", { "$app" }) route:get("/items/{id}", "app")`))
	c.Start(dashboard("tail", ""))
	var viewers []*http.Response
	look := func() {
		for range 8 {
			res, err := c.Open(http.MethodGet, "/ops/api/main/tail", nil, localHost)
			if err != nil || res.StatusCode != http.StatusOK {
				b.Fatal(res, err)
			}
			viewers = append(viewers, res)
			go func() {
				for lines := bufio.NewScanner(res.Body); lines.Scan(); {
				}
			}()
		}
	}
	leave := func() {
		for _, res := range viewers {
			res.Body.Close()
		}
		viewers = nil
	}
	took := map[bool][]time.Duration{}
	cpu := map[bool][]time.Duration{}
	round := func(watched bool) {
		const requests = 500
		start, used := time.Now(), processTime(b)
		for i := range requests {
			time.Sleep(time.Until(start.Add(time.Duration(i) * time.Millisecond)))
			began := time.Now()
			c.Get("/items/7")
			took[watched] = append(took[watched], time.Since(began))
		}
		cpu[watched] = append(cpu[watched], (processTime(b)-used)/requests)
	}
	round(false) // connections are made
	clear(took)
	clear(cpu)
	for b.Loop() {
		round(false)
		look()
		round(true)
		leave()
	}
	middle := func(all []time.Duration) float64 {
		slices.Sort(all)
		return float64(all[len(all)/2].Nanoseconds()) / 1000
	}
	b.ReportMetric(middle(took[false]), "µs-unwatched")
	b.ReportMetric(middle(took[true]), "µs-watched")
	b.ReportMetric(middle(cpu[false]), "µs-cpu-unwatched")
	b.ReportMetric(middle(cpu[true]), "µs-cpu-watched")
	b.ReportMetric(0, "ns/op")
}
