package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// beside is what requests of a tenant take alone, and beside one that is hostile.
type beside struct {
	Hostile string   `json:"hostile"`
	Quiet   []slice  `json:"quiet"`
	Busy    []slice  `json:"busy"`
	P50     interval `json:"p50"`
	P99     interval `json:"p99"`
	// Slowest is the slowest of all requests.
	Slowest time.Duration `json:"slowest_ns"`
	// Answers counts those of the hostile tenant by their status; 0 is none.
	Answers map[int]int `json:"answers,omitempty"`
	// Peak is the most memory that the process had, in bytes.
	Peak uint64 `json:"peak"`
	// Gone is how long the process was there after it was told to end, beside the hostile tenant.
	Gone time.Duration `json:"gone_ns"`
	// Failed says why there are fewer figures than there should be.
	Failed string `json:"failed,omitempty"`
}

// mostBeside is the goal: a p99 of at most this many times the quiet one.
const mostBeside = 2

const (
	// longer is how many slices of other stands one is here: a p99 needs hundreds of requests.
	longer = 30
	// grace is the grace period of Caddy: whatever runs, it is to be gone then.
	grace = 2 * time.Second
	// settled is how long a slice waits for what has begun, or was stopped.
	settled = 200 * time.Millisecond
)

// neighbours measures them all, each in a Caddy of its own.
func neighbours(b *bench, r *standResult) error {
	var names *regexp.Regexp
	if b.options.hostile != "" {
		var err error
		if names, err = regexp.Compile(b.options.hostile); err != nil {
			return err
		}
	}
	all := hostilesOf(names, b.options.each)
	if len(all) == 0 {
		return fmt.Errorf("there is no hostile tenant whose name matches %q", b.options.hostile)
	}
	program, err := b.shipped()
	if err != nil {
		return err
	}
	endless, err := b.role("-endless")
	if err != nil {
		return err
	}
	var at listening
	if err := endless.ask(nil, &at); err != nil {
		return err
	}
	for _, h := range all {
		one, err := b.beside(h, program, at.Address)
		if err != nil && b.ctx.Err() != nil {
			return err
		}
		if err != nil { // a neighbour that is not answered is a result
			one.Failed = err.Error()
		}
		fmt.Fprintf(os.Stderr, "bench: %s\n", one)
		r.Beside = append(r.Beside, one)
	}
	return nil
}

// yard is where a hostile tenant and its neighbour live.
type yard struct {
	hostile
	dir, address, admin, origin, endless string
	answers                              *answered
}

// beside measures one, by turns: slices alone, and slices beside it.
func (b *bench) beside(h hostile, program, endless string) (r beside, err error) {
	r.Hostile = h.name
	at, err := freeAddresses([]variant{{name: "site"}, {name: "admin"}})
	if err != nil {
		return r, err
	}
	y := yard{hostile: h, address: at["site"], admin: at["admin"], origin: b.origin, endless: endless, answers: new(answered)}
	if y.dir, err = os.MkdirTemp(b.dir, "yard"); err != nil {
		return r, err
	}
	if err := y.scripts(); err != nil {
		return r, err
	}
	s, err := b.launch(at, program, "run", "--adapter", "caddyfile", "--config", filepath.Join(y.dir, "Caddyfile"))
	if err != nil {
		return r, err
	}
	defer func() {
		if most, peakErr := peak(s.pids[0]); peakErr == nil {
			r.Peak = most
		}
		r.Answers = y.answers.all()
		stop, beginErr := y.begin(b.ctx)
		_, _ = b.longSlice(y.address)
		start, end := time.Now(), b.ends[len(b.ends)-1]
		b.ends = b.ends[:len(b.ends)-1]
		err = errors.Join(err, beginErr, end())
		r.Gone = time.Since(start)
		if beginErr == nil {
			_ = stop() // nobody is there who could be told
		}
	}()
	for range max(1, b.options.rounds/40) {
		quiet, err := b.longSlice(y.address)
		if err != nil {
			return r, fmt.Errorf("alone: %w", err)
		}
		stop, err := y.begin(b.ctx)
		if err != nil {
			return r, err
		}
		busy, err := b.longSlice(y.address)
		if err := errors.Join(err, stop()); err != nil {
			return r, fmt.Errorf("beside it: %w", err)
		}
		r.Quiet, r.Busy = append(r.Quiet, quiet.slice()), append(r.Busy, busy.slice())
		r.Slowest = max(r.Slowest, busy.Max)
	}
	of, to := series{Slices: r.Busy}, series{Slices: r.Quiet}
	r.P50, r.P99 = medianRatio(of.each(slice.p50), to.each(slice.p50)), medianRatio(of.each(slice.p99), to.each(slice.p99))
	return r, nil
}

// longSlice asks the neighbour, one request after the other, first for as long as things may take to settle. Connections of an earlier
// configuration end in that time.
func (b *bench) longSlice(address string) (tally, error) {
	o := order{Address: address, Host: host, Path: path, Conns: 1, For: settled}
	_, _ = b.load(o)
	o.For = longer * b.options.slice
	return b.load(o)
}

