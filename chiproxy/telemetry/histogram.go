package telemetry

import (
	"encoding/hex"
	"math"
	"sync/atomic"
	"time"
)

// Trace is the identity of a trace that is recorded.
type Trace [16]byte

// Exemplar is one observation of a histogram, with the trace that shows more of it.
type Exemplar struct {
	Seconds float64
	At      time.Time
	trace   Trace
}

// TraceID returns the identity of the trace, as traces are found by it.
func (e *Exemplar) TraceID() string { return hex.EncodeToString(e.trace[:]) }

// Histogram is the distribution of durations. The zero value is not ready.
type Histogram struct {
	Key
	bounds    []time.Duration
	buckets   []atomic.Uint64
	exemplars []atomic.Pointer[Exemplar] // the last one of each bucket
	fine      *fine                      // nil unless the histogram is native, too
	sum       atomic.Int64
}

func newHistogram(k Key, o *Options) *Histogram {
	n := len(o.Buckets)
	h := &Histogram{Key: k, bounds: make([]time.Duration, n), buckets: make([]atomic.Uint64, n+1), exemplars: make([]atomic.Pointer[Exemplar], n+1)}
	for i, b := range o.Buckets {
		h.bounds[i] = time.Duration(b * float64(time.Second))
	}
	if o.Native {
		h.fine = new(fine)
	}
	return h
}

// observe adds an observation, and the trace of the request if it is not nil; that takes an allocation.
func (h *Histogram) observe(d time.Duration, trace *Trace) {
	i := 0
	for i < len(h.bounds) && d > h.bounds[i] {
		i++
	}
	if h.fine != nil { // first, so that a reader finds no more in the other buckets
		h.fine.observe(d.Seconds())
	}
	h.buckets[i].Add(1)
	h.sum.Add(int64(d))
	if trace != nil {
		h.exemplars[i].Store(&Exemplar{Seconds: d.Seconds(), At: time.Now(), trace: *trace})
	}
}

// Read returns the number of observations, their sum in seconds, and how many are at most each bound.
func (h *Histogram) Read() (count uint64, sum float64, cumulative map[float64]uint64) {
	cumulative = make(map[float64]uint64, len(h.bounds))
	for i := range h.buckets {
		count += h.buckets[i].Load()
		if i < len(h.bounds) {
			cumulative[h.bounds[i].Seconds()] = count
		}
	}
	return count, time.Duration(h.sum.Load()).Seconds(), cumulative
}

// Exemplars returns the latest observation with a trace of each bucket.
func (h *Histogram) Exemplars() (all []*Exemplar) {
	for i := range h.exemplars {
		if e := h.exemplars[i].Load(); e != nil {
			all = append(all, e)
		}
	}
	return all
}

// A native histogram has eight buckets from each power of two to the next: bucket n ends at 2^(n/8) seconds. The first one is a microsecond,
// below which all is zero; what is beyond the last, more than an hour, is in that.
const (
	// NativeSchema is the number that Prometheus has for such buckets.
	NativeSchema = 3
	// NativeZero is the bound below which all is zero, in seconds.
	NativeZero = 1.0 / (1 << 20)

	perPower            = 1 << NativeSchema
	firstFine, lastFine = -20*perPower + 1, 12 * perPower
)

// steps are the bounds of the buckets between 1/2 and 1.
var steps = func() (all [perPower]float64) {
	for i := range all {
		all[i] = math.Exp2(float64(i)/perPower - 1)
	}
	return all
}()

// fine are the buckets of a native histogram.
type fine struct {
	zero    atomic.Uint64
	buckets [lastFine - firstFine + 1]atomic.Uint64
}

func (f *fine) observe(seconds float64) {
	if seconds <= NativeZero {
		f.zero.Add(1)
		return
	}
	part, power := math.Frexp(seconds)
	n := (power - 1) * perPower
	for i := 0; i < perPower && part > steps[i]; i++ {
		n++
	}
	f.buckets[min(n, lastFine)-firstFine].Add(1)
}

// Native returns the buckets of a native histogram, by their numbers, with the number of observations that are zero and of all. It is called
// after Read. It returns false for a histogram that is not native.
func (h *Histogram) Native() (count, zero uint64, buckets map[int]int64, ok bool) {
	if h.fine == nil {
		return 0, 0, nil, false
	}
	buckets = map[int]int64{}
	for i := range h.fine.buckets {
		if n := h.fine.buckets[i].Load(); n > 0 {
			buckets[i+firstFine] = int64(n)
			count += n
		}
	}
	zero = h.fine.zero.Load()
	return count + zero, zero, buckets, true
}
