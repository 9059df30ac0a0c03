package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// report is everything that was measured.
type report struct {
	Date    time.Time     `json:"date"`
	Machine string        `json:"machine"`
	Rounds  int           `json:"rounds"`
	Slice   time.Duration `json:"slice_ns"`
	Conns   int           `json:"conns"`
	Stands  []standResult `json:"stands"`
	Skipped []string      `json:"skipped,omitempty"`
}

// standResult is what was measured in one stand.
type standResult struct {
	Name     string       `json:"name"`
	Title    string       `json:"title"`
	Pairs    []pairResult `json:"pairs,omitempty"`
	Grown    []grown      `json:"grown,omitempty"`
	Survived []survived   `json:"survived,omitempty"`
	Beside   []beside     `json:"beside,omitempty"`
	Variants []series     `json:"variants,omitempty"`
}

func (r standResult) series(name string) series {
	for _, s := range r.Variants {
		if s.Name == name {
			return s
		}
	}
	panic("there is no series " + name) // the tests compare every pair
}

// pairResult is a comparison. Each interval is the ratio of two medians.
type pairResult struct {
	Name   string   `json:"name"`
	Of     summary  `json:"of"`
	To     summary  `json:"to"`
	Budget float64  `json:"budget,omitempty"`
	CPU    interval `json:"cpu"`
	Rate   interval `json:"rate"`
	P50    interval `json:"p50"`
	P99    interval `json:"p99"`
}

// summary has the medians of a series.
type summary struct {
	What    string  `json:"what"`
	CPU     float64 `json:"cpu_us"`
	Rate    float64 `json:"requests_per_second"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	Mallocs float64 `json:"mallocs,omitempty"`
	Bytes   float64 `json:"bytes,omitempty"`
	Peak    uint64  `json:"peak"`
}

// series is what was measured of one variant.
type series struct {
	Name string `json:"name"`
	What string `json:"what"`
	// Mallocs and Bytes are those of one request. 0 is unknown.
	Mallocs float64 `json:"mallocs,omitempty"`
	Bytes   float64 `json:"bytes,omitempty"`
	// Peak is the most memory that its process had, in bytes.
	Peak uint64 `json:"peak"`
	// Slices are in the order of the rounds.
	Slices []slice `json:"slices"`
}

// slice is a short time in which one variant was asked.
type slice struct {
	Requests int           `json:"requests"`
	CPU      time.Duration `json:"cpu_ns"`
	Took     time.Duration `json:"took_ns"`
	P50      time.Duration `json:"p50_ns"`
	P99      time.Duration `json:"p99_ns"`
}

// Figures of a slice: microseconds of CPU per request, requests per second, and milliseconds until an answer.
func (s slice) cpu() float64  { return float64(s.CPU.Nanoseconds()) / 1e3 / float64(s.Requests) }
func (s slice) rate() float64 { return float64(s.Requests) / s.Took.Seconds() }
func (s slice) p50() float64  { return s.P50.Seconds() * 1e3 }
func (s slice) p99() float64  { return s.P99.Seconds() * 1e3 }

// each returns one figure of every slice.
func (s series) each(figure func(slice) float64) []float64 {
	all := make([]float64, len(s.Slices))
	for i, at := range s.Slices {
		all[i] = figure(at)
	}
	return all
}

func (s series) summary() summary {
	return summary{
		What: s.What, CPU: median(s.each(slice.cpu)), Rate: median(s.each(slice.rate)),
		P50: median(s.each(slice.p50)), P99: median(s.each(slice.p99)), Mallocs: s.Mallocs, Bytes: s.Bytes, Peak: s.Peak,
	}
}

// compare compares two series.
func (p pair) compare(of, to series) pairResult {
	ratio := func(figure func(slice) float64) interval { return medianRatio(of.each(figure), to.each(figure)) }
	return pairResult{
		Name: p.name, Of: of.summary(), To: to.summary(), Budget: p.budget,
		CPU: ratio(slice.cpu), Rate: ratio(slice.rate), P50: ratio(slice.p50), P99: ratio(slice.p99),
	}
}

func newReport(o options) *report {
	return &report{Date: time.Now().UTC(), Machine: machine(), Rounds: o.rounds, Slice: o.slice, Conns: o.conns}
}

// machine says what the figures depend on.
func machine() string {
	all := []string{fmt.Sprintf("%s/%s", runtime.GOOS, runtime.GOARCH), fmt.Sprintf("%d CPUs", runtime.NumCPU()), runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/caddyserver/caddy/v2" {
				all = append(all, "Caddy "+m.Version)
			}
		}
	}
	for _, program := range []struct{ name, flag string }{{"nginx", "-v"}, {"haproxy", "-v"}} {
		if file, err := find(program.name, ""); err == nil {
			if text, err := exec.Command(file, program.flag).CombinedOutput(); err == nil {
				line, _, _ := strings.Cut(string(text), "\n")
				line, _, _ = strings.Cut(line, " - ") // HAProxy's address
				all = append(all, strings.TrimPrefix(strings.TrimSpace(line), "nginx version: "))
			}
		}
	}
	return strings.Join(all, ", ")
}

// resamples is how often the bootstrap draws.
const resamples = 1000

// interval is an estimate, and the borders between which 95 % of the estimates of a bootstrap lie.
type interval struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// String is for tables: 1.02 (0.99 to 1.05).
func (i interval) String() string { return fmt.Sprintf("%.2f (%.2f to %.2f)", i.Value, i.Low, i.High) }

// median returns the value in the middle. It sorts the values.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	half := len(values) / 2
	if len(values)%2 == 1 {
		return values[half]
	}
	return (values[half-1] + values[half]) / 2
}

// medianRatio returns the quotient of the medians of two series, and how sure it is. Its bootstrap draws whole rounds, so what
// slows down a round as a whole weighs little. The same series give the same interval.
func medianRatio(of, to []float64) interval {
	random := rand.New(rand.NewPCG(1, 1))
	above, below := make([]float64, len(of)), make([]float64, len(to))
	drawn := make([]float64, resamples)
	for i := range drawn {
		for j := range above {
			round := random.IntN(len(of))
			above[j], below[j] = of[round], to[round]
		}
		drawn[i] = median(above) / median(below)
	}
	slices.Sort(drawn)
	return interval{
		Value: median(slices.Clone(of)) / median(slices.Clone(to)),
		Low:   drawn[resamples*25/1000], High: drawn[resamples*975/1000],
	}
}
