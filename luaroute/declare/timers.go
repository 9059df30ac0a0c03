package declare

import (
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/hook"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	// minEvery is the shortest interval of a timer.
	minEvery = 100 * time.Millisecond
	// maxEvery is the longest: a year.
	maxEvery = 365 * 24 * time.Hour
	// maxTimers is how many timers the scripts of a tenant may have.
	maxTimers = 1000
)

// every is route.every(seconds, fn): it returns a function that returns the last data of fn.
func every(r *router, L *lua.LState) int {
	seconds, fn := float64(L.CheckNumber(1)), L.CheckFunction(2)
	if !(seconds >= minEvery.Seconds() && seconds <= maxEvery.Seconds()) {
		L.RaiseError("every: %v seconds; expected %v to %.0f", seconds, minEvery.Seconds(), maxEvery.Seconds())
	}
	l := r.load
	if len(l.result.Timers) == maxTimers {
		L.RaiseError("more than %d timers", maxTimers)
	}
	ref, origin := l.keep(L, fn)
	timer := l.result.VMs.Timer(ref, origin, time.Duration(seconds*float64(time.Second)))
	l.result.Timers = append(l.result.Timers, timer)
	L.Push(vm.GoFunc(func(L *lua.LState) int { return latest(timer, L) }))
	return 1
}

func latest(timer *hook.Timer, L *lua.LState) int {
	value, err := timer.Latest(L)
	check(L, err)
	L.Push(value)
	return 1
}

// reload is route.reload(): it requests a reload, which runs later. It does nothing in the first run of a timer, since the scripts were
// just loaded and route.every(60, function() route.reload() end) would reload forever; nor for a request that is only explained, such as
// that of an expectation.
func (l *load) reload(L *lua.LState) int {
	s := vm.Of(L)
	switch {
	case s != nil && s.Loading():
		L.RaiseError("route.reload is called while the script loads; call it in functions that serve requests, or in timers")
	case s != nil && s.Refuse != nil:
		s.Refuse("route.reload()")
	case l.options.Reload != nil && !(s != nil && hook.First(s.Context())):
		l.options.Reload()
	}
	return 0
}
