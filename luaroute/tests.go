package luaroute

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// Test runs a file of tests. route.simulate in it asks the table of the instance of that name, or without a name the one
// that the file declares itself. The app must have been provisioned.
func (a *App) Test(ctx context.Context, file, instance string) simulate.File {
	result := simulate.File{Name: file, Tests: []simulate.Test{}}
	tests, err := a.test(ctx, file, instance)
	if err != nil {
		result.Failure = loadFailure(err)
		return result
	}
	result.Tests = tests
	return result
}

func (a *App) test(ctx context.Context, file, instance string) ([]simulate.Test, error) {
	c := &config.Instance{Name: "test", Scripting: config.Scripting{Scripts: []string{file}}}
	var table *chiproxy.Table
	if instance != "" {
		in, err := a.named(instance)
		if err != nil {
			return nil, err
		}
		table = in.table.Load()
		c.Env, c.Limits = in.loader.config.Env, in.loader.config.Limits
	}
	l, err := newLoader(a.ctx, c, a.pools)
	if err != nil {
		return nil, err
	}
	suite := new(simulate.Suite)
	l.suite = suite
	own, err := l.load(ctx, new(source.Trace))
	if err != nil {
		return nil, err
	}
	defer own.table.Retire()
	if table == nil {
		return suite.Run(ctx, own.vms, own.table)
	}
	if declared := own.table.Routes(); len(declared) > 0 {
		return nil, declared[0].Origin.Errorf("the tests are run with a configuration, whose routes they ask about; expected no routes of their own")
	}
	return suite.Run(ctx, own.vms, table)
}

func (a *App) named(name string) (*instance, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if in, ok := a.instances[name]; ok {
		return in, nil
	}
	return nil, fmt.Errorf("no luaroute instance %q", name)
}

// loadFailure describes why a file of tests could not be loaded.
func loadFailure(err error) *simulate.Failure {
	f := &simulate.Failure{Message: err.Error()}
	var own *script.Error
	if errors.As(err, &own) && own.Script != "" {
		f.At = chiproxy.Origin{Script: own.Script, Line: own.Line}.String()
		f.Message, f.Trace = own.Message, strings.TrimSpace(own.Trace)
	}
	return f
}
