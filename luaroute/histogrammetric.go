package luaroute

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// durations sends the histograms.
func (c collector) durations() {
	_, histograms := c.Telemetry().All()
	for _, h := range histograms {
		count, sum, buckets := h.Read()
		labels := c.labels([]string{h.Tenant, h.Label()})
		metric := prometheus.MustNewConstHistogram(durationMetric, count, sum, buckets, labels...)
		if total, zero, fine, native := h.Native(); native {
			count = total
			metric = bothHistograms{metric, prometheus.MustNewConstNativeHistogram(
				durationMetric, total, sum, fine, nil, zero, telemetry.NativeSchema, telemetry.NativeZero, c.Telemetry().Begun(), labels...)}
		}
		if count == 0 {
			continue
		}
		if exemplars := exemplarsOf(h); exemplars != nil {
			metric = prometheus.MustNewMetricWithExemplars(metric, exemplars...)
		}
		c.to <- metric
	}
}

func exemplarsOf(h *telemetry.Histogram) (all []prometheus.Exemplar) {
	for _, e := range h.Exemplars() {
		all = append(all, prometheus.Exemplar{Value: e.Seconds, Timestamp: e.At, Labels: prometheus.Labels{"trace_id": e.TraceID()}})
	}
	return all
}

// bothHistograms is a native histogram that has the buckets of a classic one, too, for those who read text.
type bothHistograms struct{ classic, native prometheus.Metric }

// Desc returns the description of both.
func (b bothHistograms) Desc() *prometheus.Desc { return b.native.Desc() }

// Write writes both.
func (b bothHistograms) Write(to *dto.Metric) error {
	var classic dto.Metric
	if err := b.classic.Write(&classic); err != nil {
		return err
	}
	if err := b.native.Write(to); err != nil {
		return err
	}
	to.Histogram.Bucket = classic.Histogram.Bucket
	return nil
}

// Interface guards
var _ prometheus.Metric = bothHistograms{}
