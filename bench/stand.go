package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// warmUp is how long each variant is asked before it is measured.
const warmUp = 200 * time.Millisecond

// stand is what is measured by turns: the variants of one or more programs.
type stand struct {
	name, title string
	programs    []program
	pairs       []pair
	// other measures something else than pairs.
	other func(*bench, *standResult) error
}

// program serves variants.
type program struct {
	start    func(*bench, []variant) (*server, error)
	variants []variant
}

// pair is a comparison of two variants.
type pair struct {
	name   string
	of, to string
	// budget is what the ratio of their CPU times per request may be. 0 is no budget.
	budget float64
}

func (s stand) pairNames() []string {
	names := make([]string, len(s.pairs))
	for i, p := range s.pairs {
		names[i] = p.name
	}
	return names
}

// null is the pair of two equal things, the zero pair if there is none.
func (s stand) null() pair {
	i := slices.IndexFunc(s.pairs, func(p pair) bool { return strings.HasSuffix(p.name, again) })
	if i < 0 {
		return pair{}
	}
	return s.pairs[i]
}

// needs reports whether a variant is in a pair.
func (s stand) needs(v variant) bool {
	return slices.ContainsFunc(s.pairs, func(p pair) bool { return p.of == v.name || p.to == v.name })
}

// served is a variant and who serves it.
type served struct {
	variant
	*server
	series series
}

// measure starts the programs of a stand, and measures its pairs.
func (s stand) measure(ctx context.Context, o options) (r standResult, err error) {
	b, err := newBench(ctx, o)
	defer func() {
		err = b.explained(err)
		err = errors.Join(err, b.close())
	}()
	if err != nil {
		return r, err
	}
	r = standResult{Name: s.name, Title: s.title}
	if s.other != nil {
		return r, s.other(b, &r)
	}
	all, err := s.serve(b)
	if err != nil {
		return r, err
	}
	if err := b.turns(all); err != nil {
		return r, err
	}
	for _, v := range all {
		r.Variants = append(r.Variants, v.series)
	}
	for _, p := range s.pairs {
		r.Pairs = append(r.Pairs, p.compare(r.series(p.of), r.series(p.to)))
	}
	return r, nil
}

// serve starts the programs with what is needed of their variants.
func (s stand) serve(b *bench) (all []*served, err error) {
	for _, p := range s.programs {
		needed := slices.DeleteFunc(slices.Clone(p.variants), func(v variant) bool { return !s.needs(v) })
		if len(needed) == 0 {
			continue
		}
		server, err := p.start(b, needed)
		if err != nil {
			return nil, err
		}
		for _, v := range needed {
			all = append(all, &served{variant: v, server: server, series: series{Name: v.name, What: v.what}})
		}
	}
	return all, nil
}

// turns measures variants in slices of random order.
func (b *bench) turns(all []*served) error {
	for _, v := range all {
		if _, err := b.slice(v, warmUp); err != nil {
			return err
		}
	}
	for range b.options.rounds {
		for _, i := range rand.Perm(len(all)) {
			s, err := b.slice(all[i], b.options.slice)
			if err != nil {
				return err
			}
			all[i].series.Slices = append(all[i].series.Slices, s)
		}
	}
	for _, v := range all { // before allocations are counted, which takes memory
		var err error
		if v.series.Peak, err = peak(v.pids[0]); err != nil {
			return err
		}
	}
	for _, v := range all {
		if v.caddy == nil {
			continue
		}
		if err := b.allocations(v); err != nil {
			return err
		}
	}
	return nil
}

// slice asks a variant for some time, and returns what that cost.
func (b *bench) slice(v *served, length time.Duration) (slice, error) {
	o := v.order(v.addresses[v.name])
	o.Conns, o.For = b.options.conns, length
	before, err := v.cpu()
	if err != nil {
		return slice{}, err
	}
	t, err := b.load(o)
	if err != nil {
		return slice{}, err
	}
	after, err := v.cpu()
	return slice{Requests: t.Requests, CPU: after - before, Took: t.Took, P50: t.P50, P99: t.P99}, err
}

