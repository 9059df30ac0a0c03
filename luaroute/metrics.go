package luaroute

import (
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/luaroute/caddy-luaroute/chiproxy/inventory"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// metric describes one; all have the name of the instance as their first label.
func metric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("caddy_luaroute_"+name, help, append([]string{"instance"}, labels...), nil)
}

const requestsMetricHelp = "Requests, by the tenant and the pattern that took them, what became of them, and the class of the status."

// Metrics of the instances. Caddy has a new registry for each configuration, so counts restart with it.
var (
	reloadsMetric = metric("reloads_total",
		"Reloads of the scripts of an instance since the configuration was loaded, by result.", "result")
	versionMetric = metric("table_version", "Version of the routing table that serves, counted since the configuration was loaded.")
	ageMetric     = metric("table_age_seconds", "Seconds since the routing table that serves was loaded.")
	buildMetric   = metric("table_build_seconds", "How long the load of the routing table that serves took.")
	routesMetric  = metric("routes", "Routes of the routing table that serves.")
	leftOutMetric = metric("tenants_left_out", "Tenants that answer 503 because their scripts failed, with isolate_failures.")

	requestsMetric = metric("requests_total", requestsMetricHelp, "tenant", "pattern", "outcome", "code")
	durationMetric = metric("request_duration_seconds",
		"Time until the request was answered, without streams of other protocols.", "tenant", "pattern")
	luaCallsMetric  = metric("lua_calls_total", "Requests for which Lua ran.", "tenant")
	luaTimeMetric   = metric("lua_seconds_total", "Time for which Lua ran.", "tenant")
	errorsMetric    = metric("script_errors_total", "Errors of scripts while requests ran.", "tenant")
	endsMetric      = metric("budget_ends_total", "Calls of scripts that reached a limit, by limit.", "tenant", "kind")
	machinesMetric  = metric("vms", "Virtual machines, by state.", "tenant", "state")
	waitingMetric   = metric("vms_waiting", "Requests that wait for a virtual machine.", "tenant")
	upstreamsMetric = metric("pool_upstreams", "Upstreams of a pool, by state.", "tenant", "pool", "state")
	inFlightMetric  = metric("pool_requests", "Requests that the upstreams of a pool are answering.", "tenant", "pool")

	mirrorMetric = metric("mirror_total",
		"Copies of requests, by what became of them: sent, failed, timeout, dropped (too many at once), large (the body) or unread (the body was not read).", "tenant", "pool", "outcome")

	limitMetric = metric("limit_total",
		"Requests that a limit or a concurrency has seen, by outcome: allowed, refused, error (of the store) or dry.", "tenant", "limit", "outcome")
	callsMetric   = metric("http_calls_total", "Calls of the library http, by outcome: ok, or the kind of the failure.", "tenant", "outcome")
	fetchesMetric = metric("jwt_fetches_total", "Fetches of keys of issuers, by outcome: ok or failed.", "tenant", "outcome")

	kvKeysMetric    = metric("kv_keys", "Keys that a tenant has in the store in memory.", "tenant")
	kvBytesMetric   = metric("kv_bytes", "What these count for, in bytes.", "tenant")
	kvEvictedMetric = metric("kv_evicted_total", "Keys that had to go though they had not expired, since there was no room.", "tenant")

	limitKeysMetric = metric("limit_keys",
		"Keys that a limit knows in this process, or for which a concurrency has requests.", "tenant", "limit")
	limitEvictedMetric = metric("limit_evicted_total",
		"Keys that a limit had to forget though their budget was not whole, since there were more than max_keys.", "tenant", "limit")
)

// requestsByMethodMetric is requestsMetric where requests are told apart by their methods.
var requestsByMethodMetric = metric("requests_total", requestsMetricHelp, "tenant", "pattern", "outcome", "code", "method")

// variedMetrics collects what has labels of its own in each instance, and so cannot describe it beforehand.
type variedMetrics struct{ app *App }

// Describe sends nothing.
func (variedMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect sends the current metrics.
func (m variedMetrics) Collect(to chan<- prometheus.Metric) {
	instances := m.app.all()
	for _, i := range instances {
		if i.Telemetry().ByMethod() {
			collector{i, to}.requests()
		}
	}
	sendCustoms(instances, to)
}

// instanceMetrics collects what the instances of an app know of themselves.
type instanceMetrics struct{ app *App }

// Describe sends the descriptions of the metrics.
func (m instanceMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		reloadsMetric, versionMetric, ageMetric, buildMetric, routesMetric, leftOutMetric, requestsMetric, durationMetric,
		luaCallsMetric, luaTimeMetric, errorsMetric, endsMetric, machinesMetric, waitingMetric, upstreamsMetric, inFlightMetric,
		limitMetric, limitKeysMetric, limitEvictedMetric, mirrorMetric, callsMetric, fetchesMetric,
		kvKeysMetric, kvBytesMetric, kvEvictedMetric,
	} {
		to <- d
	}
}

// Collect sends the current metrics.
func (m instanceMetrics) Collect(to chan<- prometheus.Metric) {
	for _, i := range m.app.all() {
		collector{i, to}.all()
	}
}

// all returns the instances, in the order of their names.
func (a *App) all() []*instance.Instance {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make([]*instance.Instance, 0, len(a.instances))
	for _, name := range slices.Sorted(maps.Keys(a.instances)) {
		all = append(all, a.instances[name].Instance)
	}
	return all
}

// collector sends the metrics of one instance.
type collector struct {
	*instance.Instance
	to chan<- prometheus.Metric
}

func (c collector) send(desc *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
	c.to <- prometheus.MustNewConstMetric(desc, kind, value, c.labels(labels)...)
}

