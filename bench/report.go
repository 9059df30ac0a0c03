package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"text/tabwriter"
	"time"
)

// result is everything that was measured.
type result struct {
	Machine  string        `json:"machine"`
	Rounds   int           `json:"rounds"`
	Slice    time.Duration `json:"slice_ns"`
	Conns    int           `json:"conns"`
	Variants []series      `json:"variants"`
}

// series is what was measured of one variant.
type series struct {
	Name string `json:"name"`
	What string `json:"what"`
	// Mallocs and Bytes are those of one request.
	Mallocs float64 `json:"mallocs"`
	Bytes   float64 `json:"bytes"`
	// Slices are in the order of the rounds.
	Slices []slice `json:"slices"`
}

// slice is a short time in which one variant was asked.
type slice struct {
	Requests int           `json:"requests"`
	CPU      time.Duration `json:"cpu_ns"`
	Took     time.Duration `json:"took_ns"`
}

// cpu returns the CPU time per request of each slice, in microseconds.
func (s series) cpu() []float64 {
	out := make([]float64, len(s.Slices))
	for i, at := range s.Slices {
		out[i] = float64(at.CPU.Nanoseconds()) / 1e3 / float64(at.Requests)
	}
	return out
}

// rate returns the requests per second of each slice.
func (s series) rate() []float64 {
	out := make([]float64, len(s.Slices))
	for i, at := range s.Slices {
		out[i] = float64(at.Requests) / at.Took.Seconds()
	}
	return out
}

// markdown writes a table. CPU times and rates are medians, the ratio is that of two medians, and the range behind it is its
// 95 % confidence interval.
func (r *result) markdown(out io.Writer) error {
	fmt.Fprintf(out, "%s. %d rounds of %v slices, %d connections.\n\n", r.Machine, r.Rounds, r.Slice, r.Conns)
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| variant\t| what\t| CPU/request\t| ratio to plain (95 %)\t| requests/s\t| mallocs\t| more\t| bytes\t| more\t|")
	fmt.Fprintln(w, "|---\t|---\t|---:\t|---:\t|---:\t|---:\t|---:\t|---:\t|---:\t|")
	base := r.Variants[0]
	for _, v := range r.Variants {
		ratio := medianRatio(v.cpu(), base.cpu())
		fmt.Fprintf(w, "| %s\t| %s\t| %.1f µs\t| %.3f (%.3f to %.3f)\t| %.0f\t| %.1f\t| %+.1f\t| %.0f\t| %+.0f\t|\n", v.Name, v.What,
			median(v.cpu()), ratio.Value, ratio.Low, ratio.High, median(v.rate()),
			v.Mallocs, v.Mallocs-base.Mallocs, v.Bytes, v.Bytes-base.Bytes)
	}
	return w.Flush()
}

// writeJSON writes everything to a file.
func writeJSON(file string, r *result) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// machine says what the figures depend on.
func machine() string {
	caddy := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/caddyserver/caddy/v2" {
				caddy = m.Version
			}
		}
	}
	return fmt.Sprintf("%s/%s, %d CPUs, %s, Caddy %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), caddy)
}
