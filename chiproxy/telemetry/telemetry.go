// Package telemetry counts what became of requests, by tenant and pattern. Labels come from what was declared, never from a client, and
// their number is bounded.
//
// A [Registry] belongs to an instance and outlives its tables. Each new table asks it for a [Series] for each pattern, in a [Draft], and
// publishes the draft together with the table: what stays is counted on, and what is gone vanishes.
package telemetry

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Outcome is what became of a request.
type Outcome uint8

// The outcomes.
const (
	// Responded was answered by an action, a function or a policy.
	Responded Outcome = iota
	// Proxied was forwarded to a pool.
	Proxied
	// Handler was answered by a handler of Caddy's.
	Handler
	// Declined went on to Caddy's next handler.
	Declined
	// NotFound was answered by a not_found, or with 404 for a path that must not go on.
	NotFound
	// Method has a path of other methods.
	Method
	// Refused was refused by a policy: an origin, a key, a token.
	Refused
	// Limited was refused by a limit.
	Limited
	// Budget ended with the budget of a script.
	Budget
	// Failed ended in another error.
	Failed

	outcomes = int(Failed) + 1
)

var outcomeNames = [outcomes]string{"responded", "proxied", "handler", "declined", "not_found", "method", "refused", "limited", "budget", "error"}

// String returns the outcome as metrics and logs name it.
func (o Outcome) String() string { return outcomeNames[o] }

// Refuses reports whether the outcome is that of a request that did not get what it asked for, whatever page it was shown.
func (o Outcome) Refuses() bool { return o >= NotFound }

// OutcomeNames returns all outcomes as metrics and logs name them.
func OutcomeNames() []string { return slices.Clone(outcomeNames[:]) }

// classes are those of statuses, by their first digit. What has none, such as a response that was aborted before it began, is in the first.
const classes = 6

// className returns a class as the label code: "2xx", and "" for none.
func className(class int) string {
	if class == 0 {
		return ""
	}
	return string(rune('0'+class)) + "xx"
}

// By says how finely requests are counted.
type By string

// The ways to count.
const (
	ByPattern By = "pattern"
	ByTenant  By = "tenant"
	Off       By = "off"
)

// Options say what a registry counts.
type Options struct {
	// By is how finely requests are counted. Default: ByPattern.
	By By
	// MaxSeries bounds the number of series. Default: 2000.
	MaxSeries int
	// Histogram is how finely durations are observed. Default: ByTenant.
	Histogram By
	// Buckets are the bounds of the histogram in seconds, in rising order. Default: those of DefaultBuckets.
	Buckets []float64
	// Native says that histograms have the fine buckets of native ones, too.
	Native bool
	// Methods says that requests are told apart by their methods, too.
	Methods bool
}

// DefaultMaxSeries is the bound of the number of series without another one.
const DefaultMaxSeries = 2000

// DefaultBuckets are the bounds of histograms in seconds, as Caddy's own.
var DefaultBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

func (o Options) filled() Options {
	o.By = cmp.Or(o.By, ByPattern)
	o.Histogram = cmp.Or(o.Histogram, ByTenant)
	o.MaxSeries = cmp.Or(o.MaxSeries, DefaultMaxSeries)
	if o.Buckets == nil {
		o.Buckets = DefaultBuckets
	}
	return o
}

// Other is the pattern of what shares a series because there are too many.
const Other = "_other"

// Key says what a series counts.
type Key struct {
	// Tenant is the name of the tenant, empty for the default tenant.
	Tenant string
	// Pattern is as written, with what the scopes around it own; empty for requests of no route.
	Pattern string
	// Methods are those of the routes, where a shape has several; else empty.
	Methods string
}

// Label returns the key as metrics name it: the pattern, behind the methods where a shape has several.
func (k Key) Label() string {
	if k.Methods == "" {
		return k.Pattern
	}
	return k.Methods + " " + k.Pattern
}

// methodNames are those that requests are told apart by; the last is that of all others.
var methodNames = [...]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", Other}

// counts are those of requests of a key, and perhaps of a method: by outcome and class.
type counts [outcomes * classes]atomic.Uint64

// Series counts requests of one key. It is safe for concurrent use, and nil counts nothing.
type Series struct {
	Key
	all      slot
	byMethod []slot // instead of all; nil unless requests are told apart by their methods
	duration *Histogram
}

// slot is where counts will be: most patterns of a large table are never asked for.
type slot struct{ atomic.Pointer[counts] }

func newSeries(k Key, o *Options) *Series {
	s := &Series{Key: k}
	if o.Methods {
		s.byMethod = make([]slot, len(methodNames))
	}
	return s
}

// filled returns the counts of a slot, which it makes where there are none yet.
func (s *slot) filled() *counts {
	s.CompareAndSwap(nil, new(counts))
	return s.Load()
}

// Request is what a series counts.
type Request struct {
	Outcome Outcome
	Status  int
	// Method is that of the client.
	Method string
	// Took is how long it took; below 0 it is not observed.
	Took time.Duration
	// Trace is that which shows more of the request; nil if it is not recorded.
	Trace *Trace
}

// Count counts a request. It is 0 allocations after the first, and 1 more with a trace.
func (s *Series) Count(r *Request) {
	if s == nil {
		return
	}
	slot := &s.all
	if s.byMethod != nil {
		slot = &s.byMethod[methodAt(r.Method)]
	}
	c := slot.Load()
	if c == nil {
		c = slot.filled()
	}
	class := uint(r.Status) / 100
	if class >= classes {
		class = 0
	}
	c[uint(r.Outcome)*classes+class].Add(1)
	if s.duration != nil && r.Took >= 0 {
		s.duration.observe(r.Took, r.Trace)
	}
}

