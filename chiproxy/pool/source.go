package pool

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/balance"
)

// Address is an upstream that a function has named.
type Address struct {
	Dial        string
	MaxRequests int
	Own         balance.Own
}

const (
	// maxUpstreams is how many upstreams a function may return: Caddy takes a lock for each, at every try.
	maxUpstreams = 64
	// maxAddresses is how many addresses there may be in an hour: Caddy remembers each for that long.
	maxAddresses = 10_000
	// remembered is how long Caddy does so.
	remembered = time.Hour
)

// source is the dynamic upstreams of a pool with a function. It remembers them for one request.
type source struct{ pool *Pool }

var (
	errNoAsking = errors.New("the pool has the function upstreams, which is asked for requests that a route forwards")
	errFunction = errors.New("the function upstreams has failed; its error is logged")
)

// GetUpstreams returns those of a request.
func (s source) GetUpstreams(r *http.Request) ([]*reverseproxy.Upstream, error) {
	a := askingOf(r, s.pool)
	if a == nil {
		return nil, errNoAsking
	}
	if a.listed || a.err != nil {
		return a.dynamic, nil
	}
	if err := a.asker.Upstreams(); err != nil {
		a.dynamic, a.own, a.listed = nil, nil, false
		if a.fails(err); a.err == nil {
			return nil, errFunction // Caddy takes those of the configuration
		}
		return nil, nil
	}
	return a.dynamic, nil
}

// ResetCache has the function asked again: a try has failed.
func (s source) ResetCache(r *http.Request) error {
	if a := askingOf(r, s.pool); a != nil {
		a.listed = false
	}
	return nil
}

// List takes what the function has returned.
func (a *Asking) List(all []Address) error {
	if len(all) > maxUpstreams {
		return fmt.Errorf("there are %d upstreams; expected at most %d", len(all), maxUpstreams)
	}
	a.dynamic, a.own = make(reverseproxy.UpstreamPool, len(all)), make([]balance.Own, len(all))
	for i, u := range all {
		if strings.Contains(u.Dial, "{") {
			return fmt.Errorf("upstream %q: expected an address without placeholders", u.Dial)
		}
		if err := checkDial(u.Dial); err != nil {
			return fmt.Errorf("upstream %q: %w", u.Dial, err)
		}
		a.dynamic[i], a.own[i] = &reverseproxy.Upstream{Dial: u.Dial, MaxRequests: u.MaxRequests}, u.Own
	}
	if err := a.pool.named.add(all, time.Now()); err != nil {
		return err
	}
	a.listed = true
	return nil
}

// addressBook has the addresses that Caddy remembers for a pool.
type addressBook struct {
	mu   sync.Mutex
	seen map[string]time.Time
}

// add notes that addresses are used. The error says that there are too many.
func (s *addressBook) add(all []Address, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[string]time.Time{}
	}
	for _, u := range all {
		if _, known := s.seen[u.Dial]; !known && len(s.seen) >= maxAddresses {
			for old, at := range s.seen {
				if now.Sub(at) > remembered {
					delete(s.seen, old)
				}
			}
			if len(s.seen) >= maxAddresses {
				return fmt.Errorf("there were %d different addresses within an hour; expected at most as many", maxAddresses)
			}
		}
		s.seen[u.Dial] = now
	}
	return nil
}

// Interface guards
var _ reverseproxy.CachingUpstreamSource = source{}
