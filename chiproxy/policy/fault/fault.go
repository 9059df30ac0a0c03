// Package fault is middleware that makes requests fail or wait, for tests of clients.
package fault

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/interrupt"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// Options say what happens to which requests.
type Options struct {
	// Percent is the share of the requests, from 0 to 100, which are drawn by chance.
	Percent float64
	// Status is the error that they are answered with, 400 to 599. Zero lets them pass.
	Status int
	// Delay is how long they wait before.
	Delay time.Duration
	// When are guards that must all allow a request.
	When []chiproxy.Guard
	At   origin.Origin
}

// Policy makes requests fail or wait.
type Policy struct {
	Options
	// text is what happens, as logs say it.
	text string
}

// New returns the policy. The error says what is wrong.
func New(o Options) (*Policy, error) {
	switch {
	case !(o.Percent >= 0 && o.Percent <= 100):
		return nil, fmt.Errorf("percent is %v; expected 0 to 100", o.Percent)
	case o.Status != 0 && (o.Status < 400 || o.Status > 599):
		return nil, fmt.Errorf("status is %d; expected that of an error, 400 to 599", o.Status)
	case o.Status == 0 && o.Delay == 0:
		return nil, errors.New("expected a status, a delay, or both")
	}
	p := &Policy{Options: o}
	switch {
	case o.Delay == 0:
		p.text = strconv.Itoa(o.Status)
	case o.Status == 0:
		p.text = "after " + o.Delay.String()
	default:
		p.text = strconv.Itoa(o.Status) + " after " + o.Delay.String()
	}
	p.At.Kind, p.At.Text = "fault", p.text+" for "+strconv.FormatFloat(o.Percent, 'g', -1, 64)+" %"
	return p, nil
}

// errFault is the error that requests are answered with.
var errFault = errors.New("a fault for tests")

// Handle lets the request pass, or does to it what the options say.
func (p *Policy) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	for _, g := range p.When {
		if ok, err := g.Allow(ex); !ok || err != nil {
			return pass(ex, "not for this request", err, next)
		}
	}
	explains := ex.Refuse() != nil
	switch {
	case explains && p.Percent < 100:
		return pass(ex, "by chance", nil, next)
	case p.Percent < 100 && rand.Float64()*100 >= p.Percent:
		return next()
	}
	ex.Faulted(p.text)
	if explains {
		ex.Note(p.text)
	} else if err := p.wait(ex); err != nil {
		return chiproxy.Done, err
	}
	if p.Status == 0 {
		return next()
	}
	ex.Becomes(telemetry.Refused)
	return chiproxy.Done, caddyhttp.Error(p.Status, errFault)
}

// pass lets the request pass, unless a guard has failed.
func pass(ex *chiproxy.Exchange, why string, err error, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	if err != nil {
		return chiproxy.Done, err
	}
	if ex.Refuse() != nil {
		ex.Note(why)
	}
	return next()
}

// clientGone is the status of a request whose client has left, as Caddy has it.
const clientGone = 499

// wait waits, unless the client leaves.
func (p *Policy) wait(ex *chiproxy.Exchange) error {
	if p.Delay == 0 {
		return nil
	}
	ex.Yield()
	if ctx := ex.R.Context(); interrupt.Sleep(ctx, p.Delay) != nil {
		return caddyhttp.Error(clientGone, ctx.Err())
	}
	return nil
}

// Traits are those of middleware that answers by errors only.
func (p *Policy) Traits() chiproxy.Traits { return chiproxy.Traits{} }

// Describe shows what happens, and to how many.
func (p *Policy) Describe() origin.Origin { return p.At }

// Fingerprint tells policies apart.
func (p *Policy) Fingerprint() uint64 {
	text := p.At.Text
	for _, g := range p.When {
		text += fmt.Sprint(" ", chiproxy.Describe(g), chiproxy.Fingerprint(g))
	}
	return chiproxy.FingerprintOf(text)
}

var (
	_ chiproxy.Middleware    = (*Policy)(nil)
	_ chiproxy.Describer     = (*Policy)(nil)
	_ chiproxy.Fingerprinter = (*Policy)(nil)
)
