// Package routing turns a checked set of declarations into a table and serves requests from it: a host index finds the tenants of a
// request, a mux finds the pattern, guards choose among the routes of that pattern, middleware runs, and an action answers.
//
// A chiproxy.Spec goes in, Build checks the whole of it and makes a Table, and Table.Serve answers requests:
//
//	table, err := routing.Build(spec, pools)
//	...
//	err = table.Serve(w, r, next)
//	...
//	table.Retire() // releases its pools after the last request
//
// Nothing in a Table changes after Build, so any number of goroutines may serve from it. The order of matching is in steps.go, and serving
// in serve.go.
package routing
