package telemetry_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// table publishes a table with patterns of one tenant, and returns its series by pattern.
func table(r *telemetry.Registry, tenant string, patterns ...string) map[string]*telemetry.Series {
	d := r.Begin()
	all := map[string]*telemetry.Series{}
	for _, p := range patterns {
		all[p] = d.Series(telemetry.Key{Tenant: tenant, Pattern: p})
	}
	d.Publish()
	return all
}

// text is all counts, a line each.
func text(r *telemetry.Registry) string {
	var lines []string
	series, _ := r.All()
	for _, s := range series {
		s.Each(func(_, outcome, code string, n uint64) {
			lines = append(lines, fmt.Sprintf("%s%s %s %s %d", s.Tenant, s.Pattern, outcome, code, n))
		})
	}
	return strings.Join(lines, "\n")
}

func TestCountsOfAPatternGoOnInTheNextTableAndVanishWithIt(t *testing.T) {
	t.Parallel()
	r := telemetry.New(telemetry.Options{})
	old := table(r, "", "/a", "/b")
	old["/a"].Count(&telemetry.Request{Outcome: telemetry.Proxied, Status: 200, Took: time.Millisecond})
	old["/b"].Count(&telemetry.Request{Outcome: telemetry.Failed, Status: 502, Took: time.Millisecond})
	next := table(r, "", "/a", "/c")
	next["/a"].Count(&telemetry.Request{Outcome: telemetry.Proxied, Status: 201, Took: time.Millisecond})
	old["/a"].Count(&telemetry.Request{Outcome: telemetry.Responded, Status: 404, Took: time.Millisecond}) // a request of the old table
	old["/b"].Count(&telemetry.Request{Outcome: telemetry.Failed, Status: 502, Took: time.Millisecond})
	if got, want := text(r), "/a responded 4xx 1\n/a proxied 2xx 2"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if all, failed := old["/b"].Total(); all != 2 || failed != 2 {
		t.Errorf("%d requests, %d failed; want 2 and 2", all, failed)
	}
}

func TestADraftThatIsNotPublishedChangesNothing(t *testing.T) {
	t.Parallel()
	r := telemetry.New(telemetry.Options{})
	table(r, "", "/a")["/a"].Count(&telemetry.Request{Outcome: telemetry.Proxied, Status: 200, Took: -1})
	r.Begin().Series(telemetry.Key{Pattern: "/b"}).Count(&telemetry.Request{Outcome: telemetry.Proxied, Status: 200, Took: -1})
	if got, want := text(r), "/a proxied 2xx 1"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

func TestPatternsBeyondTheBoundShareOneSeries(t *testing.T) {
	t.Parallel()
	r := telemetry.New(telemetry.Options{MaxSeries: 3})
	d := r.Begin()
	for i := range 10 {
		d.Series(telemetry.Key{Tenant: "t", Pattern: fmt.Sprint("/", i)}).Count(&telemetry.Request{Outcome: telemetry.Proxied, Status: 200, Took: time.Second})
	}
	d.Publish()
	if got, want := text(r), "_other proxied 2xx 8\nt/0 proxied 2xx 1\nt/1 proxied 2xx 1"; got != want || d.Left() != 8 {
		t.Errorf("got\n%s\nand %d without one of their own; want\n%s\nand 8", got, d.Left(), want)
	}
}

func TestCountingByTenantHasASeriesForEachTenant(t *testing.T) {
	t.Parallel()
	r := telemetry.New(telemetry.Options{By: telemetry.ByTenant})
	table(r, "a", "/x", "/y")["/x"].Count(&telemetry.Request{Outcome: telemetry.Declined, Status: 0, Took: -1})
	if got, want := text(r), "a declined  1"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
}

func TestNothingIsCountedWhereThatIsOff(t *testing.T) {
	t.Parallel()
	r := telemetry.New(telemetry.Options{By: telemetry.Off})
	table(r, "", "/a")["/a"].Count(&telemetry.Request{Outcome: telemetry.Proxied, Status: 200, Took: time.Second})
	if series, histograms := r.All(); series != nil || histograms != nil {
		t.Errorf("%v, %v", series, histograms)
	}
}

func TestAHistogramHasWhatWasObserved(t *testing.T) {
	t.Parallel()
	r := telemetry.New(telemetry.Options{Buckets: []float64{0.1, 1}})
	all := table(r, "", "/a", "/b")
	all["/a"].Count(&telemetry.Request{Outcome: telemetry.Proxied, Status: 200, Took: 100 * time.Millisecond})
	all["/b"].Count(&telemetry.Request{Outcome: telemetry.Proxied, Status: 200, Took: 500 * time.Millisecond})
	all["/b"].Count(&telemetry.Request{Outcome: telemetry.Proxied, Status: 101, Took: -1}) // a stream
	all["/b"].Count(&telemetry.Request{Outcome: telemetry.Proxied, Status: 200, Took: 5 * time.Second})
	_, histograms := r.All()
	if len(histograms) != 1 {
		t.Fatalf("%d histograms; want one for the tenant", len(histograms))
	}
	count, sum, cumulative := histograms[0].Read()
	if count != 3 || sum != 5.6 || cumulative[0.1] != 1 || cumulative[1] != 2 {
		t.Errorf("%d observations of %g s, %v", count, sum, cumulative)
	}
}

func TestAHistogramForEachPatternFallsBackToTheTenant(t *testing.T) {
	t.Parallel()
	r := telemetry.New(telemetry.Options{Histogram: telemetry.ByPattern, Buckets: []float64{1}, MaxSeries: 9})
	for _, s := range table(r, "t", "/a", "/b", "/c") {
		s.Count(&telemetry.Request{Outcome: telemetry.Proxied, Status: 200, Took: time.Second})
	}
	var names []string
	_, histograms := r.All()
	for _, h := range histograms {
		count, _, _ := h.Read()
		names = append(names, fmt.Sprint(h.Pattern, " ", count))
	}
	if got, want := strings.Join(names, ", "), " 1, /a 1, /b 1"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
}

func TestAnythingMayBeCountedWhileTablesChangeAndMetricsAreRead(t *testing.T) {
	t.Parallel()
	r := telemetry.New(telemetry.Options{})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 200 {
				for _, s := range table(r, "", "/a", fmt.Sprint("/", i, j)) {
					s.Count(&telemetry.Request{Outcome: telemetry.Outcome(j % len(telemetry.OutcomeNames())), Status: 100 * (j % 7), Took: time.Duration(j)})
				}
				text(r)
			}
		})
	}
	wg.Wait()
	if !strings.Contains(text(r), "/a ") {
		t.Errorf("nothing is left of /a:\n%s", text(r))
	}
}

func TestToCountAllocatesNothing(t *testing.T) {
	r := telemetry.New(telemetry.Options{})
	s := table(r, "", "/a")["/a"]
	s.Count(&telemetry.Request{Outcome: telemetry.Proxied, Status: 200, Took: time.Millisecond})
	if n := testkit.Allocs(100, func() { s.Count(&telemetry.Request{Outcome: telemetry.Proxied, Status: 200, Took: time.Millisecond}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCount(b *testing.B) {
	r := telemetry.New(telemetry.Options{})
	s := table(r, "", "/a")["/a"]
	for b.Loop() {
		s.Count(&telemetry.Request{Outcome: telemetry.Proxied, Status: 200, Took: time.Millisecond})
	}
}
