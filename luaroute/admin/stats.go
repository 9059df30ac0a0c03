package admin

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
)

// Stats is what was counted of an instance since its configuration was loaded.
type Stats struct {
	Requests []RequestStats `json:"requests"`
	Scripts  []ScriptStats  `json:"scripts"`
	// Metrics are those that scripts count by themselves.
	Metrics []MetricStats `json:"metrics,omitempty"`
}

// RequestStats is what became of the requests of a tenant that had a pattern.
type RequestStats struct {
	Tenant  string `json:"tenant"`
	Pattern string `json:"pattern"`
	// Total is the number of requests, and Failed that of those with a status of 500 or more.
	Total  uint64 `json:"total"`
	Failed uint64 `json:"failed"`
	// Outcomes are the numbers by what became of them, and Codes those by the class of the status.
	Outcomes map[string]uint64 `json:"outcomes"`
	Codes    map[string]uint64 `json:"codes"`
}

// MetricStats is a series of a metric of the scripts of a tenant.
type MetricStats struct {
	Tenant string            `json:"tenant"`
	Name   string            `json:"name"`
	Kind   string            `json:"kind"`
	Labels map[string]string `json:"labels,omitempty"`
	Value  float64           `json:"value"`
}

// ScriptStats is what the scripts of a tenant did.
type ScriptStats struct {
	Tenant  string            `json:"tenant"`
	Calls   uint64            `json:"calls"`
	Seconds float64           `json:"seconds"`
	Errors  uint64            `json:"errors"`
	Ends    map[string]uint64 `json:"ends,omitempty"`
	VMs     int               `json:"vms"`
	Idle    int               `json:"idle"`
	Waiting int               `json:"waiting"`
}

// serveStats answers with what was counted, of all tenants or, with ?tenant=, of one.
func serveStats(i *instance.Instance, w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	s := StatsOf(i, func(tenant string) bool { return !query.Has("tenant") || query.Get("tenant") == tenant })
	return write(w, r, s, func(w io.Writer) {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "TENANT\tPATTERN\tREQUESTS\tFAILED")
		for _, q := range s.Requests {
			fmt.Fprintf(t, "%s\t%s\t%d\t%d\n", or(q.Tenant, "-"), or(q.Pattern, "-"), q.Total, q.Failed)
		}
		fmt.Fprintln(t, "\nTENANT\tCALLS OF LUA\tSECONDS\tERRORS\tVMS\tIDLE\tWAITING")
		for _, l := range s.Scripts {
			fmt.Fprintf(t, "%s\t%d\t%.3f\t%d\t%d\t%d\t%d\n", or(l.Tenant, "-"), l.Calls, l.Seconds, l.Errors, l.VMs, l.Idle, l.Waiting)
		}
		if len(s.Metrics) > 0 {
			fmt.Fprintln(t, "\nTENANT\tMETRIC\tLABELS\tVALUE")
		}
		for _, m := range s.Metrics {
			var labels []string
			for _, name := range slices.Sorted(maps.Keys(m.Labels)) {
				labels = append(labels, name+"="+m.Labels[name])
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%g\n", or(m.Tenant, "-"), m.Name, or(strings.Join(labels, ","), "-"), m.Value)
		}
		_ = t.Flush()
	})
}

// StatsOf returns what was counted of the tenants that are wanted.
func StatsOf(i *instance.Instance, wanted func(tenant string) bool) Stats {
	s := Stats{Requests: []RequestStats{}, Scripts: []ScriptStats{}}
	series, _ := i.Telemetry().All()
	for _, from := range series {
		if !wanted(from.Tenant) {
			continue
		}
		q := RequestStats{Tenant: from.Tenant, Pattern: from.Label(), Outcomes: map[string]uint64{}, Codes: map[string]uint64{}}
		from.Each(func(_, outcome, code string, n uint64) {
			q.Outcomes[outcome] += n
			q.Codes[code] += n
		})
		if q.Total, q.Failed = from.Total(); q.Total > 0 {
			s.Requests = append(s.Requests, q)
		}
	}
	machines := i.VMs()
	for _, from := range i.Telemetry().Scripts() {
		if !wanted(from.Tenant) {
			continue
		}
		n, of := from.Read(), machines[from.Tenant]
		l := ScriptStats{
			Tenant: from.Tenant, Calls: n.Calls, Seconds: n.Time.Seconds(), Errors: n.Errors, VMs: of.Size, Idle: of.Idle, Waiting: of.Waiting,
		}
		for at, ends := range n.Ends {
			if ends > 0 {
				if l.Ends == nil {
					l.Ends = map[string]uint64{}
				}
				l.Ends[telemetry.Limits[at]] = ends
			}
		}
		s.Scripts = append(s.Scripts, l)
	}
	customs, _ := i.Telemetry().Customs()
	for _, m := range customs {
		if !wanted(m.Tenant) {
			continue
		}
		m.Each(func(values []string, value float64) {
			of := MetricStats{Tenant: m.Tenant, Name: m.Name, Kind: string(m.Kind), Value: value}
			for at, l := range m.Labels {
				if of.Labels == nil {
					of.Labels = map[string]string{}
				}
				of.Labels[l.Name] = values[at]
			}
			s.Metrics = append(s.Metrics, of)
		})
	}
	return s
}