// allocations counts what one request allocates. The collector rests meanwhile: it would empty pools, and their
// contents would be counted as the request's.
func (b *bench) allocations(v *served) error {
	o := v.order(v.addresses[v.name])
	o.Conns, o.Requests = 1, 100 // fills the pools again
	if err := v.caddy.ask(command{Collect: andRest}, &struct{}{}); err != nil {
		return err
	}
	if _, err := b.load(o); err != nil {
		return err
	}
	o.Requests = b.options.requests
	var before, after memory
	if err := v.caddy.ask(command{Memory: true}, &before); err != nil {
		return err
	}
	if _, err := b.load(o); err != nil {
		return err
	}
	if err := v.caddy.ask(command{Memory: true}, &after); err != nil {
		return err
	}
	n := float64(o.Requests)
	v.series.Mallocs, v.series.Bytes = float64(after.Mallocs-before.Mallocs)/n, float64(after.Bytes-before.Bytes)/n
	return v.caddy.ask(command{Collect: andGoOn}, &struct{}{})
}

// server is a running program that serves variants.
type server struct {
	addresses map[string]string // by variant
	pids      []int             // of the processes whose CPU time counts
	caddy     *process          // nil if it cannot be asked about its memory
}

// cpu is the CPU time that the server has used so far.
func (s *server) cpu() (sum time.Duration, err error) {
	for _, pid := range s.pids {
		used, err := cpuTime(pid)
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// missingError is why a stand cannot be measured here.
type missingError string

// Error says what is missing.
func (e missingError) Error() string { return string(e) }

// find returns the path of a program of the system. Those of servers may be where a user's shell does not look.
func find(name, packages string) (string, error) {
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if file, err := exec.LookPath(candidate); err == nil {
			return file, nil
		}
	}
	return "", missingError(fmt.Sprintf("%s is not installed; Debian has it in %s", name, packages))
}

// freeAddresses returns an address for each variant that nobody listens on.
func freeAddresses(variants []variant) (map[string]string, error) {
	all := map[string]string{}
	for _, v := range variants {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // held until all are found
		all[v.name] = l.Addr().String()
	}
	return all, nil
}

// launch starts a program that is not ours, and returns when it listens on all addresses.
func (b *bench) launch(addresses map[string]string, program string, args ...string) (*server, error) {
	cmd := exec.CommandContext(b.ctx, program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.dir, b.logs, b.logs
	cmd.Env = append(slices.DeleteFunc(os.Environ(), tunesGo), "HOME="+b.dir, "XDG_DATA_HOME="+b.dir, "XDG_CONFIG_HOME="+b.dir)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	b.ends = append(b.ends, func() error {
		if err := cmd.Process.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
			return nil
		}
		select {
		case <-exited: // its exit status no longer matters
		case <-time.After(patience):
			return cmd.Process.Kill()
		}
		return nil
	})
	for _, address := range addresses {
		if err := await(address, exited); err != nil {
			return nil, fmt.Errorf("%s: %w", program, err)
		}
	}
	return &server{addresses: addresses, pids: []int{cmd.Process.Pid}}, nil
}

// tunesGo reports whether a variable changes the settings of Go's runtime; the program keeps its own.
func tunesGo(variable string) bool {
	return strings.HasPrefix(variable, "GOGC=") || strings.HasPrefix(variable, "GOMEMLIMIT=") || strings.HasPrefix(variable, "GODEBUG=")
}

// await returns when somebody listens on an address.
func await(address string, exited <-chan error) error {
	deadline := time.Now().Add(patience)
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
		select {
		case err := <-exited:
			return fmt.Errorf("it ended before it listened: %w", errors.Join(errors.New("no server"), err))
		case <-time.After(10 * time.Millisecond):
		}
	}
}
