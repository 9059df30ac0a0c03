// Package vm runs Lua: it holds the sandbox, the budget, and the states in which scripts load and serve.
//
// Scripts run once, in the state of a [Builder]. What they keep is frozen into an [Image], and every state that serves
// requests is a copy of that image, made piece by piece: a function is copied when it is first called, a global
// when it is first read. The builder's state is never run again and never written, so any number of states
// copy from it at once.
package vm
