package telemetry

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
)

// Kind is what a custom metric is.
type Kind string

// The kinds of custom metrics.
const (
	// Counter is a number that never goes down.
	Counter Kind = "counter"
	// Gauge is a number that may.
	Gauge Kind = "gauge"
)

const (
	// MaxLabels is how many labels a custom metric may have.
	MaxLabels = 5
	// MaxAmount is the largest number that is counted at once, so that sums stay exact.
	MaxAmount = 1 << 53

	maxName, maxValue, maxHelp = 64, 64, 256 // bytes
)

// Label is a label of a custom metric, with the values that it may have. Any other value counts as Other.
type Label struct {
	Name   string
	Values []string
}

// Definition says what a custom metric is.
type Definition struct {
	// Name is what scripts and metrics name it by; those of counters get the ending _total.
	Name string
	// Kind is Counter or Gauge.
	Kind Kind
	// Help says what it counts.
	Help   string
	Labels []Label
}

var (
	nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	// endings are those that Prometheus gives names itself.
	endings = []string{"_total", "_created", "_bucket", "_sum", "_count", "_info"}
	// taken are the labels that all metrics have, and those that Prometheus keeps for itself.
	taken = []string{"instance", "tenant", "job", "le", "quantile"}
)

// Check reports what is wrong with a definition.
func (d *Definition) Check() error {
	switch {
	case len(d.Name) > maxName || !nameForm.MatchString(d.Name):
		return fmt.Errorf("name is %.100q; expected at most %d of a-z, 0-9 and _, the first a letter", d.Name, maxName)
	case slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(d.Name, e) }):
		return fmt.Errorf("name is %q; Prometheus has a meaning of its own for names with the ending %s", d.Name, strings.Join(endings, ", "))
	case d.Kind != Counter && d.Kind != Gauge:
		return fmt.Errorf("kind is %.100q; expected counter or gauge", d.Kind)
	case len(d.Help) > maxHelp || strings.ToValidUTF8(d.Help, "") != d.Help:
		return fmt.Errorf("help has %d bytes; expected at most %d, of UTF-8", len(d.Help), maxHelp)
	case len(d.Labels) > MaxLabels:
		return fmt.Errorf("there are %d labels; expected at most %d", len(d.Labels), MaxLabels)
	}
	for _, l := range d.Labels {
		if len(l.Name) > maxName || !nameForm.MatchString(l.Name) || slices.Contains(taken, l.Name) {
			return fmt.Errorf("a label is %.100q; expected at most %d of a-z, 0-9 and _, the first a letter, and none of %s", l.Name, maxName, strings.Join(taken, ", "))
		}
		if len(l.Values) == 0 {
			return fmt.Errorf("label %s: there are no values; expected a list of those that it may have", l.Name)
		}
		for i, v := range l.Values {
			switch {
			case v == "" || len(v) > maxValue || strings.ToValidUTF8(v, "") != v:
				return fmt.Errorf("label %s: a value is %.100q; expected 1 to %d bytes of UTF-8", l.Name, v, maxValue)
			case v == Other:
				return fmt.Errorf("label %s: the value %s stands for all that are not listed", l.Name, Other)
			case slices.Contains(l.Values[:i], v):
				return fmt.Errorf("label %s: the value %q is there twice", l.Name, v)
			}
		}
	}
	return nil
}

// Size returns how many series a metric has: one for each combination of the values of its labels, with Other.
func (d *Definition) Size() int {
	n := 1
	for _, l := range d.Labels {
		if n *= len(l.Values) + 1; n > MaxAmount>>32 {
			return n
		}
	}
	return n
}

// Equal reports whether two definitions are of one metric.
func (d *Definition) Equal(e *Definition) bool {
	return d.Name == e.Name && d.Kind == e.Kind && d.Help == e.Help && slices.EqualFunc(d.Labels, e.Labels, func(a, b Label) bool {
		return a.Name == b.Name && slices.Equal(a.Values, b.Values)
	})
}

// Custom is a metric that scripts count by themselves. It is safe for concurrent use.
type Custom struct {
	Definition
	values []*atomic.Uint64 // the bits of a float64 each; absent for what nobody has counted of Other
	shown  bool
}

// absent is no number, so that no sum can be it.
var absent = math.Float64bits(math.NaN())

// Point says which series of a metric is meant: the place of the value of each label. See Custom.Point.
type Point [MaxLabels]int

// Point returns the series whose labels are all Other.
func (c *Custom) Point() (p Point) {
	for i := range c.Labels {
		p[i] = len(c.Labels[i].Values)
	}
	return p
}

// With returns a point with the value of a label, and false if there is no label of the name.
func (c *Custom) With(p Point, label, value string) (Point, bool) {
	for i := range c.Labels {
		if l := &c.Labels[i]; l.Name == label {
			if at := slices.Index(l.Values, value); at >= 0 {
				p[i] = at
			} else {
				p[i] = len(l.Values)
			}
			return p, true
		}
	}
	return p, false
}

