package luaroute

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics of the instances. Caddy has a new registry for each configuration, so counts restart with it.
var (
	reloadsMetric = prometheus.NewDesc("caddy_luaroute_reloads_total",
		"Reloads of the scripts of an instance since the configuration was loaded, by result.", []string{"instance", "result"}, nil)
	versionMetric = prometheus.NewDesc("caddy_luaroute_table_version",
		"Version of the routing table that serves, counted since the configuration was loaded.", []string{"instance"}, nil)
	ageMetric = prometheus.NewDesc("caddy_luaroute_table_age_seconds",
		"Seconds since the routing table that serves was loaded.", []string{"instance"}, nil)
	limitMetric = prometheus.NewDesc("caddy_luaroute_limit_total",
		"Requests that a limit or a concurrency has seen, by outcome: allowed, refused, error (of the store) or dry.",
		[]string{"instance", "tenant", "limit", "outcome"}, nil)
	limitKeysMetric = prometheus.NewDesc("caddy_luaroute_limit_keys",
		"Keys that a limit knows in this process, or for which a concurrency has requests.", []string{"instance", "tenant", "limit"}, nil)
	limitEvictedMetric = prometheus.NewDesc("caddy_luaroute_limit_evicted_total",
		"Keys that a limit had to forget though their budget was not whole, since there were more than max_keys.",
		[]string{"instance", "tenant", "limit"}, nil)
	leftOutMetric = prometheus.NewDesc("caddy_luaroute_tenants_left_out",
		"Tenants that answer 503 because their scripts failed, with isolate_failures.", []string{"instance"}, nil)
)

// instanceMetrics collects what the instances of an app know of themselves.
type instanceMetrics struct{ app *App }

// Describe sends the descriptions of the metrics.
func (m instanceMetrics) Describe(to chan<- *prometheus.Desc) {
	to <- reloadsMetric
	to <- versionMetric
	to <- ageMetric
	to <- leftOutMetric
	to <- limitMetric
	to <- limitKeysMetric
	to <- limitEvictedMetric
}

// Collect sends the current metrics.
func (m instanceMetrics) Collect(to chan<- prometheus.Metric) {
	m.app.mu.Lock()
	instances := slices.Collect(maps.Values(m.app.instances))
	m.app.mu.Unlock()
	for _, i := range instances {
		s := i.State()
		good, failed := i.Reloads()
		send := func(desc *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
			to <- prometheus.MustNewConstMetric(desc, kind, value, append([]string{i.Name()}, labels...)...)
		}
		send(reloadsMetric, prometheus.CounterValue, float64(good), "success")
		send(reloadsMetric, prometheus.CounterValue, float64(failed), "failure")
		send(versionMetric, prometheus.GaugeValue, float64(s.Version))
		send(leftOutMetric, prometheus.GaugeValue, float64(len(s.LeftOut)))
		send(ageMetric, prometheus.GaugeValue, time.Since(s.LoadedAt).Seconds())
		for _, c := range s.Book.Counts() {
			for outcome, n := range c.Outcomes {
				send(limitMetric, prometheus.CounterValue, float64(n), c.Tenant, c.Name, outcome)
			}
			send(limitKeysMetric, prometheus.GaugeValue, float64(c.Keys), c.Tenant, c.Name)
			send(limitEvictedMetric, prometheus.CounterValue, float64(c.Evicted), c.Tenant, c.Name)
		}
	}
}

// Interface guards
var _ prometheus.Collector = instanceMetrics{}
