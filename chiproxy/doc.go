// Package chiproxy turns a checked set of declarations into a routing table and serves requests from it:
// a host index finds the tenants of a request, a chi mux finds the pattern, guards choose among the routes
// of that pattern, middleware runs, and an action answers, usually a pool: Caddy's own reverse_proxy.
//
// The package does not know who declared the table. Functions of a script reach it as values of the
// interfaces Guard, Middleware and Action.
//
// A Spec goes in, Build checks the whole of it and makes a Table, and Table.Serve answers requests:
//
//	table, err := chiproxy.Build(spec, pools)
//	...
//	err = table.Serve(w, r, next)
//	...
//	table.Retire() // gives its pools back after the last request
//
// Nothing in a Table changes after Build, so any number of goroutines may serve from it.
package chiproxy
