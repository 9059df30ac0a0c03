// Package split divides requests among actions by shares: nine in ten to one pool, the tenth to another.
package split

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/key"
)

// Part is one of what requests are divided among.
type Part struct {
	// Name is the variant in logs, metrics and placeholders; each part of a split has another one.
	Name   string
	Action chiproxy.Action
	// Weight is its share, relative to that of the others. 0 drains: only cookies lead there.
	Weight float64
}

// Options describe a split.
type Options struct {
	// Name is the salt of the shares, so that two splits divide the same clients differently. Empty stands for the name of the first part.
	Name  string
	Parts []Part
	// By is what requests are told apart by: those of one key go one way. Nil draws each request by chance, as are those that have nothing
	// of the key.
	By *key.Key
	// Sticky keeps clients where they went first; nil does not.
	Sticky *Sticky
	// Others says that another part takes the requests of a part whose pools have no upstream that is available.
	Others bool
	At     origin.Origin
}

// Split is an action that hands each request to one of its parts. It is safe for concurrent use.
type Split struct {
	options Options
	shares  *shares
	// salt is the state of the hash after the name.
	salt    uint64
	cookies *cookies
	traits  chiproxy.Traits
}

// maxParts is how many parts a split may have. A share is the number of a part in a byte.
const maxParts = 100

// New returns the split that options describe.
func New(o Options) (*Split, error) {
	if len(o.Parts) == 0 || len(o.Parts) > maxParts {
		return nil, fmt.Errorf("there are %d parts; expected 1 to %d", len(o.Parts), maxParts)
	}
	seen := map[string]bool{}
	for _, p := range o.Parts {
		if seen[p.Name] {
			return nil, fmt.Errorf("two parts are named %q; give one of them another name", p.Name)
		}
		seen[p.Name] = true
	}
	if o.Name == "" {
		o.Name = o.Parts[0].Name
	}
	s := &Split{options: o, salt: hash(hashBegin, o.Name), traits: traitsOf(o.Parts)}
	var err error
	if s.shares, err = divide(o.Parts); err != nil {
		return nil, err
	}
	s.cookies, err = o.Sticky.cookies(o.Name, o.Parts)
	return s, err
}

// Name returns the name.
func (s *Split) Name() string { return s.options.Name }

// By returns the key that words stand for: nil, for chance, if they are random. None stand for the client.
func By(words []string) (*key.Key, error) {
	switch {
	case len(words) == 0:
		words = []string{"client_ip"}
	case len(words) == 1 && words[0] == "random":
		return nil, nil
	}
	k, err := key.Parse(words...)
	return &k, err
}

// traitsOf returns what is known of any of the actions.
func traitsOf(parts []Part) chiproxy.Traits {
	all := chiproxy.Traits{Changes: true, Pure: true, Status: parts[0].Action.Traits().Status}
	for _, p := range parts {
		t := p.Action.Traits()
		all.Declines = all.Declines || t.Declines
		all.Forwards = all.Forwards || t.Forwards
		all.Pure = all.Pure && t.Pure
		if t.Status != all.Status {
			all.Status = 0
		}
	}
	return all
}

// Traits are those of its parts together.
func (s *Split) Traits() chiproxy.Traits { return s.traits }

// Describe shows the name.
func (s *Split) Describe() origin.Origin {
	at := s.options.At
	at.Kind, at.Text = "split", s.options.Name
	return at
}

// Fingerprint tells splits of one name apart.
func (s *Split) Fingerprint() uint64 {
	text := ""
	for _, p := range s.options.Parts {
		text += fmt.Sprint(p.Name, p.Weight, chiproxy.Describe(p.Action), chiproxy.Fingerprint(p.Action), "\n")
	}
	return chiproxy.FingerprintOf(text)
}

// CheckParams reports a parameter in the strings of a part that the pattern has not.
func (s *Split) CheckParams(params []string) error {
	for _, p := range s.options.Parts {
		if t, ok := p.Action.(chiproxy.Templated); ok {
			if err := t.CheckParams(params); err != nil {
				return fmt.Errorf("the part %q: %w", p.Name, err)
			}
		}
	}
	return nil
}

