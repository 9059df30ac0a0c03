package vm_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/stdlib"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// shout is a library with one function, shout.loud(string). A plugin registers it as a Caddy module luaroute.libs.shout.
type shout struct{}

// Open returns the table that require("shout") gives.
func (shout) Open(L *lua.LState) lua.LValue {
	return L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{"loud": loud})
}

func loud(L *lua.LState) int {
	text := L.CheckString(1)
	if text == "" {
		vm.Throw(L, fmt.Errorf("shout.loud: expected a string that is not empty"))
	}
	vm.Charge(L, len(text))  // the memory of the result, before it is made
	vm.Spend(L, len(text)/8) // the time it takes
	L.Push(lua.LString(strings.ToUpper(text) + "!"))
	return 1
}

// A library is a table of Go functions. What they do counts for the budget of the script, and they keep nothing between calls.
func ExampleLibrary() {
	var handler vm.Ref
	var b *vm.Builder
	b = vm.NewBuilder(stdlib.Open, vm.Options{
		Libraries: map[string]vm.Library{"shout": shout{}},
		Globals: map[string]lua.LValue{"keep": vm.GoFunc(func(L *lua.LState) int {
			handler = b.Keep(L.CheckFunction(1))
			return 0
		})},
	})
	program, err := script.Compile("main.lua", []byte(`
		local shout = require("shout")
		keep(function(name) return shout.loud("hello " .. name) end)`))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := b.Run(program); err != nil { // once, when the script loads
		fmt.Println(err)
		return
	}
	image, err := b.Freeze()
	if err != nil {
		fmt.Println(err)
		return
	}

	state := image.NewState() // for requests: a copy of what the script left
	for _, name := range []string{"ann", "bob"} {
		state.Arm(vm.Limits{CPU: time.Second}, context.Background())
		if err := state.Call(state.Func(handler), 1, lua.LString(name)); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(state.L.Get(-1))
		state.L.Pop(1)
	}
	// Output:
	// HELLO ANN!
	// HELLO BOB!
}

// A budget ends whatever a script does.
func ExampleErrBudget() {
	b := vm.NewBuilder(stdlib.Open, vm.Options{Load: vm.Limits{CPU: 10 * time.Millisecond}})
	program, err := script.Compile("main.lua", []byte("while true do pcall(function() while true do end end) end"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(b.Run(program))
	// Output:
	// main.lua:1: the budget of the script is used up: it ran for more than 10ms
}
