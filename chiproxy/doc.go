// Package chiproxy holds the words of a proxy that scripts declare: what a load says, as a Spec of tenants, scopes and routes, and what
// guards, middleware and actions get to see of a request and do with it, as an Exchange.
//
// The package does not know who declared what. Functions of a script reach it as values of the interfaces Guard, Middleware and
// Action; what answers is usually a pool: Caddy's own reverse_proxy.
//
//	type greeting struct{}
//
//	func (greeting) Do(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
//		name, _ := ex.Param("name")
//		return ex.Perform(chiproxy.Respond{Body: "hello " + name})
//	}
//
//	func (greeting) Traits() chiproxy.Traits { return chiproxy.Traits{Changes: true} }
//
// Package routing makes a table of a Spec, finds the route of a request in it, and drives the exchange: with a Driver, and as its Place.
package chiproxy
