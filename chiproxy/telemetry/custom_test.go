package telemetry_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func result(values ...string) []telemetry.Label {
	return []telemetry.Label{{Name: "result", Values: values}}
}

// customs publishes a table whose scripts have metrics, and returns these by name.
func customs(r *telemetry.Registry, tenant string, all ...telemetry.Definition) map[string]*telemetry.Custom {
	d := r.Begin()
	l := d.Lua(tenant)
	made := map[string]*telemetry.Custom{}
	for _, definition := range all {
		made[definition.Name] = l.Custom(definition)
	}
	d.Publish()
	return made
}

func add(t *testing.T, c *telemetry.Custom, n float64, labels ...string) {
	t.Helper()
	p := c.Point()
	for i := 0; i < len(labels); i += 2 {
		var ok bool
		if p, ok = c.With(p, labels[i], labels[i+1]); !ok {
			t.Fatalf("there is no label %q", labels[i])
		}
	}
	c.Add(p, n)
}

// said writes the custom metrics that are shown.
func said(r *telemetry.Registry) string {
	var lines []string
	_, shown := r.Customs()
	for _, c := range shown {
		c.Each(func(labels []string, value float64) {
			lines = append(lines, fmt.Sprintf("%s/%s%v %g", c.Tenant, c.Name, labels, value))
		})
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestACustomMetricCountsWhatIsListedAndAllElseAsOther(t *testing.T) {
	t.Parallel()
	r := telemetry.New(telemetry.Options{})
	c := customs(r, "t", telemetry.Definition{Name: "cache", Kind: telemetry.Counter, Labels: result("hit", "miss")})["cache"]
	if got, want := said(r), "t/cache[hit] 0\nt/cache[miss] 0"; got != want {
		t.Errorf("at first\n%s\nwant\n%s", got, want)
	}
	add(t, c, 2, "result", "hit")
	add(t, c, 0.5, "result", "from a client")
	add(t, c, 1)
	if got, want := said(r), "t/cache[_other] 1.5\nt/cache[hit] 2\nt/cache[miss] 0"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, ok := c.With(c.Point(), "other", "hit"); ok {
		t.Error("a label that is not there was taken")
	}
}

func TestEachCombinationOfLabelsIsASeriesOfItsOwn(t *testing.T) {
	t.Parallel()
	r := telemetry.New(telemetry.Options{})
	labels := []telemetry.Label{{Name: "a", Values: []string{"1", "2"}}, {Name: "b", Values: []string{"x"}}, {Name: "c", Values: []string{"p", "q", "r"}}}
	c := customs(r, "", telemetry.Definition{Name: "m", Kind: telemetry.Counter, Labels: labels})["m"]
	if c.Size() != 3*2*4 {
		t.Errorf("there are %d series", c.Size())
	}
	want := map[string]bool{}
	n := 0.0
	for _, a := range []string{"1", "2", "else"} {
		for _, b := range []string{"x", "else"} {
			for _, d := range []string{"p", "q", "r", "else"} {
				n++
				add(t, c, n, "c", d, "a", a, "b", b)
				want[strings.ReplaceAll(fmt.Sprintf("/m[%s %s %s] %g", a, b, d, n), "else", telemetry.Other)] = true
			}
		}
	}
	for line := range strings.SplitSeq(said(r), "\n") {
		if !want[line] {
			t.Errorf("unexpected %s", line)
		}
		delete(want, line)
	}
	if len(want) > 0 {
		t.Errorf("missing %v", want)
	}
}

func TestCustomMetricsCountOnOverTablesAndVanishWithTheirScript(t *testing.T) {
	t.Parallel()
	r := telemetry.New(telemetry.Options{})
	counter := func(labels []telemetry.Label) telemetry.Definition {
		return telemetry.Definition{Name: "cache", Kind: telemetry.Counter, Labels: labels}
	}
	old := customs(r, "t", counter(result("hit", "miss")))["cache"]
	add(t, old, 1, "result", "hit")
	add(t, old, 5, "result", "else")
	next := customs(r, "t", counter(result("stale", "hit")))["cache"] // another place, one more, one less
	add(t, old, 1, "result", "hit")                                   // a request of the old table
	add(t, next, 1, "result", "hit")
	if got, want := said(r), "t/cache[_other] 5\nt/cache[hit] 3\nt/cache[stale] 0"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	more := append(result("hit"), telemetry.Label{Name: "by", Values: []string{"a"}})
	customs(r, "t", counter(more)) // these are other series
	if got, want := said(r), "t/cache[hit a] 0"; got != want {
		t.Errorf("with another label\n%s\nwant\n%s", got, want)
	}
	gauge := counter(more)
	gauge.Kind = telemetry.Gauge
	add(t, customs(r, "t", gauge)["cache"], -2, "result", "hit", "by", "a")
	if got, want := said(r), "t/cache[hit a] -2"; got != want {
		t.Errorf("as a gauge\n%s\nwant\n%s", got, want)
	}
	customs(r, "t")
	if got := said(r); got != "" {
		t.Errorf("a metric that is gone is still there: %s", got)
	}
	d := r.Begin()
	d.Lua("t").Custom(counter(nil)) // a load that fails publishes nothing
	if got := said(r); got != "" {
		t.Errorf("a metric of a table that never served is there: %s", got)
	}
}

func TestCustomMetricsForWhichThereIsNoRoomAreLeftOutAndNoneVanishesForAnother(t *testing.T) {
	t.Parallel()
	r := telemetry.New(telemetry.Options{MaxSeries: 10})
	load := func(tenants ...string) *telemetry.Draft {
		d := r.Begin()
		for _, tenant := range tenants {
			d.Lua(tenant).Custom(telemetry.Definition{Name: "m", Kind: telemetry.Counter, Labels: result("a", "b", "c")})
		}
		return d
	}
	load("b", "c").Publish()
	d := load("a", "b", "c")
	if n := d.LeftCustoms(); n != 1 {
		t.Errorf("%d are left out, want 1", n)
	}
	d.Publish()
	all, shown := r.Customs()
	if len(all) != 3 || len(shown) != 2 || shown[0].Tenant != "b" || shown[1].Tenant != "c" {
		t.Errorf("of %v are shown %v", all, shown)
	}
	load("a", "c").Publish()
	if _, shown := r.Customs(); len(shown) != 2 || shown[0].Tenant != "a" {
		t.Errorf("room that is free again is not used: %v", shown)
	}
}

func TestWhatIsWrongWithACustomMetricIsSaid(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		change func(d *telemetry.Definition)
		want   string
	}{
		{func(d *telemetry.Definition) { d.Name = "" }, "name"},
		{func(d *telemetry.Definition) { d.Name = "Cache" }, "name"},
		{func(d *telemetry.Definition) { d.Name = "1st" }, "name"},
		{func(d *telemetry.Definition) { d.Name = "with-dash" }, "name"},
		{func(d *telemetry.Definition) { d.Name = strings.Repeat("a", 65) }, "name"},
		{func(d *telemetry.Definition) { d.Name = "cache_total" }, "_total"},
		{func(d *telemetry.Definition) { d.Name = "cache_bucket" }, "_bucket"},
		{func(d *telemetry.Definition) { d.Kind = "histogram" }, "counter or gauge"},
		{func(d *telemetry.Definition) { d.Help = "\xff" }, "UTF-8"},
		{func(d *telemetry.Definition) { d.Help = strings.Repeat("a", 257) }, "256"},
		{func(d *telemetry.Definition) { d.Labels[0].Name = "tenant" }, "none of"},
		{func(d *telemetry.Definition) { d.Labels[0].Name = "instance" }, "none of"},
		{func(d *telemetry.Definition) { d.Labels[0].Name = "__name__" }, "a-z"},
		{func(d *telemetry.Definition) { d.Labels[0].Values = nil }, "no values"},
		{func(d *telemetry.Definition) { d.Labels[0].Values = []string{""} }, "1 to 64"},
		{func(d *telemetry.Definition) { d.Labels[0].Values = []string{"\xff"} }, "UTF-8"},
		{func(d *telemetry.Definition) { d.Labels[0].Values = []string{"a", "a"} }, "twice"},
		{func(d *telemetry.Definition) { d.Labels[0].Values = []string{telemetry.Other} }, "not listed"},
		{func(d *telemetry.Definition) { d.Labels = slices.Repeat(d.Labels, 6) }, "at most 5"},
	} {
		d := telemetry.Definition{Name: "cache", Kind: telemetry.Counter, Labels: result("hit")}
		if err := d.Check(); err != nil {
			t.Fatal(err)
		}
		row.change(&d)
		if err := d.Check(); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%+v: %v; want %q", d, err, row.want)
		}
	}
}

