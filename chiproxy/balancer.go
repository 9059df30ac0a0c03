package chiproxy

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/failure"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
)

// Balancer is the functions of a pool that choose upstreams. Pools of a Spec that have any have this.
type Balancer interface {
	pool.Functions
	// For makes what answers for one request, until it was forwarded. It calls Yield itself, behind the answers.
	For(*Exchange) pool.Asker
}

// asked is what forwards to a pool, in which functions of its may be asked.
type asked struct{ *pool.Asking }

// ask begins to ask the functions of a pool, nil if it has none.
func (p *toPool) ask(ex *Exchange) (a asked) {
	if p.Functions == nil {
		return a
	}
	a.Asking = (*pool.Named)(p).Begin(ex.R, p.Functions.(Balancer).For(ex))
	ex.SetVar(a.Var(), a.Asking)
	return a
}

// end ends it. An error that a function has ended the request with is that of the request.
func (a asked) end(ex *Exchange, err error) error {
	if a.Asking == nil {
		return err
	}
	if own := a.End(ex.W, err != nil); own != nil && !ex.Wrote() {
		return own
	}
	return err
}

// choosesFirst reports whether functions are asked before the request waits for an upstream, so that hooks keep what they have for these.
func (a asked) choosesFirst() bool {
	if a.Asking == nil {
		return false
	}
	k := a.Kinds()
	return k.Select || k.Upstreams
}

// simulate asks for the upstream of a request that is only explained, if functions run for that. What performs instead of the pool finds it.
func (p *toPool) simulate(ex *Exchange, a asked) error {
	if ex.performer == nil || ex.performer.Asks() {
		a.Simulate(ex.R, ex.W)
	}
	ex.Yield()
	if err := a.End(ex.W, false); err != nil {
		return err
	}
	return nil
}

// BodyAgain gives a request the body of the exchange, as long as that is in memory, and reports whether it is; nil asks only.
func (ex *Exchange) BodyAgain(to *http.Request) bool {
	held, ok := ex.R.Body.(HeldBody)
	if ok && to != nil {
		to.Body, to.ContentLength, to.TransferEncoding = held.Again(), ex.R.ContentLength, nil
	}
	return ok
}

// BrokenTrip says what has ended a round trip with an error: a timeout, tls, what is no HTTP (protocol), or the connection (reset).
func BrokenTrip(err error) string {
	switch reason := failure.ReasonOf(err); reason {
	case failure.Timeout, failure.TLS:
		return reason
	}
	for _, text := range []string{"malformed", "http2:", "stream error", "server sent GOAWAY", "protocol error", "unexpected trailer", "response header"} {
		if strings.Contains(err.Error(), text) {
			return "protocol"
		}
	}
	if _, dial := err.(reverseproxy.DialError); dial {
		return failure.Refused
	}
	return failure.Reset
}
