// Package gopher is where luaroute reads and writes what gopher-lua does not export: the insides of its tables, threads, frames and
// programs, and its instructions. Nothing else in luaroute may use unsafe for that, see .ci/habits.
//
// All of it holds for one version of gopher-lua. Another plugin in the same Caddy may bring another one along, so [Supported] looks
// whether everything is where it was, and whoever runs Lua asks it first.
package gopher
