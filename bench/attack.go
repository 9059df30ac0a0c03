package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// pace is how long a client of a hostile tenant waits after each 32 KiB that it reads: some 50 Mbit/s. Without one this would measure how
// much of the network's work the machine has room for.
const pace = 5 * time.Millisecond

// begin has a tenant do its worst, and returns what stops that.
func (y yard) begin(ctx context.Context) (func() error, error) {
	switch {
	case y.spin:
		p, err := startRole("-spin", io.Discard)
		if err != nil {
			return nil, err
		}
		return p.close, nil
	case y.reloads != nil:
		return y.reload(ctx), nil
	case y.clients > 0:
		return y.ask(ctx), nil
	case y.script == "":
		return func() error { return nil }, nil
	}
	return func() error { return y.configure(false) }, y.configure(true)
}

// reload has the script changed and reloaded without a pause, whether it is refused or not.
func (y yard) reload(ctx context.Context) func() error {
	return repeat(ctx, 1, func(ctx context.Context, n int) {
		script := y.reloads[n%len(y.reloads)]
		text := fmt.Sprintf("local route = require(\"luaroute\") -- %d\n%s", n, script)
		if write(filepath.Join(y.dir, "hostile/main.lua"), text) == nil {
			status, _, _ := y.post("/luaroute/main/reload", "", nil)
			y.answers.add(ctx, status)
		}
	})
}

// ask has clients ask for the paths of the tenant.
func (y yard) ask(ctx context.Context) func() error {
	paths := y.paths
	if paths == nil {
		paths = []string{"/"}
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: y.clients}}
	long := strings.Repeat("x", y.header)
	end := repeat(ctx, y.clients, func(ctx context.Context, n int) {
		method, body := http.MethodGet, io.Reader(nil)
		if y.body > 0 {
			method, body = http.MethodPost, strings.NewReader(`"`+strings.Repeat("x", y.body-2)+`"`)
		}
		r, err := http.NewRequestWithContext(ctx, method, "http://"+y.address+paths[n%len(paths)], body)
		if err != nil {
			return // the paths are good
		}
		r.Host = "hostile.example"
		if long != "" {
			r.Header.Set("X-Long", long)
		}
		response, err := client.Do(r)
		if err != nil {
			y.answers.add(ctx, 0)
			return
		}
		defer response.Body.Close()
		y.answers.add(ctx, response.StatusCode)
		readSlowly(response.Body)
	})
	return func() error {
		defer client.CloseIdleConnections()
		return end()
	}
}

// readSlowly reads at the pace of a client.
func readSlowly(r io.Reader) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		if _, err := io.CopyN(io.Discard, r, 32<<10); err != nil {
			return
		}
		<-tick.C
	}
}

// repeat has some do a thing again and again, each with a number that grows, and returns what stops them.
func repeat(ctx context.Context, count int, do func(ctx context.Context, n int)) func() error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	for i := range count {
		running.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				do(ctx, n)
			}
		})
	}
	return func() error {
		cancel()
		running.Wait()
		return nil
	}
}

// answered counts answers by their status.
type answered struct {
	mu    sync.Mutex
	count map[int]int
}

// add counts an answer that came before the end.
func (a *answered) add(ctx context.Context, status int) {
	if ctx.Err() != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.count == nil {
		a.count = map[int]int{}
	}
	a.count[status]++
}

// all returns the counts so far.
func (a *answered) all() map[int]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.count)
}

// spin uses one processor until its input ends: what any other program does to a machine.
func spin(in io.Reader, _ io.Writer) (err error) {
	var ended atomic.Bool
	go func() {
		_, err = io.Copy(io.Discard, in)
		ended.Store(true)
	}()
	for !ended.Load() {
	}
	return err
}

// endless is an origin whose answers never end. It writes its address, and ends with its input.
func endless(in io.Reader, out io.Writer) error {
	l, err := announce(in, out)
	if err != nil {
		return err
	}
	piece := make([]byte, 32<<10)
	_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}))
	return nil // the input has ended
}
