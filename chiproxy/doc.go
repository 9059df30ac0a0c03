// Package chiproxy is the vocabulary of a scripted proxy: a Spec of tenants, scopes and routes, and the Exchange by which guards,
// middleware and actions see and change a request.
//
// The package knows no Lua. Functions of a script are values of the interfaces Guard, Middleware and Action; usually a pool answers:
// Caddy's own reverse_proxy.
//
//	type greeting struct{}
//
//	func (greeting) Do(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
//		name, _ := ex.Param("name")
//		return ex.Perform(static.Respond{Body: "hello " + name})
//	}
//
//	func (greeting) Traits() chiproxy.Traits { return chiproxy.Traits{Changes: true} }
//
// Package routing makes a table of a Spec, finds the route of a request in it, and drives the exchange: with a Driver, and as its Place.
package chiproxy
