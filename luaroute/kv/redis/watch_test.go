package redis

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

// patient is a timeout that only a fault reaches on a busy machine.
const patient = caddy.Duration(20 * time.Second)

func TestTheLogShowsNothingThatWasSentToRedis(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{
		"ERR unknown command 'SET', with args beginning with: 's3cret' 's3cret'",
		"NOPERM No permissions to access the key `s3cret`",
		`ERR "s3cret"`,
	} {
		mini := miniredis.RunT(t)
		core, logs := observer.New(zapcore.DebugLevel)
		r := &Redis{Addresses: []string{mini.Addr()}, DownAfter: 1, Timeout: patient}
		ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
		defer cancel()
		if err := r.Provision(ctx); err != nil {
			t.Fatal(err)
		}
		r.client.log = func() *zap.Logger { return zap.New(core) }
		mini.SetError(answer)
		_, err := r.Do(t.Context(), kv.Op{Kind: kv.Set, Key: "s3cret", Value: []byte("s3cret")})
		if err == nil || strings.Contains(err.Error(), "s3") {
			t.Errorf("%s: a script sees %v", answer, err)
		}
		testkit.Until(t, "it is logged", func() bool { return logs.Len() > 0 }) // maybe after the call
		if entries := logs.All(); len(entries) != 1 || strings.Contains(fmt.Sprint(entries[0].ContextMap()), "s3") {
			t.Errorf("%s: the log has %v", answer, entries)
		}
		if err := r.Cleanup(); err != nil {
			t.Error(err)
		}
	}
}

// sample returns the value of a metric of some addresses.
func sample(t *testing.T, registry *prometheus.Registry, name, addresses string) (value float64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	value = -1
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == name && metric.GetLabel()[0].GetValue() == addresses {
				value = metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
			}
		}
	}
	return value
}

func TestMetricsOutliveConfigurations(t *testing.T) {
	t.Parallel()
	address := ports.Dead(t)
	load := func() (*Redis, *prometheus.Registry, context.CancelFunc) {
		r := &Redis{Addresses: []string{address}, DownAfter: 2, Timeout: patient}
		ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
		other := &Redis{Addresses: []string{address}, DownAfter: 2, Timeout: patient, Prefix: "other"} // of another instance
		for _, r := range []*Redis{r, other} {
			if err := r.Provision(ctx); err != nil {
				t.Fatal(err)
			}
		}
		return r, ctx.GetMetricsRegistry(), func() {
			cancel()
			for _, r := range []*Redis{r, other} {
				if err := r.Cleanup(); err != nil {
					t.Error(err)
				}
			}
		}
	}
	r, registry, end := load()
	want := func(up, failures, falls float64) {
		t.Helper()
		for name, value := range map[string]float64{"up": up, "failures_total": failures, "falls_total": falls} {
			if got := sample(t, registry, "caddy_luaroute_kv_redis_"+name, address); got != value {
				t.Errorf("%s is %v, want %v", name, got, value)
			}
		}
	}
	want(1, 0, 0)
	for range 5 {
		_, _ = r.Do(t.Context(), kv.Op{Kind: kv.Get, Key: "k"})
	}
	testkit.Until(t, "it has fallen", func() bool { return sample(t, registry, "caddy_luaroute_kv_redis_falls_total", address) == 1 }) // maybe after the call
	want(0, 2, 1)
	_, next, endNext := load()
	end()
	registry = next
	want(0, 2, 1)
	endNext()
	want(-1, -1, -1)
}
