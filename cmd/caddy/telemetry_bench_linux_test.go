package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
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
	var viewers []net.Conn
	look := func() { // what is sent stays in the buffers of the connections, so that reading it takes none of this process's time
		for range 8 {
			conn, err := net.Dial("tcp", c.Expand("127.0.0.1:$port"))
			if err != nil {
				b.Fatal(err)
			}
			viewers = append(viewers, conn)
			if _, err := conn.Write([]byte("GET /ops/api/main/tail HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
				b.Fatal(err)
			}
			for lines := bufio.NewScanner(conn); lines.Scan() && lines.Text() != ": luaroute"; {
			}
		}
	}
	leave := func() {
		for _, conn := range viewers {
			conn.Close()
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

// BenchmarkAScrapeOfTwoThousandSeries reads the metrics of a Caddy by HTTP, with those of Go and of Caddy itself. It
// reports how long the process has run for each as well, which is both ends: less depends on what else a machine does.
func BenchmarkAScrapeOfTwoThousandSeries(b *testing.B) {
	c := e2e.New(b)
	c.Route(`local route = require("luaroute") for i = 1, 1990 do route:get("/r" .. i, { status = 204 }) end`)
	for i := range 1990 {
		c.Get(fmt.Sprintf("/r%d", i+1))
	}
	size, used := 0, processTime(b)
	for b.Loop() {
		size = len(c.Admin(http.MethodGet, "/metrics", "").Body)
	}
	b.ReportMetric(float64((processTime(b)-used).Microseconds())/1000/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(size), "bytes")
	b.ReportMetric(float64(strings.Count(c.Admin(http.MethodGet, "/metrics", "").Body, "\ncaddy_luaroute_requests_total{")), "series")
}
