package luaroute

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
)

// sendCustoms sends the metrics of scripts. One name may be a metric of many tenants with labels of their own each; a counter and a gauge of a
// name have different ones in Prometheus, which wants one type and one help for each.
func sendCustoms(instances []*instance.Instance, to chan<- prometheus.Metric) {
	helps := map[string]string{}
	for _, i := range instances {
		_, shown := i.Telemetry().Customs()
		for _, m := range shown {
			if name := customName(m.Custom); helps[name] == "" {
				helps[name] = m.Help
			}
		}
	}
	for _, i := range instances {
		c := collector{i, to}
		_, shown := i.Telemetry().Customs()
		for _, m := range shown {
			name := customName(m.Custom)
			names := []string{"tenant"}
			for _, l := range m.Labels {
				names = append(names, l.Name)
			}
			desc, kind := metric(name, helps[name], names...), prometheus.CounterValue
			if m.Kind == telemetry.Gauge {
				kind = prometheus.GaugeValue
			}
			m.Each(func(labels []string, value float64) {
				c.send(desc, kind, value, slices.Concat([]string{m.Tenant}, labels)...)
			})
		}
	}
}

// customName returns the name of a custom metric behind that of all.
func customName(m *telemetry.Custom) string {
	if m.Kind == telemetry.Counter {
		return "custom_" + m.Name + "_total"
	}
	return "custom_" + m.Name
}
