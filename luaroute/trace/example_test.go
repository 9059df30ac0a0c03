package trace_test

import (
	"fmt"
	"strings"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/stdlib"
	"github.com/luaroute/caddy-luaroute/luaroute/trace"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// A tracer writes down each line that runs, with the locals that have changed.
func Example() {
	var tracer trace.Tracer
	program, err := script.Compile("main.lua", []byte(`local function double(n)
  local twice = n * 2
  return twice
end
local sum, list = 0, {}
for i = 1, 2 do
  sum = sum + double(i)
  list[i] = sum
end
local text
if sum > 10 then
  text = "many"
else
  text = "few"
end`))
	if err != nil {
		fmt.Println(err)
		return
	}
	lines, _ := tracer.Trace(func() {
		err = vm.NewBuilder(stdlib.Open, vm.Options{Step: tracer.Step}).Run(program)
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, line := range lines {
		fmt.Print(strings.Repeat("  ", line.Depth), line.Number)
		for _, local := range line.Locals {
			fmt.Printf("  %s = %s", local.Name, local.Value)
		}
		fmt.Println()
	}
	// Output:
	// 1  double = a function
	// 5  sum = 0  list = {}
	// 6  i = 1
	// 7  sum = 2
	//   2  n = 1  twice = 2
	//   3
	// 8  list = { 2 }
	// 6  i = 2
	// 7  sum = 6
	//   2  n = 2  twice = 4
	//   3
	// 8  list = { 2, 6 }
	// 6
	// 10  text = nil
	// 11
	// 14  text = "few"
}