func TestMetricsThatNobodyReadsAreCounted(t *testing.T) {
	t.Parallel()
	var none *telemetry.Registry
	c := none.Begin().Lua("t").Custom(telemetry.Definition{Name: "m", Kind: telemetry.Counter})
	add(t, c, 1)
	if all, shown := none.Customs(); all != nil || shown != nil {
		t.Error("a registry that counts nothing has metrics")
	}
}

func TestManyCountAtOnceAndNothingIsLost(t *testing.T) {
	t.Parallel()
	r := telemetry.New(telemetry.Options{})
	c := customs(r, "", telemetry.Definition{Name: "m", Kind: telemetry.Counter})["m"]
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				c.Add(c.Point(), 1)
			}
		})
	}
	wg.Wait()
	if got := said(r); got != "/m[] 4000" {
		t.Error(got)
	}
}

func TestToCountInACustomMetricAllocatesNothing(t *testing.T) {
	c := customs(telemetry.New(telemetry.Options{}), "", telemetry.Definition{Name: "m", Kind: telemetry.Counter, Labels: result("hit")})["m"]
	if n := testkit.Allocs(100, func() {
		p, _ := c.With(c.Point(), "result", "hit")
		c.Add(p, 1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestMethodsAreToldApartWhereThatIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, methods := range []bool{false, true} {
		r := telemetry.New(telemetry.Options{Methods: methods})
		s := table(r, "", "/a")["/a"]
		for _, m := range []string{"GET", "POST", "GET", "PURGE", "get"} {
			s.Count(&telemetry.Request{Method: m, Status: 200})
		}
		got := map[string]uint64{}
		s.Each(func(method, _, _ string, n uint64) { got[method] += n })
		want := map[string]uint64{"": 5}
		if methods {
			want = map[string]uint64{"GET": 2, "POST": 1, telemetry.Other: 2}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("methods %v: %v, want %v", methods, got, want)
		}
		if all, _ := s.Total(); all != 5 || r.ByMethod() != methods {
			t.Errorf("methods %v: %d in all", methods, all)
		}
	}
}

func TestAHistogramKeepsTheLatestTraceOfEachBucket(t *testing.T) {
	r := telemetry.New(telemetry.Options{Buckets: []float64{1, 2}})
	s := table(r, "", "/a")["/a"]
	for i, d := range []time.Duration{100, 200, 1500, 5000} {
		s.Count(&telemetry.Request{Status: 200, Took: d * time.Millisecond, Trace: &telemetry.Trace{byte(i)}})
	}
	s.Count(&telemetry.Request{Status: 200, Took: 300 * time.Millisecond}) // which is not recorded
	_, histograms := r.All()
	var got []string
	for _, e := range histograms[0].Exemplars() {
		got = append(got, fmt.Sprintf("%s %g", e.TraceID()[:2], e.Seconds))
	}
	if want := "01 0.2, 02 1.5, 03 5"; strings.Join(got, ", ") != want {
		t.Errorf("%v, want %s", got, want)
	}
	trace := &telemetry.Trace{1}
	if n := testkit.Allocs(100, func() { s.Count(&telemetry.Request{Took: time.Second, Trace: trace}) }); n > 1 {
		t.Errorf("a trace takes %v allocations", n)
	}
}

func TestANativeHistogramHasEachDurationInItsBucket(t *testing.T) {
	r := telemetry.New(telemetry.Options{Native: true})
	s := table(r, "", "/a")["/a"]
	for _, d := range []time.Duration{0, time.Microsecond / 2, time.Second, time.Second, 1100 * time.Millisecond, 2 * time.Second, 24 * time.Hour} {
		s.Count(&telemetry.Request{Status: 200, Took: d})
	}
	_, histograms := r.All()
	count, zero, buckets, ok := histograms[0].Native()
	// Bucket n ends at 2^(n/8): 1 s is the end of 0, 1.1 s is in 2, which ends at 1.19 s, and 2 s is the end of 8.
	if want := "map[0:2 2:1 8:1 96:1]"; !ok || count != 7 || zero != 2 || fmt.Sprint(buckets) != want {
		t.Errorf("%d, of them %d zero, %v; want %s", count, zero, buckets, want)
	}
	if n, _, _ := histograms[0].Read(); n != 7 {
		t.Errorf("the other buckets have %d", n)
	}
	if _, _, _, ok := telemetryHistogram(telemetry.Options{}).Native(); ok {
		t.Error("a histogram is native though nobody asked for it")
	}
	if n := testkit.Allocs(100, func() { s.Count(&telemetry.Request{Took: time.Second}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func telemetryHistogram(o telemetry.Options) *telemetry.Histogram {
	r := telemetry.New(o)
	table(r, "", "/a")["/a"].Count(&telemetry.Request{})
	_, histograms := r.All()
	return histograms[0]
}
