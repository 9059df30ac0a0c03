package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// How long a variant is asked for its own profile, and for that of all.
const (
	alone    = 10 * time.Second
	together = 5 * time.Second
)

// profile writes a CPU profile and one of all allocations of a variant of the stand "caddy", and prints what is at their top.
func profile(ctx context.Context, o options, names []string, out io.Writer) error {
	if len(names) != 1 || !stands[0].needs(variant{name: names[0]}) {
		return fmt.Errorf("a profile is that of one variant: expected one of %v", variantNames())
	}
	if err := os.MkdirAll(o.profile, 0o755); err != nil {
		return err
	}
	folder, err := filepath.Abs(o.profile)
	if err != nil {
		return err
	}
	cpu, allocs := filepath.Join(folder, names[0]+".cpu"), filepath.Join(folder, names[0]+".allocs")
	chosen := []variant{of(variants, names[0])}
	if err := profileTo(ctx, o, chosen, alone, command{Profile: cpu}, command{Profiled: true}); err != nil {
		return err
	}
	// Recording every allocation is slow, so this is a separate run.
	if err := os.Setenv("GODEBUG", "memprofilerate=1"); err != nil {
		return err
	}
	if err := profileTo(ctx, o, chosen, alone, command{Memory: true}, command{Allocs: allocs}); err != nil {
		return err
	}
	for _, of := range [][]string{{cpu}, {"-sample_index=alloc_objects", allocs}, {"-sample_index=alloc_space", allocs}} {
		top := exec.CommandContext(ctx, "go", append([]string{"tool", "pprof", "-top", "-nodecount=25"}, of...)...)
		text, err := top.Output()
		if err != nil {
			return fmt.Errorf("go tool pprof: %w", err)
		}
		fmt.Fprintf(out, "%s\n", text)
	}
	return nil
}

// profileAll writes one CPU profile of all variants.
func profileAll(ctx context.Context, o options) error {
	file, err := filepath.Abs(o.pgo)
	if err != nil {
		return err
	}
	return profileTo(ctx, o, variants, together, command{Profile: file}, command{Profiled: true})
}

// profileTo has a Caddy serve variants, by turns, between two commands.
func profileTo(ctx context.Context, o options, chosen []variant, each time.Duration, before, after command) (err error) {
	b, err := newBench(ctx, o)
	defer func() { err = errors.Join(b.explained(err), b.close()) }()
	if err != nil {
		return err
	}
	s, err := inOneCaddy(b, chosen)
	if err != nil {
		return err
	}
	if err := s.caddy.ask(before, &struct{}{}); err != nil {
		return err
	}
	requests := 0
	for start := time.Now(); time.Since(start) < time.Duration(len(chosen))*each; {
		for _, v := range chosen {
			t, err := b.slice(&served{variant: v, server: s}, 10*o.slice)
			if err != nil {
				return err
			}
			requests += t.Requests
		}
	}
	fmt.Fprintf(os.Stderr, "bench: profiled %d requests\n", requests)
	return s.caddy.ask(after, &struct{}{})
}

func variantNames() []string {
	names := make([]string, len(variants))
	for i, v := range variants {
		names[i] = v.name
	}
	return names
}
