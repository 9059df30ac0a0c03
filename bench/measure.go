package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// warmUp is how long each variant is asked before it is measured.
const warmUp = 200 * time.Millisecond

// bench is a Caddy with all variants, an origin behind it, and a load generator before it.
type bench struct {
	ctx       context.Context
	variants  []variant
	addresses map[string]string
	generator *process
	ends      []func() error
}

// newBench starts everything.
func newBench(ctx context.Context, variants []variant) (b *bench, err error) {
	b = &bench{ctx: ctx, variants: variants}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	storage, err := os.MkdirTemp("", "bench")
	if err != nil {
		return b, err
	}
	b.ends = append(b.ends, func() error { return os.RemoveAll(storage) })
	origin, err := b.start("-origin")
	if err != nil {
		return b, err
	}
	upstream, err := origin.line()
	if err != nil {
		return b, fmt.Errorf("the address of the origin: %w", err)
	}
	b.ends = append(b.ends, caddy.Stop)
	if b.addresses, err = startCaddy(variants, upstream, storage); err != nil {
		return b, err
	}
	b.generator, err = b.start("-load")
	return b, err
}

func (b *bench) start(role string) (*process, error) {
	p, err := start(role)
	if err == nil {
		b.ends = append(b.ends, p.close)
	}
	return p, err
}

// close ends everything, the last that was started first.
func (b *bench) close() (err error) {
	for i := len(b.ends) - 1; i >= 0; i-- {
		err = errors.Join(err, b.ends[i]())
	}
	return err
}

// measure measures every variant.
func (b *bench) measure(o options) (*result, error) {
	r := &result{Machine: machine(), Rounds: o.rounds, Slice: o.slice, Conns: o.conns}
	for _, v := range b.variants {
		if _, err := b.slice(v, order{Conns: o.conns, For: warmUp}); err != nil {
			return nil, err
		}
		r.Variants = append(r.Variants, series{Name: v.name, What: v.what})
	}
	for range o.rounds {
		for _, i := range rand.Perm(len(b.variants)) {
			s, err := b.slice(b.variants[i], order{Conns: o.conns, For: o.slice})
			if err != nil {
				return nil, err
			}
			r.Variants[i].Slices = append(r.Variants[i].Slices, s)
		}
	}
	for i, v := range b.variants {
		var err error
		if r.Variants[i].Mallocs, r.Variants[i].Bytes, err = b.allocations(v, o.requests); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// order has the load generator ask a variant.
func (b *bench) order(v variant, o order) (tally, error) {
	if err := b.ctx.Err(); err != nil {
		return tally{}, err
	}
	o.Address = b.addresses[v.name]
	t, err := b.generator.order(o)
	if err == nil && t.Requests == 0 {
		err = errors.New("no request was answered")
	}
	if err != nil {
		return t, fmt.Errorf("%s: %w", v.name, err)
	}
	return t, nil
}

// slice asks a variant for some time, and returns what that cost.
func (b *bench) slice(v variant, o order) (slice, error) {
	before := cpuTime()
	t, err := b.order(v, o)
	used := cpuTime() - before
	if err != nil {
		return slice{}, err
	}
	return slice{Requests: t.Requests, CPU: used, Took: t.Took}, nil
}

// allocations counts what one request allocates. The collector rests meanwhile: it would empty pools, and their
// contents would be counted as the request's.
func (b *bench) allocations(v variant, requests int) (mallocs, bytes float64, err error) {
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	if _, err := b.order(v, order{Conns: 1, Requests: 100}); err != nil { // fills the pools again
		return 0, 0, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := b.order(v, order{Conns: 1, Requests: requests}); err != nil {
		return 0, 0, err
	}
	runtime.ReadMemStats(&after)
	n := float64(requests)
	return float64(after.Mallocs-before.Mallocs) / n, float64(after.TotalAlloc-before.TotalAlloc) / n, nil
}

// cpuTime is what this process has used of the processors so far, for itself and in the kernel.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it fails for wrong arguments only
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