// Placeholders returns the names of the placeholders in the strings of its parts.
func (s *Split) Placeholders() []string {
	var all []string
	for _, p := range s.options.Parts {
		if t, ok := p.Action.(chiproxy.Templated); ok {
			all = append(all, t.Placeholders()...)
		}
	}
	return all
}

// Bind finds the pools of the parts.
func (s *Split) Bind(pools *chiproxy.PoolScope) (chiproxy.Action, error) {
	b := &bound{Split: s, parts: make([]boundPart, len(s.options.Parts))}
	for i, p := range s.options.Parts {
		a, err := pools.Bind(p.Action)
		if err != nil {
			return nil, fmt.Errorf("the part %q: %w", p.Name, err)
		}
		b.parts[i] = boundPart{action: a, up: upOf(p.Action, a, pools)}
	}
	return b, nil
}

// Do divides a request, for a split that a function has returned.
func (s *Split) Do(ex *chiproxy.Exchange) (chiproxy.Verdict, error) { return ex.Perform(s) }

// bound is a Split whose pools are known.
type bound struct {
	*Split
	parts []boundPart
}

type boundPart struct {
	action chiproxy.Action
	// up reports whether it can answer now. Nil stands for always.
	up interface{ Available() bool }
}

// upOf returns what knows whether an action can answer.
func upOf(a, to chiproxy.Action, pools *chiproxy.PoolScope) interface{ Available() bool } {
	if p, ok := a.(chiproxy.Proxy); ok {
		if found, err := pools.Find(p.Pool); err == nil {
			return found
		}
	}
	if inner, ok := to.(*bound); ok {
		return inner
	}
	return nil
}

// Available reports whether one of the parts can answer.
func (b *bound) Available() bool {
	for i := range b.parts {
		if b.up(i) {
			return true
		}
	}
	return false
}

func (b *bound) up(i int) bool { return b.parts[i].up == nil || b.parts[i].up.Available() }

// Do hands the request to the part that it belongs to.
func (b *bound) Do(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
	part, kept := b.cookies.of(ex.R)
	if !kept {
		part = b.shares.of(b.bucket(ex))
	}
	if to := b.instead(part, ex); to != part {
		part = to // for now; the client belongs where it went first
	} else if !kept {
		b.cookies.keep(ex, part)
	}
	ex.TakesVariant(b.options.Parts[part].Name)
	return ex.Act(b.parts[part].action)
}

// instead returns the part that takes the requests of a part, most often itself.
func (b *bound) instead(part int, ex *chiproxy.Exchange) int {
	if !b.options.Others || b.up(part) {
		return part
	}
	bucket := b.bucket(ex)
	for range buckets { // shares are mixed, so that the others take as much as their weights say
		if bucket++; bucket == buckets {
			bucket = 0
		}
		if to := b.shares.of(bucket); to != part && b.up(to) {
			return to
		}
	}
	return part
}

// bucket returns what a request belongs to, by its key.
func (b *bound) bucket(ex *chiproxy.Exchange) int {
	if b.options.By != nil {
		var room [64]byte
		if text, complete := b.options.By.Append(room[:0], ex); complete {
			return bucketOf(hash(b.salt, text))
		}
	}
	return rand.IntN(buckets) //nolint:gosec // no secret
}

var errWeights = errors.New("all weights are 0; expected one above 0")

// Interface guards
var (
	_ chiproxy.Action        = (*Split)(nil)
	_ chiproxy.Binder        = (*Split)(nil)
	_ chiproxy.Describer     = (*Split)(nil)
	_ chiproxy.Fingerprinter = (*Split)(nil)
	_ chiproxy.Templated     = (*Split)(nil)
	_ chiproxy.Action        = (*bound)(nil)
	_ chiproxy.Describer     = (*bound)(nil)
)
