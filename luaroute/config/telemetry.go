package config

import (
	"errors"
	"fmt"
	"slices"

	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// Metrics is what is counted of requests, for Caddy's metrics and the admin API. Labels come from the scripts and
// the configuration, never from clients.
type Metrics struct {
	// How finely requests are counted: `pattern` by tenant and pattern, `tenant` by tenant, `off` not at all. Default:
	// `pattern`.
	By string `json:"by,omitempty"`

	// The largest number of series. Beyond it the patterns with the shortest fixed texts share one, whose pattern is
	// `_other`. Default: 2000.
	MaxSeries int `json:"max_series,omitempty"`

	// How finely durations are observed: `pattern`, `tenant` or `off`. Where those of patterns would be too many
	// series, they fall back to tenants. Default: `tenant`.
	Histogram string `json:"histogram,omitempty"`

	// The bounds of the histogram in seconds, in rising order. Default: 0.005 to 10, as those of Caddy.
	Buckets []float64 `json:"buckets,omitempty"`

	// Whether the histogram is a native one as well, with fine buckets that Prometheus reads where it scrapes native
	// histograms. Default: false.
	Native bool `json:"native,omitempty"`

	// Whether requests are counted by method, too: one of the nine methods of HTTP, or `_other`. Default: false.
	Methods bool `json:"methods,omitempty"`
}

// Fineness are the values of Metrics.By and Metrics.Histogram.
var Fineness = []string{string(telemetry.ByPattern), string(telemetry.ByTenant), string(telemetry.Off)}

// Check reports a value that is not allowed.
func (m *Metrics) Check() error {
	if m == nil {
		return nil
	}
	for name, value := range map[string]string{"by": m.By, "histogram": m.Histogram} {
		if value != "" && !slices.Contains(Fineness, value) {
			return fmt.Errorf("metrics.%s %q: expected pattern, tenant or off", name, value)
		}
	}
	const least = 2
	if m.MaxSeries != 0 && m.MaxSeries < least {
		return fmt.Errorf("metrics.max_series %d: expected at least %d", m.MaxSeries, least)
	}
	if m.Native && m.Histogram == string(telemetry.Off) {
		return errors.New("metrics.native: there is no histogram; expected metrics.histogram pattern or tenant")
	}
	for i, b := range m.Buckets {
		if b <= 0 || i > 0 && b <= m.Buckets[i-1] {
			return fmt.Errorf("metrics.buckets: %g: expected numbers of seconds above 0, in rising order", b)
		}
	}
	return nil
}

// Options returns what a registry counts.
func (m *Metrics) Options() telemetry.Options {
	if m == nil {
		return telemetry.Options{}
	}
	return telemetry.Options{By: telemetry.By(m.By), MaxSeries: m.MaxSeries, Histogram: telemetry.By(m.Histogram), Buckets: m.Buckets, Native: m.Native, Methods: m.Methods}
}

// Telemetry is what requests say of themselves in logs, spans and placeholders.
type Telemetry struct {
	// When the placeholders `{http.luaroute.*}` are there: `on`, `off`, or `auto`, which is on where the request is
	// traced, or something has their name: a handler or matcher of the servers, a script, or this configuration.
	// Templates may have it in their files. Default: `auto`.
	Placeholders string `json:"placeholders,omitempty"`

	// Whether the access log gets the group `luaroute`: `on` or `off`. Default: `on`.
	LogFields string `json:"log_fields,omitempty"`

	// Whether the span of a request that is traced gets attributes of its route: `on` or `off`. With `hooks` each function
	// of a script that runs for it has a span of its own, too, to find out what takes time. Default: `on`.
	Spans string `json:"spans,omitempty"`
}

// Values of Telemetry.
const (
	On   = "on"
	Off  = "off"
	Auto = "auto"
	// Hooks is a value of Spans.
	Hooks = "hooks"
)

// Check reports a value that is not allowed.
func (t *Telemetry) Check() error {
	if t == nil {
		return nil
	}
	if !slices.Contains([]string{"", On, Off, Auto}, t.Placeholders) {
		return fmt.Errorf("telemetry.placeholders %q: expected on, off or auto", t.Placeholders)
	}
	if !slices.Contains([]string{"", On, Off}, t.LogFields) {
		return fmt.Errorf("telemetry.log_fields %q: expected on or off", t.LogFields)
	}
	if !slices.Contains([]string{"", On, Off, Hooks}, t.Spans) {
		return fmt.Errorf("telemetry.spans %q: expected on, off or hooks", t.Spans)
	}
	return nil
}
