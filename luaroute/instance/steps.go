package instance

import (
	"sync"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// steps is what is called before each instruction of what loads now; nil if nothing is.
var steps struct {
	sync.Mutex
	step vm.Step
}

// Observe calls f, which loads a configuration. From then on, step is called before each instruction that its scripts run, with the thread that
// runs it. It is for commands: it covers everything that loads at the same time, and scripts take several times as long.
func Observe(step vm.Step, f func()) {
	set := func(step vm.Step) {
		steps.Lock()
		defer steps.Unlock()
		steps.step = step
	}
	set(step)
	defer set(nil)
	f()
}

// stepOfLoads returns what is called before each instruction, nil if nothing is.
func stepOfLoads() vm.Step {
	steps.Lock()
	defer steps.Unlock()
	return steps.step
}
