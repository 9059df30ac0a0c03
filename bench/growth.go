package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// grown is what a configuration of many routes costs before any request.
type grown struct {
	What   string `json:"what"`
	Routes int    `json:"routes"`
	// Load is how long it takes to load, Reload to replace it by one with a changed route.
	Load   time.Duration `json:"load_ns"`
	Reload time.Duration `json:"reload_ns"`
	// Heap is what is in use, in bytes, after collecting. PerRoute is what each route adds to that of one route.
	Heap     uint64  `json:"heap"`
	PerRoute float64 `json:"per_route"`
	// Peak is the most memory that the process had, in bytes.
	Peak       uint64 `json:"peak"`
	Goroutines int    `json:"goroutines"`
}

// growth measures configurations, each in a Caddy of its own.
func growth(b *bench) (all []grown, err error) {
	for _, kind := range []struct {
		of    func(int) variant
		sizes []int
	}{
		{manyNativeRoutes, []int{1, 10_000}},
		{manyRoutes, []int{1, 10_000, 100_000}},
		{manyNativeHosts, []int{1, 10_000}},
		{manyHosts, []int{1, 10_000}},
	} {
		var one grown
		for _, n := range kind.sizes {
			g, err := b.grow(kind.of(n), n)
			if err != nil {
				return nil, err
			}
			if n == 1 {
				one = g
			} else {
				g.PerRoute = float64(g.Heap-one.Heap) / float64(n-1)
			}
			all = append(all, g)
		}
	}
	return all, nil
}

// grow loads a variant of n routes, and then one with another route at its end.
func (b *bench) grow(v variant, n int) (g grown, err error) {
	g = grown{What: v.what, Routes: n}
	p, err := startRole("-caddy", b.logs)
	if err != nil {
		return g, err
	}
	defer func() { err = explain(err, p.close()) }()
	configs, err := twoConfigs(v, b)
	if err != nil {
		return g, err
	}
	var l loaded
	if err := p.ask(wish{Load: configs[0]}, &l); err != nil {
		return g, err
	}
	g.Load = l.Took
	var m memory
	if err := p.ask(wish{Collect: andGoOn}, &struct{}{}); err != nil {
		return g, err
	}
	if err := p.ask(wish{Memory: true}, &m); err != nil {
		return g, err
	}
	g.Heap, g.Goroutines = m.Heap, m.Goroutines
	if err := p.ask(wish{Load: configs[1]}, &l); err != nil {
		return g, err
	}
	g.Reload = l.Took
	g.Peak, err = peak(p.cmd.Process.Pid)
	return g, err
}

func explain(err, end error) error {
	if err != nil {
		return err // the end of a process says no more
	}
	return end
}

// twoConfigs are the configuration of a variant, and the same with another server's name: all is loaded anew.
func twoConfigs(v variant, b *bench) (both [2]json.RawMessage, err error) {
	for i, origin := range []string{b.origin, "127.0.0.1:1"} {
		if both[i], err = caddyConfig([]variant{v}, ownNetwork, origin, b.dir); err != nil {
			return both, err
		}
	}
	return both, nil
}

// peak is the most memory that a process had so far, in bytes.
func peak(pid int) (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kib uint64
	_, err = fmt.Sscan(rest, &kib)
	return kib << 10, err
}

func grownTable(w io.Writer, all []grown) {
	fmt.Fprintln(w, "| what\t| load\t| reload\t| heap\t| per route\t| peak\t| goroutines\t|")
	fmt.Fprintln(w, "|---\t|---:\t|---:\t|---:\t|---:\t|---:\t|---:\t|")
	for _, g := range all {
		per := ""
		if g.PerRoute > 0 {
			per = fmt.Sprintf("%.0f B", g.PerRoute)
		}
		fmt.Fprintf(w, "| %s\t| %d ms\t| %d ms\t| %.1f MiB\t| %s\t| %d MiB\t| %d\t|\n", g.What,
			g.Load.Milliseconds(), g.Reload.Milliseconds(), float64(g.Heap)/(1<<20), per, g.Peak>>20, g.Goroutines)
	}
}
