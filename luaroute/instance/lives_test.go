package instance

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/internal/testcaddy"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	luatime "github.com/luaroute/caddy-luaroute/luaroute/lib/time"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// begun returns a state in which a call begins now.
func begun(t *testing.T, life *vm.Life) *vm.State {
	t.Helper()
	s := vm.NewBuilder(func(*vm.Builder) {}, vm.Options{Logger: zap.NewNop(), Life: life}).State()
	s.Arm(vm.Limits{}, t.Context())
	return s
}

func TestCallsOfAConfigurationThatWasReplacedEndWithTheServer(t *testing.T) {
	i := &Instance{loader: &loader{calls: vm.NewLife()}}
	before := begun(t, i.loader.calls)
	i.EndWithin(0)
	testkit.Until(t, "what runs ends when it is replaced", before.Stopped)
	streams := begun(t, i.loader.calls)
	if streams.Stopped() {
		t.Fatal("what a response streams ends with its configuration")
	}
	EndReplaced(0)
	testkit.Until(t, "what a response streams ends with the server", streams.Stopped)
	if !begun(t, i.loader.calls).Stopped() {
		t.Error("something begins afterwards")
	}
}

func TestALifeThatNobodyHasIsForgotten(t *testing.T) {
	var l lives
	l.add(vm.NewLife())
	kept := vm.NewLife()
	l.add(kept)
	size := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.all)
	}
	testkit.Until(t, "one is kept", func() bool { runtime.GC(); return size() == 1 })
	runtime.KeepAlive(kept)
}

func TestALoadHasOneWallForTheScriptsOfTheInstanceAndThoseOfTheirTenants(t *testing.T) {
	folder := t.TempDir()
	for name, code := range map[string]string{
		"main.lua":  `local route = require("luaroute") require("time").sleep(0.2) route:tenant("acme", { path_prefix = "/acme", script = "inner.lua" })`,
		"inner.lua": `require("time").sleep(0.2) require("luaroute"):get("/", { body = "x" })`,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx := testcaddy.Context(t)
	pools := pool.NewSet(ctx)
	t.Cleanup(pools.Close)
	c := &config.Instance{
		Name:      t.Name(),
		Scripting: config.Scripting{Scripts: []string{filepath.Join(folder, "main.lua")}, Allow: &config.Allow{Libs: []string{"all"}}},
	}
	l, err := newLoader(ctx, c, Host{Pools: pools, Libraries: map[string]vm.Library{"time": luatime.Library{}}})
	if err != nil {
		t.Fatal(err)
	}
	for wall, want := range map[time.Duration]bool{time.Hour: true, 390 * time.Millisecond: false} {
		l.wall = wall
		loaded, err := l.load(t.Context(), new(source.Trace))
		if err == nil {
			loaded.Table.Retire()
		} else if !strings.Contains(err.Error(), "inner.lua:1: ") || !strings.Contains(err.Error(), "it waited for more than") {
			t.Errorf("got %v", err)
		}
		if good := err == nil; good != want {
			t.Errorf("within %v: %v", wall, err)
		}
	}
}
