package luaroute

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/simulate"
)

// Inspect returns what the instances of the app were made of, by name. They must have been provisioned.
func (a *App) Inspect() []instance.Inspection {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []instance.Inspection
	for _, name := range slices.Sorted(maps.Keys(a.instances)) {
		all = append(all, a.instances[name].Inspect())
	}
	return all
}

// Test runs a file of tests. route.simulate in it asks the table of the instance of that name, or without a name the one
// that the file declares itself. The app must have been provisioned.
func (a *App) Test(ctx context.Context, file, name string) simulate.File {
	result := simulate.File{Name: file, Tests: []simulate.Test{}}
	tests, err := a.test(ctx, file, name)
	if err != nil {
		result.Failure = loadFailure(err)
		return result
	}
	result.Tests = tests
	return result
}

func (a *App) test(ctx context.Context, file, name string) ([]simulate.Test, error) {
	var of *instance.Instance
	if name != "" {
		var err error
		if of, err = a.named(name); err != nil {
			return nil, err
		}
	}
	host, err := a.host(a.ctx)
	if err != nil {
		return nil, err
	}
	return instance.Test(ctx, a.ctx, host, file, of)
}

func (a *App) named(name string) (*instance.Instance, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if i, ok := a.instances[name]; ok {
		return i.Instance, nil
	}
	return nil, fmt.Errorf("no luaroute instance %q", name)
}

// loadFailure describes why a file of tests could not be loaded.
func loadFailure(err error) *simulate.Failure {
	f := &simulate.Failure{Message: err.Error()}
	var own *script.Error
	if errors.As(err, &own) && own.Script != "" {
		f.At = origin.Origin{Script: own.Script, Line: own.Line}.String()
		f.Message, f.Trace = own.Message, strings.TrimSpace(own.Trace)
	}
	return f
}