// at returns the place of a point.
func (c *Custom) at(p Point) (at int) {
	for i := range c.Labels {
		at = at*(len(c.Labels[i].Values)+1) + p[i]
	}
	return at
}

// Add adds to a series. It is 0 allocations.
func (c *Custom) Add(p Point, n float64) {
	value := c.values[c.at(p)]
	for {
		bits := value.Load()
		sum := math.Float64frombits(bits)
		if bits == absent {
			sum = 0
		}
		if value.CompareAndSwap(bits, math.Float64bits(sum+n)) {
			return
		}
	}
}

// Set sets a series, which is one of a gauge.
func (c *Custom) Set(p Point, n float64) { c.values[c.at(p)].Store(math.Float64bits(n)) }

// Each calls f with the series that there are: all whose labels have the values that are listed, and those with Other that were counted. The
// labels are in the order of the definition, and must not be kept.
func (c *Custom) Each(f func(labels []string, value float64)) {
	labels := make([]string, len(c.Labels))
	for at, value := range c.values {
		if bits := value.Load(); bits != absent {
			c.name(at, labels)
			f(labels, math.Float64frombits(bits))
		}
	}
}

// name writes the values of the labels at a place, and reports whether they are all listed.
func (c *Custom) name(at int, labels []string) (listed bool) {
	listed = true
	for i, l := range slices.Backward(c.Labels) {
		n := len(l.Values) + 1
		if v := at % n; v < len(l.Values) {
			labels[i] = l.Values[v]
		} else {
			labels[i], listed = Other, false
		}
		at /= n
	}
	return listed
}

// newCustom returns a metric that counts on with what one before it has of the same series.
func newCustom(d Definition, before *Custom) *Custom {
	c := &Custom{Definition: d, values: make([]*atomic.Uint64, d.Size())}
	known := map[string]*atomic.Uint64{}
	if before != nil && before.Kind == d.Kind {
		each := make([]string, len(before.Labels))
		for at, value := range before.values {
			before.name(at, each)
			known[before.key(each)] = value
		}
		c.shown = before.shown
	}
	own := make([]atomic.Uint64, len(c.values))
	labels := make([]string, len(d.Labels))
	for at := range c.values {
		value := &own[at]
		if listed := c.name(at, labels); !listed {
			value.Store(absent)
		}
		if there := known[c.key(labels)]; there != nil {
			value = there
		}
		c.values[at] = value
	}
	return c
}

// key is what tells series apart, whatever the order of their labels is.
func (c *Custom) key(labels []string) string {
	all := make([]string, len(labels))
	for i, v := range labels {
		all[i] = fmt.Sprintf("%s=%q", c.Labels[i].Name, v)
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

// Custom returns a metric of the scripts; one that counts for nobody if nothing is counted. It counts on with what the table before has of it.
func (l *Lua) Custom(d Definition) *Custom {
	if l == nil {
		return newCustom(d, nil)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var before *Custom
	if l.before != nil {
		before = l.before.customs[d.Name]
	}
	c := newCustom(d, before)
	if l.customs == nil {
		l.customs = map[string]*Custom{}
	}
	l.customs[d.Name] = c
	return c
}

// TenantCustom is a custom metric of the scripts of a tenant.
type TenantCustom struct {
	Tenant string
	*Custom
}

// customs returns the custom metrics of all scripts, and those for which there is room. Those that were there before come first, so that none
// vanishes for another.
func (d *Draft) customs() (all, shown []TenantCustom) {
	for _, l := range d.lua {
		for _, c := range l.customs {
			all = append(all, TenantCustom{l.Tenant, c})
		}
	}
	byName := func(a, b TenantCustom) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Name, b.Name))
	}
	slices.SortFunc(all, byName)
	room := d.registry.options.MaxSeries
	for _, first := range []bool{true, false} {
		for _, c := range all {
			if c.shown == first && c.Size() <= room {
				room -= c.Size()
				shown = append(shown, c)
			}
		}
	}
	slices.SortFunc(shown, byName)
	return all, shown
}

// LeftCustoms returns for how many custom metrics there is no room among the series; the numbers of a tenant have them.
func (d *Draft) LeftCustoms() int {
	if d == nil {
		return 0
	}
	all, shown := d.customs()
	return len(all) - len(shown)
}

// Customs returns the custom metrics of the scripts of the table that serves, by tenant and name, and those for which there is room.
func (r *Registry) Customs() (all, shown []TenantCustom) {
	if r == nil {
		return nil, nil
	}
	r.mu.Lock()
	now := r.now
	r.mu.Unlock()
	return now.every, now.shown
}
