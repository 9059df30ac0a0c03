package stdlib

import (
	"fmt"
	"sync"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

func TestAScriptThatChangesALibraryChangesItForItselfOnly(t *testing.T) {
	t.Parallel()
	const look = `keep(function() return tostring(string.shout) .. type(string.upper) .. tostring(("x").shout) .. math.pi .. type(table.insert) end)`
	const untouched = "nilfunctionnil3.1415926535898function"
	changing, changed := freeze(t, `
		function string.shout(s) return s:upper() .. "!" end
		string.upper, math.pi, table.insert = nil, 3, nil
		keep(function() return type(string.shout) .. type(string.upper) .. type(("x").shout) .. math.pi .. type(table.insert) .. string.lower("A") end)`, vm.Options{})
	after, refs := freeze(t, look, vm.Options{})
	if got, err := call(changing.NewState(), changed[0]); err != nil || got != "functionnilfunction3nila" {
		t.Errorf("the script itself: %s, %v", got, err)
	}
	if got, err := call(after.NewState(), refs[0]); err != nil || got != untouched {
		t.Errorf("another one: %s, %v", got, err)
	}
	if got, err := eval(t, `function string.shout() end`); err == nil {
		t.Errorf("a request changes a library: %s", got)
	}
}

func TestScriptsThatLoadAtOnceDoNotMeet(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 5 {
				img, refs := freeze(t, fmt.Sprintf(`
					assert(string.mine == nil and mine == nil and not table.mine)
					mine, string.mine, table.mine = %d, %d, %d
					math.max = function() return mine end
					keep(function() return table.concat({ mine, string.mine, table.mine, math.max(1, 100), ("x").mine }, " ") end)`, i, i, i), vm.Options{})
				want := fmt.Sprintf("%d %d %d %d %d", i, i, i, i, i)
				if got, err := call(img.NewState(), refs[0]); err != nil || got != want {
					t.Errorf("got %s, %v; want %s", got, err, want)
				}
			}
		})
	}
	wg.Wait()
}