// methodAt returns the place of a method in methodNames.
func methodAt(method string) int {
	for i, name := range methodNames[:len(methodNames)-1] {
		if name == method {
			return i
		}
	}
	return len(methodNames) - 1
}

// Timed reports whether durations are observed.
func (s *Series) Timed() bool { return s != nil && s.duration != nil }

// Each calls f with the counts that are not 0. The method is empty unless requests are told apart by it.
func (s *Series) Each(f func(method, outcome, code string, n uint64)) {
	for method, c := range s.slots() {
		for i := range c {
			if n := c[i].Load(); n > 0 {
				f(method, outcomeNames[i/classes], className(i%classes), n)
			}
		}
	}
}

// slots are the counts there are, by methods; with an empty one where requests are not told apart by it.
func (s *Series) slots() iter.Seq2[string, *counts] {
	return func(yield func(string, *counts) bool) {
		if c := s.all.Load(); c != nil && !yield("", c) {
			return
		}
		for m := range s.byMethod {
			if c := s.byMethod[m].Load(); c != nil && !yield(methodNames[m], c) {
				return
			}
		}
	}
}

// Total returns how many requests were counted, and how many of them with a status of 500 or more.
func (s *Series) Total() (all, failed uint64) {
	for _, c := range s.slots() {
		for i := range c {
			n := c[i].Load()
			all += n
			if i%classes == classes-1 {
				failed += n
			}
		}
	}
	return all, failed
}

// Registry holds the series of an instance. It is safe for concurrent use.
type Registry struct {
	options Options
	begun   time.Time
	mu      sync.Mutex
	now     *Draft
}

// New returns a registry, nil if nothing is to be counted. A nil Registry counts nothing.
func New(o Options) *Registry {
	if o = o.filled(); o.By == Off {
		return nil
	}
	return &Registry{options: o, begun: time.Now(), now: &Draft{}}
}

// ByMethod reports whether requests are told apart by their methods.
func (r *Registry) ByMethod() bool { return r != nil && r.options.Methods }

// Begun returns when counting began.
func (r *Registry) Begun() time.Time { return r.begun }

// MaxSeries returns the bound of the number of series.
func (r *Registry) MaxSeries() int {
	if r == nil {
		return DefaultMaxSeries
	}
	return r.options.MaxSeries
}

// Draft is the series of one table.
type Draft struct {
	registry   *Registry
	before     *Draft
	series     map[Key]*Series
	histograms map[Key]*Histogram
	mu         sync.Mutex // of lua: scripts of tenants load in parallel
	lua        map[string]*Lua
	// left is how many keys share a series for want of room.
	left int
	// What follows is there from Publish on: the series and histograms in order, and the custom metrics.
	ordered           []*Series
	orderedHistograms []*Histogram
	every, shown      []TenantCustom
}

// Begin begins the series of a table. Nil begins none.
func (r *Registry) Begin() *Draft {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return &Draft{registry: r, before: r.now, series: map[Key]*Series{}, histograms: map[Key]*Histogram{}, lua: map[string]*Lua{}}
}

// Series returns the series of a key. Where there is no room for one of its own, that is the one of Other of the tenant, or of all tenants: so
// the most important are asked for first. Nil returns nil.
func (d *Draft) Series(k Key) *Series {
	if d == nil {
		return nil
	}
	if d.registry.options.By == ByTenant {
		k.Pattern, k.Methods = "", ""
	}
	if s := d.series[k]; s != nil {
		return s
	}
	if len(d.series) >= d.registry.options.MaxSeries-1 && k.Pattern != Other {
		d.left++
		k = Key{Pattern: Other}
		if s := d.series[k]; s != nil {
			return s
		}
	}
	s := d.before.series[k]
	if s == nil {
		s = newSeries(k, &d.registry.options)
	}
	if s.duration == nil {
		s.duration = d.histogram(k)
	} else {
		d.histograms[s.duration.Key] = s.duration
	}
	d.series[k] = s
	return s
}

// histogram returns the one that observes for a key, nil for none.
func (d *Draft) histogram(k Key) *Histogram {
	o := &d.registry.options
	if o.Histogram == Off {
		return nil
	}
	const besides = 3 // lines of a histogram: its sum, its count and the bucket without a bound
	if o.Histogram == ByTenant || (len(d.histograms)+1)*(len(o.Buckets)+besides) > o.MaxSeries {
		k.Pattern, k.Methods = "", ""
	}
	h := d.histograms[k]
	if h == nil {
		if h = d.before.histograms[k]; h == nil {
			h = newHistogram(k, o)
		}
		d.histograms[k] = h
	}
	return h
}

// Left returns how many keys share the series of Other.
func (d *Draft) Left() int {
	if d == nil {
		return 0
	}
	return d.left
}

// Publish makes the series those of the registry. Tables that still run count on in what they have of them.
func (d *Draft) Publish() {
	if d == nil {
		return
	}
	d.registry.mu.Lock()
	defer d.registry.mu.Unlock()
	d.before = nil
	for _, l := range d.lua {
		l.before = nil
	}
	d.ordered = slices.SortedFunc(maps.Values(d.series), func(a, b *Series) int { return compare(a.Key, b.Key) })
	d.orderedHistograms = slices.SortedFunc(maps.Values(d.histograms), func(a, b *Histogram) int { return compare(a.Key, b.Key) })
	d.every, d.shown = d.customs()
	for _, c := range d.shown {
		c.Custom.shown = true
	}
	d.registry.now = d
}

// All returns the series and histograms of the table that serves, in order. The lists must not be changed.
func (r *Registry) All() (series []*Series, histograms []*Histogram) {
	if r == nil {
		return nil, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now.ordered, r.now.orderedHistograms
}

func compare(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Pattern, b.Pattern), cmp.Compare(a.Methods, b.Methods))
}