// labels returns the values of labels behind the name of the instance. Scripts write names, and Prometheus takes UTF-8 alone.
func (c collector) labels(values []string) []string {
	all := append(make([]string, 0, len(values)+1), c.Name())
	all = append(all, values...)
	for i, v := range all {
		if !utf8.ValidString(v) {
			all[i] = strconv.QuoteToASCII(v)
		}
	}
	return all
}

func (c collector) gauge(desc *prometheus.Desc, value float64, labels ...string) {
	c.send(desc, prometheus.GaugeValue, value, labels...)
}

func (c collector) count(desc *prometheus.Desc, value float64, labels ...string) {
	c.send(desc, prometheus.CounterValue, value, labels...)
}

func (c collector) all() {
	s := c.State()
	good, failed := c.Reloads()
	c.count(reloadsMetric, float64(good), "success")
	c.count(reloadsMetric, float64(failed), "failure")
	c.gauge(versionMetric, float64(s.Version))
	c.gauge(leftOutMetric, float64(len(s.LeftOut)))
	c.gauge(ageMetric, time.Since(s.LoadedAt).Seconds())
	c.gauge(buildMetric, s.Took().Seconds())
	c.gauge(routesMetric, float64(inventory.Count(s.Table).Routes))
	if !c.Telemetry().ByMethod() {
		c.requests()
	}
	c.durations()
	c.scripts()
	c.asked()
	c.kept()
	c.pools(inventory.Pools(s.Table))
	c.limits(s.Book.Counts())
	c.mirrors()
}

// requests sends what became of requests.
func (c collector) requests() {
	series, _ := c.Telemetry().All()
	for _, s := range series {
		tenant, pattern := s.Tenant, s.Label()
		s.Each(func(method, outcome, code string, n uint64) {
			if method != "" {
				c.count(requestsByMethodMetric, float64(n), tenant, pattern, outcome, code, method)
			} else {
				c.count(requestsMetric, float64(n), tenant, pattern, outcome, code)
			}
		})
	}
}

// scripts sends what the scripts of each tenant do. Those of tenants beyond the bound of series share the label of others.
func (c collector) scripts() {
	sums, stats := map[string]telemetry.LuaCounts{}, c.VMs()
	machines := map[string]vm.Stats{}
	for _, l := range c.Telemetry().Scripts() {
		n := l.Read()
		if n == (telemetry.LuaCounts{}) && stats[l.Tenant] == (vm.Stats{}) {
			continue // it may have no Lua at all
		}
		tenant := l.Tenant
		if len(sums) >= c.Telemetry().MaxSeries()/perTenant {
			tenant = telemetry.Other
		}
		sums[tenant] = sums[tenant].Plus(n)
		of, all := stats[l.Tenant], machines[tenant]
		machines[tenant] = vm.Stats{Size: all.Size + of.Size, Idle: all.Idle + of.Idle, Waiting: all.Waiting + of.Waiting}
	}
	for tenant, n := range sums {
		c.count(luaCallsMetric, float64(n.Calls), tenant)
		c.count(luaTimeMetric, n.Time.Seconds(), tenant)
		c.count(errorsMetric, float64(n.Errors), tenant)
		for i, n := range n.Ends {
			c.count(endsMetric, float64(n), tenant, telemetry.Limits[i])
		}
		of := machines[tenant]
		c.gauge(machinesMetric, float64(of.Size-of.Idle), tenant, "used")
		c.gauge(machinesMetric, float64(of.Idle), tenant, "idle")
		c.gauge(waitingMetric, float64(of.Waiting), tenant)
	}
}

// perTenant is how many series the scripts of a tenant have.
const perTenant = 10

// perPool is how many series a pool has.
const perPool = 3

// pools sends the state of pools. Those of one name, and those beyond the bound of series, are told of together.
func (c collector) pools(all []inventory.Pool) {
	type key struct{ tenant, pool string }
	type state struct{ healthy, down, requests int }
	sums := map[key]state{}
	for _, p := range all {
		k := key{p.Tenant, p.Name}
		if _, known := sums[k]; !known && len(sums) >= c.Telemetry().MaxSeries()/perPool {
			k = key{telemetry.Other, telemetry.Other}
		}
		s := sums[k]
		for _, u := range p.Upstreams {
			if u.Healthy {
				s.healthy++
			} else {
				s.down++
			}
			s.requests += u.Requests
		}
		sums[k] = s
	}
	for k, s := range sums {
		c.gauge(upstreamsMetric, float64(s.healthy), k.tenant, k.pool, "healthy")
		c.gauge(upstreamsMetric, float64(s.down), k.tenant, k.pool, "down")
		c.gauge(inFlightMetric, float64(s.requests), k.tenant, k.pool)
	}
}

// limits sends what limits and concurrencies have counted.
func (c collector) limits(all []limit.Count) {
	for _, l := range all {
		for outcome, n := range l.Outcomes {
			c.count(limitMetric, float64(n), l.Tenant, l.Name, outcome)
		}
		c.gauge(limitKeysMetric, float64(l.Keys), l.Tenant, l.Name)
		c.count(limitEvictedMetric, float64(l.Evicted), l.Tenant, l.Name)
	}
}

// mirrors sends what became of copies of requests.
func (c collector) mirrors() {
	for _, l := range c.Telemetry().Scripts() {
		for _, m := range l.Mirrors() {
			m.Each(func(outcome string, n uint64) { c.count(mirrorMetric, float64(n), l.Tenant, m.Pool, outcome) })
		}
	}
}

// Interface guards
var _ prometheus.Collector = instanceMetrics{}