// String is one line for those who wait.
func (r beside) String() string {
	if r.Failed != "" {
		return r.Hostile + ": " + r.Failed
	}
	return fmt.Sprintf("%s: p99 %s, %d MiB, gone after %v", r.Hostile, r.P99, r.Peak>>20, r.Gone)
}

func (t tally) slice() slice {
	return slice{Requests: t.Requests, Took: t.Took, P50: t.P50, P99: t.P99}
}

// caddyfile is a site with a hostile tenant, which may not be there, and a neighbour that decides in Lua and forwards.
func (y yard) caddyfile(hostile bool) []byte {
	var tenant string
	if hostile {
		tenant = fmt.Sprintf(`
		tenant hostile {
			host hostile.example
			script %s/hostile/main.lua
			allow {
				upstreams %s %s
				%s
			}
		}`, y.dir, y.origin, y.endless, y.allow)
	}
	return fmt.Appendf(nil, `{
	admin %s
	persist_config off
	storage file_system %s
	auto_https off
	grace_period %s
}
http://%s {
	bind 127.0.0.1
	luaroute {
		pool origin %s
		libs http {
			allow 127.0.0.1
		}
		tenant neighbour {
			host %s
			script %s/neighbour/main.lua
		}%s
	}
}
`, y.admin, y.dir, grace, y.port(), y.origin, host, y.dir, tenant)
}

// port is the address without its host, which is no part of what requests ask for.
func (y yard) port() string { return y.address[strings.LastIndexByte(y.address, ':'):] }

// scripts writes what Caddy starts with. A tenant that needs no requests is not there yet.
func (y yard) scripts() error {
	const head = `local route = require("luaroute")` + "\n"
	for file, text := range map[string]string{
		"neighbour/main.lua": head + of(variants, "handler").script,
		"hostile/main.lua":   head + strings.NewReplacer("$endless", y.endless, "$origin", y.origin).Replace(y.script),
		"Caddyfile":          string(y.caddyfile(y.clients > 0 || y.reloads != nil)),
	} {
		if err := write(filepath.Join(y.dir, file), text); err != nil {
			return err
		}
	}
	if y.keys == 0 {
		return nil
	}
	all := make([]string, y.keys)
	for i := range all {
		all[i] = fmt.Sprintf(`{"name": "c%d", "key": "kkkkkkkkkkkkkkkk%d"}`, i, i)
	}
	return write(filepath.Join(y.dir, "hostile/keys.json"), "["+strings.Join(all, ",\n")+"]")
}

func write(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

// configure has Caddy load the site with or without the hostile tenant.
func (y yard) configure(hostile bool) error {
	status, text, err := y.post("/load", "text/caddyfile", y.caddyfile(hostile))
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("/load: %d: %s", status, text)
	}
	return err
}

// post sends something to the admin API.
func (y yard) post(path, kind string, body []byte) (status int, text []byte, err error) {
	response, err := http.Post("http://"+y.admin+path, kind, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	return response.StatusCode, text, err
}

func besideTable(w io.Writer, all []beside) {
	fmt.Fprintln(w, "| beside\t| p50 ms, quiet\t| p50 ms\t| p99 ms, quiet\t| p99 ms\t| ratio of p99 (95 %)\t| slowest ms\t| peak MiB\t| gone after\t| answers of the other\t|")
	fmt.Fprintln(w, "|---\t|---:\t|---:\t|---:\t|---:\t|---:\t|---:\t|---:\t|---:\t|---\t|")
	for _, r := range all {
		if r.Failed != "" {
			fmt.Fprintf(w, "| %s\t| \t| \t| \t| \t| %s\t| \t| %d\t| %.1f s\t| %s\t|\n", r.Hostile, r.Failed, r.Peak>>20, r.Gone.Seconds(), r.answers())
			continue
		}
		quiet, busy := series{Slices: r.Quiet}.summary(), series{Slices: r.Busy}.summary()
		ratio := r.P99.String()
		if r.P99.Value > mostBeside {
			ratio = "**" + ratio + "**"
		}
		fmt.Fprintf(w, "| %s\t| %.2f\t| %.2f\t| %.2f\t| %.2f\t| %s\t| %.1f\t| %d\t| %.1f s\t| %s\t|\n",
			r.Hostile, quiet.P50, busy.P50, quiet.P99, busy.P99, ratio, r.Slowest.Seconds()*1e3, r.Peak>>20, r.Gone.Seconds(), r.answers())
	}
}

// answers are those of the hostile tenant, in words: how many had which status.
func (r beside) answers() string {
	var all []string
	for _, status := range slices.Sorted(maps.Keys(r.Answers)) {
		all = append(all, fmt.Sprintf("%d × %d", r.Answers[status], status))
	}
	return strings.Join(all, ", ")
}
