// Command bench measures what routing by luaroute costs beside Caddy's own reverse_proxy:
//
//	go run ./bench
//
// One Caddy serves every variant, each on a listener of its own: reverse_proxy alone, the same once more, a route that is
// plain data, and routes with Lua in them. The origin and the load generator are processes of their own, so the CPU
// time of this process is that of Caddy. What counts is CPU time per request. Processors change their speed
// many times a second, so the variants take turns in short slices and random order, and each slice is
// compared with the slice of reverse_proxy in the same round. The second reverse_proxy shows how far apart two equal
// things are measured.
//
// The collector runs when it runs: a variant pays for its neighbours' garbage as they do for its own. What each one
// allocates is therefore counted by itself, one request after the other, and is exact.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/luaroute/caddy-luaroute"
)

// options are what the command line says.
type options struct {
	rounds   int
	slice    time.Duration
	conns    int
	requests int
	only     string
	json     string
	cpu, mem string
}

func main() {
	if role := roleOf(os.Args); role != nil {
		exit(role(os.Stdin, os.Stdout))
	}
	var o options
	flag.IntVar(&o.rounds, "rounds", 400, "slices per variant")
	flag.DurationVar(&o.slice, "slice", 15*time.Millisecond, "length of a slice; 10ms to 25ms are sensible")
	flag.IntVar(&o.conns, "conns", 4, "connections that are kept busy during a slice")
	flag.IntVar(&o.requests, "requests", 2000, "requests for counting allocations")
	flag.StringVar(&o.only, "only", "", "measure only these variants besides plain, separated by commas: "+strings.Join(names(variants), ", "))
	flag.StringVar(&o.json, "json", "", "write every measurement to this `file`")
	flag.StringVar(&o.cpu, "cpuprofile", "", "write a CPU profile of the Caddy process to this `file`")
	flag.StringVar(&o.mem, "memprofile", "", "write a profile of every allocation of the Caddy process to this `file`; slow")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exit(run(ctx, o, os.Stdout))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run measures, and prints what it found.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	if o.rounds < 1 || o.slice <= 0 || o.conns < 1 || o.requests < 1 {
		return errors.New("rounds, slice, conns and requests: expected more than 0")
	}
	chosen, err := choose(o.only)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, chosen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	profiled, err := profile(o)
	if err != nil {
		return err
	}
	result, err := b.measure(o)
	if err = errors.Join(err, profiled()); err != nil {
		return err
	}
	if o.json != "" {
		if err := writeJSON(o.json, result); err != nil {
			return err
		}
	}
	return result.markdown(out)
}
