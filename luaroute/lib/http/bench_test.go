package http_test

import (
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/lib/http"
	"github.com/luaroute/caddy-luaroute/luaroute/lib/internal/libtest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// BenchmarkGet compares http.get with net/http's own client, in turns, by their medians: "ratio" is how many times as long a call takes.
func BenchmarkGet(b *testing.B) {
	s := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, _ *nethttp.Request) { _, _ = io.WriteString(w, "hello") }))
	defer s.Close()
	state, ref := world(b, http.Library{}).State(b, `keep(function(url) return http.get(url).body end)`)
	fn, url := state.Func(ref), libtest.String(s.URL)
	client := &nethttp.Client{Transport: &nethttp.Transport{}}
	plain := func() {
		res, err := client.Get(s.URL)
		if err != nil {
			b.Fatal(err)
		}
		_, err = io.ReadAll(res.Body)
		if err = errorsOf(err, res.Body.Close()); err != nil {
			b.Fatal(err)
		}
	}
	ours := func() {
		state.Arm(vm.Limits{CPU: time.Minute}, b.Context())
		if err := state.Call(fn, 1, url); err != nil {
			b.Fatal(err)
		}
		state.L.Pop(1)
	}
	var times [2][]time.Duration
	for b.Loop() {
		for i, ask := range []func(){plain, ours} {
			start := time.Now()
			ask()
			times[i] = append(times[i], time.Since(start))
		}
	}
	median := func(all []time.Duration) float64 {
		slices.Sort(all)
		return float64(all[len(all)/2])
	}
	b.ReportMetric(median(times[0]), "plain-ns")
	b.ReportMetric(median(times[1]), "get-ns")
	b.ReportMetric(median(times[1])/median(times[0]), "ratio")
}

// errorsOf returns the first error.
func errorsOf(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}
