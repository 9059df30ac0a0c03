package main

import (
	"encoding/json"
	"errors"
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
	// Load is how long it takes to load, Reload to replace it by another one, and Script to run its script again.
	Load   time.Duration `json:"load_ns"`
	Reload time.Duration `json:"reload_ns"`
	Script time.Duration `json:"script_ns,omitempty"`
	// Usual is the slowest of many requests, Slowest that while the script runs again. No connection is closed meanwhile.
	Usual   time.Duration `json:"usual_ns,omitempty"`
	Slowest time.Duration `json:"slowest_ns,omitempty"`
	// Heap is what is in use, in bytes, after collecting. PerRoute is what each route adds to that of one route.
	Heap     uint64  `json:"heap"`
	PerRoute float64 `json:"per_route"`
	// Peak is the most memory that the process had, in bytes.
	Peak       uint64 `json:"peak"`
	Goroutines int    `json:"goroutines"`
}

// growth measures configurations, each in a Caddy of its own.
func growth(b *bench, r *standResult) error {
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
				return err
			}
			if n == 1 {
				one = g
			} else {
				g.PerRoute = float64(g.Heap-one.Heap) / float64(n-1)
			}
			r.Grown = append(r.Grown, g)
		}
	}
	return nil
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
	if err := p.ask(command{Load: configs[0]}, &l); err != nil {
		return g, err
	}
	g.Load = l.Took
	var m memory
	if err := p.ask(command{Collect: andGoOn}, &struct{}{}); err != nil {
		return g, err
	}
	if err := p.ask(command{Memory: true}, &m); err != nil {
		return g, err
	}
	g.Heap, g.Goroutines = m.Heap, m.Goroutines
	if v.script != "" {
		if err := b.rerun(p, v, l.Addresses[v.name], &g); err != nil {
			return g, err
		}
	}
	if err := p.ask(command{Load: configs[1]}, &l); err != nil {
		return g, err
	}
	g.Reload = l.Took
	g.Peak, err = peak(p.cmd.Process.Pid)
	return g, err
}

// longest is how long a variant is asked while its script runs again.
const longest = 2 * time.Second

// rerun runs the script of a variant again while it is being asked, a few times.
func (b *bench) rerun(p *process, v variant, address string, g *grown) error {
	const times = 3
	o := v.order(address)
	o.Conns, o.For = b.options.conns, min(times*max(g.Load, 100*time.Millisecond), longest)
	usual, err := b.load(o)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	var during tally
	go func() {
		var err error
		during, err = b.load(o)
		done <- err
	}()
	var took []float64
	for range times {
		var l loaded
		if err := p.ask(command{Reload: v.name}, &l); err != nil {
			return errors.Join(err, <-done)
		}
		took = append(took, float64(l.Took))
	}
	err = <-done
	g.Script, g.Usual, g.Slowest = time.Duration(median(took)), usual.Max, during.Max
	return err
}

func explain(err, end error) error {
	if err != nil {
		return err // the end of a process says no more
	}
	return end
}

// twoConfigs are the configuration of a variant, and the same with another server's name, so that everything is loaded again.
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
	fmt.Fprintln(w, "| what\t| load\t| config reload\t| script reload\t| slowest request: usual, meanwhile\t| heap\t| per route\t| peak\t| goroutines\t|")
	fmt.Fprintln(w, "|---\t|---:\t|---:\t|---:\t|---:\t|---:\t|---:\t|---:\t|---:\t|")
	for _, g := range all {
		per, script, slowest := "", "", ""
		if g.PerRoute > 0 {
			per = fmt.Sprintf("%.0f B", g.PerRoute)
		}
		if g.Script > 0 {
			script = milliseconds(g.Script)
			slowest = milliseconds(g.Usual) + ", " + milliseconds(g.Slowest)
		}
		fmt.Fprintf(w, "| %s\t| %s\t| %s\t| %s\t| %s\t| %.1f MiB\t| %s\t| %d MiB\t| %d\t|\n", g.What,
			milliseconds(g.Load), milliseconds(g.Reload), script, slowest, float64(g.Heap)/(1<<20), per, g.Peak>>20, g.Goroutines)
	}
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1e3) }
