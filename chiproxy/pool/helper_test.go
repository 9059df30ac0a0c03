package pool

import (
	"encoding/json"
	"testing"

	"github.com/luaroute/caddy-luaroute/internal/testcaddy"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// newTestPools returns pools that end with the test.
func newTestPools(t testing.TB) *Set {
	t.Helper()
	p := NewSet(testcaddy.Context(t))
	t.Cleanup(p.Close)
	return p
}

// mustAcquire returns the pool of a configuration.
func mustAcquire(t testing.TB, p *Set, config string) *Pool {
	t.Helper()
	pool, err := p.Acquire(Spec{Name: "p", Config: json.RawMessage(config)})
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

var (
	dials      = testkit.Dials
	errText    = testkit.ErrText
	upstreamAt = testkit.Upstream
	eventually = testkit.Until
)
