//go:build linux && !race

package hostile

import (
	"runtime"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/internal/attacks"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// The time is that which the thread has run, not that of a clock on the wall: what other programs of the machine take is no
// fault of a script. The budget is large enough that the longest call of Go that nothing can end, such as reading 16 MiB, is
// within it. Whatever misses it once may have paid for the garbage of others, or shared its core; what is not bounded misses it
// each time.
func TestAnAttackEndsWithinTwiceItsBudget(t *testing.T) {
	const budget, attempts = 80 * time.Millisecond, 10
	setup := setup().Within(vm.Limits{CPU: budget, Wall: time.Second, Memory: memory})
	for _, s := range attacks.All() {
		table, err := setup.Load(t, site(s.Body))
		if err != nil {
			t.Fatal(err)
		}
		for _, place := range []struct {
			name string
			run  func()
		}{
			{"in a handler", func() { _, _ = luatest.Ask(table, "/0") }},
			{"while it loads", func() { _, _ = setup.Run(t, "local req, res\n"+s.Body) }},
		} {
			least, most := time.Hour, 2*budget
			for range attempts {
				if least = min(least, testkit.Ran(place.run)); least <= most {
					break
				}
				runtime.GC()
				most = 2 * budget * max(1, testkit.Usual()/testkit.UsualTime) // what nothing can end takes longer on a slow machine
			}
			if least > most {
				t.Errorf("%s, %s: it ran for %v; its budget is %v", s.Name, place.name, least, budget)
			}
		}
	}
}
