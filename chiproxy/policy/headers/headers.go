// Package headers is middleware that changes the header of requests, and of all responses, errors included.
package headers

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/response"
	"github.com/luaroute/caddy-luaroute/chiproxy/template"
)

// Options are the changes.
type Options struct {
	Request, Response Changes
	Origin            origin.Origin
}

// Changes are those of one header. Values are templates, see package template. Fields are removed, set, added and replaced, in this order.
type Changes struct {
	*field.Ops // nil for none
	Replace    []Replacement
}

// Replacement is what becomes of the values of a field.
type Replacement struct {
	Name string
	// Pattern is what is replaced, as an expression of RE2, each time that it occurs.
	Pattern string
	// With is the text instead. $1 or ${name} is what a group of the pattern has matched.
	With string
	// MaxSteps bounds the instructions of the pattern. Zero: DefaultSteps.
	MaxSteps int
}

// Policy is middleware that makes the changes.
type Policy struct {
	at                origin.Origin
	request, response compiled
	identity, note    string
}

// New returns the policy. The error says what is wrong.
func New(o Options) (*Policy, error) {
	p := &Policy{at: o.Origin}
	p.at.Kind = "headers"
	var err error
	if p.request, err = compile(o.Request, false); err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	if p.response, err = compile(o.Response, true); err != nil {
		return nil, fmt.Errorf("response: %w", err)
	}
	if p.request.none() && p.response.none() {
		return nil, fmt.Errorf("there are no changes; expected request, response or both, such as { response = { remove = \"Server\" } }")
	}
	p.identity = fmt.Sprint(o.Request.Ops, o.Request.Replace, o.Response.Ops, o.Response.Replace)
	var parts []string
	for _, part := range []struct {
		of string
		c  *compiled
	}{{"request", &p.request}, {"response", &p.response}} {
		if !part.c.none() {
			parts = append(parts, part.of+": "+strings.Join(part.c.names, ", "))
		}
	}
	p.note = strings.Join(parts, "; ")
	return p, nil
}

// Handle changes the request, and the response when it leaves.
func (p *Policy) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	if ex.Refuse() != nil {
		ex.Note(p.note)
	}
	if err := p.request.ask(ex); err != nil {
		return chiproxy.Done, caddyhttp.Error(http.StatusRequestHeaderFieldsTooLarge, err)
	}
	if p.response.none() {
		return next()
	}
	l := leavings.Get().(*leaving)
	w := ex.W
	l.changes, l.ex, l.HeaderWriter = &p.response, ex, *response.NewHeaderWriter(w, l)
	ex.W = l
	v, err := next()
	ex.W = w
	switch {
	case l.Wrote():
	case err != nil:
		p.afterwards(ex)
	case v == chiproxy.Done: // the server sends it
		l.Apply(w.Header())
	}
	l.changes, l.ex, l.HeaderWriter = nil, nil, response.HeaderWriter{}
	leavings.Put(l)
	return v, err
}

// afterwards changes the response of whatever answers an error.
func (p *Policy) afterwards(ex *chiproxy.Exchange) {
	h := ex.W.Header()
	hooks := ex.ResponseHooks()
	hooks.OnHeader(func(status int) (int, error) {
		p.response.apply(h, ex)
		return status, nil
	})
	ex.W = hooks.Close(false)
}

// leaving is a writer that changes the header of the response.
type leaving struct {
	response.HeaderWriter
	changes *compiled
	ex      *chiproxy.Exchange
}

var leavings = sync.Pool{New: func() any { return new(leaving) }}

// Apply changes the header.
func (l *leaving) Apply(h http.Header) { l.changes.apply(h, l.ex) }

// apply changes the header of a response. Values that are too large are left out.
func (c *compiled) apply(h http.Header, ex *chiproxy.Exchange) {
	if c.fixed != nil {
		for _, name := range c.fixed.Remove {
			field.Remove(h, name)
		}
		room := make([]string, 0, c.fixedValues) // others may change values where they stand
		for name, values := range c.fixed.Set {
			n := len(room)
			room = append(room, values...)
			h[name] = room[n:len(room):len(room)]
		}
		for name, values := range c.fixed.Add {
			h[name] = append(slices.Clip(h[name]), values...)
		}
	}
	_ = c.named.Apply(h, ex)
	for _, r := range c.replace {
		if values, changed, err := r.values(h[r.name]); err != nil {
			delete(h, r.name)
		} else if changed {
			h[r.name] = values
		}
	}
}

// ask changes the header of the request.
func (c *compiled) ask(ex *chiproxy.Exchange) error {
	if c.none() {
		return nil
	}
	if c.fixed != nil {
		for _, name := range c.fixed.Remove {
			if err := ex.SetHeader(name, nil); err != nil {
				return err
			}
		}
		for name, values := range c.fixed.Set {
			if err := ex.SetHeader(name, slices.Clone(values)); err != nil {
				return err
			}
		}
		for name, values := range c.fixed.Add {
			if err := ex.AddHeader(name, values); err != nil {
				return err
			}
		}
	}
	var room [4]template.Rendered
	all, err := c.named.Render(room[:0], ex)
	if err != nil {
		return err
	}
	for _, f := range all {
		change := ex.SetHeader
		if f.Add {
			change = ex.AddHeader
		}
		if err := change(f.Name, f.Values); err != nil {
			return err
		}
	}
	for _, r := range c.replace {
		values, changed, err := r.values(ex.R.Header[r.name])
		if err == nil && changed {
			err = ex.SetHeader(r.name, values)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// CheckParams reports a name that is none of the parameters of the pattern.
func (p *Policy) CheckParams(params []string) error {
	if err := p.request.named.Check(params); err != nil {
		return fmt.Errorf("headers: request: %w", err)
	}
	if err := p.response.named.Check(params); err != nil {
		return fmt.Errorf("headers: response: %w", err)
	}
	return nil
}

// Placeholders returns the names of the placeholders of Caddy.
func (p *Policy) Placeholders() []string {
	return append(p.request.named.Placeholders(), p.response.named.Placeholders()...)
}

// Traits say whether it changes the request. The header of the response changes when that leaves.
func (p *Policy) Traits() chiproxy.Traits { return chiproxy.Traits{Changes: !p.request.none()} }

// Describe says where the changes are.
func (p *Policy) Describe() origin.Origin { return p.at }

// Fingerprint tells policies apart.
func (p *Policy) Fingerprint() uint64 { return chiproxy.FingerprintOf(p.identity) }

var (
	_ chiproxy.Middleware    = (*Policy)(nil)
	_ chiproxy.Templated     = (*Policy)(nil)
	_ chiproxy.Describer     = (*Policy)(nil)
	_ chiproxy.Fingerprinter = (*Policy)(nil)
)
