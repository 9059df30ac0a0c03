// Command bench measures what routing by luaroute costs beside plain Caddy, and what Lua costs in other proxies:
//
//	bench/run              every pair
//	bench/run handler      one pair, or all pairs of a stand
//
// A pair is two ways to the same origin. What counts is the CPU time per request of the processes that serve it, in
// user and kernel mode. Processors change their speed many times a second, so the variants of a stand take turns
// in short slices and random order, and each slice is compared with those of the same round. Where it can be, all variants
// of a stand are listeners of one process: two processes of the same program differ by more than what is measured
// here. The pair "again" is the same thing twice: it shows how far apart two equal things are measured.
//
// In one process a variant pays for its neighbours' garbage as they do for its own. What each one allocates is therefore
// counted by itself, one request after the other, and is exact.
//
// The origin, the load generator and every proxy are processes of their own. Nothing is installed: a stand whose program is
// not there is skipped, and the report says so.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// options are what the command line says.
type options struct {
	rounds   int
	slice    time.Duration
	conns    int
	requests int
	// sockets is how many WebSockets are open during reloads, with a tenth as many streams of events.
	sockets, reloads int
	// out is the folder of the report, empty for none.
	out string
	// into is a document whose figures are replaced.
	into string
	// profile is a folder for profiles of one variant, pgo the file of a profile of them all.
	profile, pgo string
	// shipped is a binary to be measured in place of cmd/caddy.
	shipped string
	// hostile is what the names of hostile tenants match, and each measures each of their attacks.
	hostile string
	each    bool
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
	flag.IntVar(&o.sockets, "sockets", 1000, "WebSockets that are open during reloads, with a tenth as many streams of events")
	flag.IntVar(&o.reloads, "reloads", 100, "reloads of scripts while streams are open; a tenth as many of Caddy's configuration")
	flag.StringVar(&o.out, "o", filepath.Join("bench", "out"), "the `folder` for speed.md, the table, and speed.json, every measurement; empty for none")
	flag.StringVar(&o.into, "into", "", "replace the figures in this `document`")
	flag.StringVar(&o.profile, "profile", "", "write profiles of one variant to this `folder`, and print what is at their top")
	flag.StringVar(&o.pgo, "pgo", "", "write a profile for profile-guided optimisation to this `file`")
	flag.StringVar(&o.shipped, "shipped", "", "the `binary` to call shipped; default: cmd/caddy, built now")
	flag.StringVar(&o.hostile, "hostile", "", "of the stand neighbours, only the tenants whose name matches this `expression`")
	flag.BoolVar(&o.each, "each", false, "of the stand neighbours, a tenant for each attack and not for each kind")
	flag.Usage = usage
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exit(run(ctx, o, flag.Args(), os.Stdout))
}

func usage() {
	out := flag.CommandLine.Output()
	fmt.Fprintf(out, "bench/run [FLAGS] [PAIR or STAND]...\n\n")
	for _, s := range stands {
		fmt.Fprintf(out, "  %-10s %s: %s\n", s.name, s.title, strings.Join(s.pairNames(), " "))
	}
	fmt.Fprintf(out, "\n")
	flag.PrintDefaults()
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run measures the pairs and stands that are named, all when none is, and prints what it found.
func run(ctx context.Context, o options, names []string, out io.Writer) error {
	if o.rounds < 1 || o.slice <= 0 || o.conns < 1 || o.requests < 1 || o.sockets < 1 || o.reloads < 1 {
		return errors.New("rounds, slice, conns, requests, sockets and reloads: expected more than 0")
	}
	switch {
	case o.profile != "":
		return profile(ctx, o, names, out)
	case o.pgo != "":
		return profileAll(ctx, o)
	}
	chosen, err := choose(names)
	if err != nil {
		return err
	}
	r := newReport(o)
	for _, s := range chosen {
		fmt.Fprintf(os.Stderr, "bench: %s\n", s.title)
		result, err := s.measure(ctx, o)
		var missing missingError
		switch {
		case errors.As(err, &missing):
			r.Skipped = append(r.Skipped, fmt.Sprintf("%s: %v", s.name, missing))
		case err != nil:
			return fmt.Errorf("%s: %w", s.name, err)
		default:
			r.Stands = append(r.Stands, result)
		}
	}
	return r.publish(o, out)
}
