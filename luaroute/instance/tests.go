package instance

import (
	"context"
	"fmt"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy/inventory"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// Tests runs files of tests. route.simulate in them asks the table of an instance, or without one that which the file declares itself.
type Tests struct {
	loading caddy.Context
	host    Host
	bench   *simulate.Bench
	trace   *source.Trace
	config  config.Instance
	of      *loaded // nil without an instance
	// store and keeper are those of the instance.
	store  kv.Store
	keeper string
}

// NewTests loads the scripts of an instance a second time, on the bench of the tests; without an instance it is nil. What the scripts and the
// tests are read from is written into the trace. The caller closes the tests.
func NewTests(ctx context.Context, loading caddy.Context, host Host, of *Instance, bench *simulate.Bench, trace *source.Trace) (*Tests, error) {
	bench.Knows(host.Libraries)
	t := &Tests{loading: loading, host: host, bench: bench, trace: trace, config: config.Instance{Name: "test"}}
	if of == nil {
		return t, nil
	}
	c := of.loader.config
	t.config.Env, t.config.Limits, t.config.Allow, t.config.LibsRaw = c.Env, c.Limits, c.Allow, c.LibsRaw
	l := of.loader.offline(host, bench)
	t.store, t.keeper = l.store, l.keeper
	var err error
	t.of, err = l.load(ctx, trace)
	return t, err
}

// Close releases what was loaded.
func (t *Tests) Close() {
	if t.of != nil {
		t.of.Table.Retire()
	}
}

// Run runs a file.
func (t *Tests) Run(ctx context.Context, file string) simulate.File {
	tests, err := t.run(ctx, file)
	if err != nil {
		return simulate.File{Name: file, Tests: []simulate.Test{}, Failure: simulate.FailureOf(err)}
	}
	return simulate.File{Name: file, Tests: tests}
}

func (t *Tests) run(ctx context.Context, file string) ([]simulate.Test, error) {
	c := t.config
	c.Scripts = []string{file}
	l, err := newLoader(t.loading, &c, t.host)
	if err != nil {
		return nil, err
	}
	if t.store != nil { // tests see what the scripts see
		l.store, l.keeper = t.store, t.keeper
	}
	l.suite, l.bench = simulate.NewSuite(t.bench), t.bench
	own, err := l.load(ctx, t.trace)
	if err != nil {
		return nil, err
	}
	defer own.Table.Retire()
	if t.of == nil {
		return l.suite.Run(ctx, own.vms, own.Table)
	}
	if declared := inventory.Routes(own.Table); len(declared) > 0 {
		return nil, fmt.Errorf("%s: these tests ask about the routes of a configuration; expected no routes of their own", declared[0].At)
	}
	return l.suite.Run(ctx, own.vms, t.of.Table)
}
