package coverage_test

import (
	"fmt"

	"github.com/luaroute/caddy-luaroute/luaroute/coverage"
	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/stdlib"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// A counter says how often each line with code has run.
func Example() {
	var counter coverage.Counter
	program, err := script.Compile("main.lua", []byte(`local n = 0
for i = 1, 3 do
  n = n + i
end
if n > 10 then
  print("many")
end`))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := vm.NewBuilder(stdlib.Open, vm.Options{Step: counter.Step}).Run(program); err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range counter.Scripts() {
		fmt.Printf("%s: %d of %d lines\n", s.Name, s.Run(), len(s.Lines))
		for _, line := range s.Lines {
			fmt.Println(line.Number, line.Count)
		}
	}
	// Output:
	// main.lua: 4 of 5 lines
	// 1 1
	// 2 4
	// 3 3
	// 5 1
	// 6 0
}
