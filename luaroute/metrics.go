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
	}
}

// Interface guards
var _ prometheus.Collector = instanceMetrics{}
