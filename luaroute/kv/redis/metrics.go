package redis

import (
	"errors"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics of the clients that are in use. They outlive configurations, and so do the counts.
var (
	upMetric = prometheus.NewDesc("caddy_luaroute_kv_redis_up",
		"Whether Redis is taken for up (1) or down (0).", []string{"addresses"}, nil)
	failuresMetric = prometheus.NewDesc("caddy_luaroute_kv_redis_failures_total",
		"Calls that failed because Redis was not there or not fast enough, without those that failed at once while it was down.",
		[]string{"addresses"}, nil)
	fallsMetric = prometheus.NewDesc("caddy_luaroute_kv_redis_falls_total",
		"How often Redis went down.", []string{"addresses"}, nil)
)

// metrics collects what clients know of themselves. It has no state: the registry of a configuration has one for all.
type metrics struct{}

// register has the metrics collected.
func register(registry *prometheus.Registry) error {
	if registry == nil {
		return nil
	}
	err := registry.Register(metrics{})
	if there := (prometheus.AlreadyRegisteredError{}); errors.As(err, &there) {
		return nil
	}
	return err
}

// Describe sends the descriptions of the metrics.
func (metrics) Describe(to chan<- *prometheus.Desc) {
	to <- upMetric
	to <- failuresMetric
	to <- fallsMetric
}

// Collect sends the current metrics. Clients of the same addresses, as with other passwords, count as one.
func (metrics) Collect(to chan<- prometheus.Metric) {
	type sum struct{ up, failures, falls float64 }
	sums := map[string]*sum{}
	clients.Range(func(_, value any) bool {
		c, ok := value.(*client)
		if !ok {
			return true
		}
		name := strings.Join(c.Addresses, ",")
		s := sums[name]
		if s == nil {
			s = &sum{up: 1}
			sums[name] = s
		}
		s.failures += float64(c.failures.Load())
		s.falls += float64(c.falls.Load())
		if c.link.Load() == nil {
			s.up = 0
		}
		return true
	})
	for name, s := range sums {
		to <- prometheus.MustNewConstMetric(upMetric, prometheus.GaugeValue, s.up, name)
		to <- prometheus.MustNewConstMetric(failuresMetric, prometheus.CounterValue, s.failures, name)
		to <- prometheus.MustNewConstMetric(fallsMetric, prometheus.CounterValue, s.falls, name)
	}
}

// Interface guards
var _ prometheus.Collector = metrics{}
