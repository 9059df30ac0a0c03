// Package gopher is where luaroute reads and writes what gopher-lua does not export: the insides of its tables, threads, frames and
// programs, and its instructions. Nothing else in luaroute may use unsafe for that; .ci/habits checks it.
//
// All of it holds for one version of gopher-lua. Another plugin in the same Caddy may require another one, so [Supported] checks the
// layout, and must be called before Lua runs.
package gopher
