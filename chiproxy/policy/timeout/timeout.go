// Package timeout is middleware that bounds how long what is inside may take to answer.
package timeout

import (
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/response"
)

// Policy answers 504 where the header of the response has not left in time; see response.Deadlines.
type Policy struct {
	deadlines *response.Deadlines
	at        origin.Origin
}

// New returns the policy for a time. With body, the body, the stream or the upgrade has to end by then, too.
func New(after time.Duration, body bool, at origin.Origin) *Policy {
	at.Kind, at.Text = "timeout", after.String()
	if body {
		at.Text += " with the body"
	}
	return &Policy{response.NewDeadlines(after, body), at}
}

// Handle runs what is inside.
func (p *Policy) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	return ex.Within(p.deadlines, next)
}

// Traits are those of middleware that answers by errors only, and by none of them because of who asks.
func (p *Policy) Traits() chiproxy.Traits { return chiproxy.Traits{Admits: chiproxy.AdmitsAll} }

// Describe shows how long it may take.
func (p *Policy) Describe() origin.Origin { return p.at }

// Fingerprint tells policies apart.
func (p *Policy) Fingerprint() uint64 { return chiproxy.FingerprintOf(p.at.Text) }

var (
	_ chiproxy.Middleware    = (*Policy)(nil)
	_ chiproxy.Describer     = (*Policy)(nil)
	_ chiproxy.Fingerprinter = (*Policy)(nil)
)
