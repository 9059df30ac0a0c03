// Package vm runs Lua: it holds the sandbox, the budget, and the states in which scripts load and serve.
//
// # For plugins
//
// A plugin adds a library for scripts: a Caddy module in the namespace luaroute.libs that implements [Library]. What it needs of this
// package is stable:
//
//   - [Bindings] are the functions of a library with what describes them, for `caddy luaroute stubs` and `check`; [Documented] and
//     [Classified] are what such a library implements besides.
//   - [Of] gives a Go function the [State] that calls it. The function must keep nothing between calls: all states share it.
//   - [Spend] and [Charge] count the time and memory that it takes, before it takes them; [ChargeString] does both for a string, and
//     [Hold] counts what it holds while it calls back into Lua. None of them returns if the budget of the script ends.
//   - [Throw] raises a Go error, which keeps its meaning: errors.Is finds it in the error of the call.
//   - [Try] calls a function of a script and returns the error that it raises, and [Raise] raises that again.
//   - [GoFunc] and [Function] make functions beside those of the library's table.
//   - [Service] returns what luaroute has for libraries beside the state.
//   - [State.Wait] runs what waits, for a disk or the network, and [State.Context] ends with the request. While [State.Refuse] is set,
//     nothing may be changed outside.
//   - [Readable], [Writable], [Length], [Next], [RawGet], [RawSet] and [LessThan] use tables of scripts, and [Part] cuts strings.
//   - [Keeper], [Immutable] and [Fields] say what a value of userdata holds, that it never changes, and which fields it has.
//
// Everything else is for luaroute's own packages and may change with each release.
//
// # How it works
//
// Scripts run once, in the state of a [Builder]. What they keep is frozen into an [Image], and every state that serves
// requests is a copy of that image, made piece by piece: a function is copied when it is first called, a global
// when it is first read. The builder's state is never run again and never written, so any number of states
// copy from it at once. A [Pool] hands them out to requests.
package vm
