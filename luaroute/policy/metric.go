package policy

import (
	"cmp"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/luaroute/metric"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var metricBinding = Binding{Make: makeMetric, Doc: vm.Doc{
	Name: "metric", Args: "options: luaroute.MetricOptions", Returns: "luaroute.Metric", Effect: true,
	Text: "a [metric](observe.md#metrics-of-scripts) that functions count in, by `req:count` or by the object; while scripts load",
}}

var metricOptions = vm.Class{
	Name: "luaroute.MetricOptions", Link: "observe.md#metrics-of-scripts", Text: "the options of `route.metric`", Fields: []vm.Doc{
		{Name: "name", Type: "string", Text: "`a-z`, `0-9` and `_`; Prometheus knows a counter as `caddy_luaroute_custom_NAME_total`, a gauge without `_total`"},
		{Name: "kind", Type: `"counter"|"gauge"|nil`, Text: "a `counter` never goes down, a `gauge` may. Default: `counter`"},
		{Name: "help", Type: "string?", Text: "what it counts, at most 256 bytes"},
		{
			Name: "labels", Type: "table<string, (string|number|boolean)[]>?",
			Text: "at most five labels, each with a list of the values that it may have; others count as `_other`. Default: none",
		},
	},
}

var metricMethods = vm.Bindings{
	{Fn: countMetric, Doc: vm.Doc{
		Name: "count", Args: "n?: number, labels?: luaroute.MetricLabels", Effect: true,
		Text: "adds a number. Default: 1. It works in timers and in `on_done`, too",
	}},
	{Fn: setMetric, Doc: vm.Doc{Name: "set", Args: "n: number, labels?: luaroute.MetricLabels", Effect: true, Text: "sets a gauge"}},
}

var metricClasses = []vm.Class{
	metricOptions,
	{
		Name: "luaroute.Metric", Link: "observe.md#metrics-of-scripts", Text: "a metric of the script, for functions that serve requests",
		Methods: metricMethods.Docs(),
	},
	{Name: "luaroute.MetricName", Link: "observe.md#metrics-of-scripts", Text: "the name of a metric that `route.metric` declares", Alias: "string"},
	{
		Name: "luaroute.MetricLabels", Link: "observe.md#metrics-of-scripts",
		Text: "the values of the labels by their names; what is missing or not listed counts as `_other`", Alias: "table<string, string|number|boolean>",
	},
}

// How many custom metrics the scripts of a tenant may have, and how many series these.
const (
	maxMetrics, maxMetricsOfStrangers = 100, 20
	maxSeries, maxSeriesOfStrangers   = 10_000, 200
)

// custom is a metric as scripts hold it.
type custom struct {
	*telemetry.Custom
	at origin.Origin
}

// Immutable marks it as shared by all states.
func (*custom) Immutable() {}

var metricType *lua.LTable

func init() { metricType = objectType("metric", metricMethods) }

// makeMetric is route.metric{…}.
func makeMetric(l *Load, L *lua.LState) int {
	o := option.Of(L, "route.metric", L.CheckTable(1), &metricOptions)
	d := telemetry.Definition{
		Name: o.Text("name"), Kind: cmp.Or(telemetry.Kind(o.Text("kind")), telemetry.Counter), Help: o.Text("help"), Labels: labelsOf(o),
	}
	o.Check(d.Check())
	m := l.customs[d.Name]
	switch at := l.Here(L, "metric", d.Name); {
	case m != nil && !m.Equal(&d):
		o.L.RaiseError("route.metric: there is a metric %q of another kind, help or labels, at %s; expected the same or another name", d.Name, m.at)
	case m == nil:
		l.mayHave(o, &d)
		m = &custom{l.Counts.Custom(d), at}
		l.customs[d.Name], l.VMs.Customs[d.Name] = m, m.Custom
	}
	L.Push(&lua.LUserData{Value: m, Metatable: metricType})
	return 1
}

// mayHave raises an error if a metric would be one too many.
func (l *Load) mayHave(o option.Table, d *telemetry.Definition) {
	metrics, series, whose := maxMetrics, maxSeries, "a script"
	if l.Capabilities != nil {
		metrics, series, whose = maxMetricsOfStrangers, maxSeriesOfStrangers, "an isolated tenant"
	}
	if l.customs == nil {
		l.customs, l.VMs.Customs = map[string]*custom{}, map[string]*telemetry.Custom{}
	}
	if len(l.customs) >= metrics {
		o.L.RaiseError("route.metric: %q is one too many; %s may have %d metrics", d.Name, whose, metrics)
	}
	if l.series += d.Size(); l.series > series {
		o.L.RaiseError("route.metric: with the %d series of %q, one for each combination of values and %s, there are %d; %s may have %d",
			d.Size(), d.Name, telemetry.Other, l.series, whose, series)
	}
}

// labelsOf reads the labels, in the order of their names.
func labelsOf(o option.Table) (all []telemetry.Label) {
	in := o.Sub("labels")
	if in == nil {
		return nil
	}
	in.ForEach(func(k, v lua.LValue) {
		name, ok := k.(lua.LString)
		list, isList := v.(*lua.LTable)
		if !ok || !isList {
			o.L.RaiseError("route.metric: labels: %s is %s; expected a list of the values that the label may have", option.Found(k), option.Found(v))
		}
		l := telemetry.Label{Name: string(name)}
		list.ForEach(func(k, v lua.LValue) {
			_, isPlace := k.(lua.LNumber)
			switch v.Type() {
			case lua.LTString, lua.LTNumber, lua.LTBool:
			default:
				isPlace = false
			}
			if !isPlace {
				o.L.RaiseError("route.metric: label %s: %s is %s; expected a list of strings, numbers or booleans", l.Name, option.Found(k), option.Found(v))
			}
			l.Values = append(l.Values, v.String())
		})
		all = append(all, l)
	})
	slices.SortFunc(all, func(a, b telemetry.Label) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func checkMetric(L *lua.LState) *telemetry.Custom {
	if m, ok := L.CheckUserData(1).Value.(*custom); ok {
		return m.Custom
	}
	L.ArgError(1, "metric expected; call it with a colon: metric:count(n)")
	return nil
}

// countMetric is m:count(n, labels).
func countMetric(L *lua.LState) int {
	metric.Count(L, checkMetric(L), 2)
	return 0
}

// setMetric is m:set(n, labels).
func setMetric(L *lua.LState) int {
	metric.Set(L, checkMetric(L), 2)
	return 0
}
