// Package tail shows requests as they end to those who look. While nobody looks, a request costs one load of an atomic pointer:
//
//	if hub.Watched() {
//		hub.Send(&tail.Event{…})
//	}
package tail

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Event is a request that has ended. It has nothing of its header, its body and its query.
type Event struct {
	Time     time.Time `json:"time"`
	Method   string    `json:"method"`
	Host     string    `json:"host"`
	Path     string    `json:"path"`
	Tenant   string    `json:"tenant,omitempty"`
	Route    string    `json:"route,omitempty"`
	Pattern  string    `json:"pattern,omitempty"`
	At       string    `json:"at,omitempty"`
	Outcome  string    `json:"outcome"`
	Pool     string    `json:"pool,omitempty"`
	Upstream string    `json:"upstream,omitempty"`
	Status   int       `json:"status"`
	// Milliseconds is how long it took, and Lua how many microseconds Lua ran.
	Milliseconds float64 `json:"ms"`
	Lua          int64   `json:"lua_us,omitempty"`
	ID           string  `json:"id,omitempty"`
	// Client is the address of the client, for those viewers that may see it.
	Client string `json:"client,omitempty"`
}

const (
	// MaxViewers is how many may look at once.
	MaxViewers = 8
	// kept is how many events wait for a viewer.
	kept = 256
)

// Errors of Look.
var (
	ErrFull  = errors.New("as many look as may, which are 8")
	ErrEnded = errors.New("the configuration has ended")
)

// Hub sends events to viewers. The zero value is ready.
type Hub struct {
	viewers atomic.Pointer[[]*Viewer] // nil while nobody looks
	mu      sync.Mutex                // of changes
	ended   bool
}

// Watched reports whether somebody looks.
func (h *Hub) Watched() bool { return h.viewers.Load() != nil }

// Send sends an event to those who want it. It never waits: what a viewer has no room for is counted.
func (h *Hub) Send(e *Event) {
	viewers := h.viewers.Load()
	if viewers == nil {
		return
	}
	for _, v := range *viewers {
		v.offer(e)
	}
}

// Look adds a viewer, which gets at most a number of events in a second.
func (h *Hub) Look(wants Filter, perSecond float64) (*Viewer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		return nil, ErrEnded
	}
	var now []*Viewer
	if viewers := h.viewers.Load(); viewers != nil {
		now = *viewers
	}
	if len(now) >= MaxViewers {
		return nil, ErrFull
	}
	events := make(chan *Event, kept)
	v := &Viewer{
		Events: events, events: events, Ended: make(chan struct{}), hub: h, wants: wants,
		tokens: rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond))),
	}
	now = append(slices.Clip(now), v)
	h.viewers.Store(&now)
	return v, nil
}

// End ends all viewers, and those to come.
func (h *Hub) End() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if viewers := h.viewers.Swap(nil); viewers != nil {
		for _, v := range *viewers {
			close(v.Ended)
		}
	}
	h.ended = true
}

// Viewer gets events.
type Viewer struct {
	// Events are those that the viewer wants. Ended is closed when there will be no more.
	Events <-chan *Event
	Ended  chan struct{}

	events  chan<- *Event
	hub     *Hub
	wants   Filter
	tokens  *rate.Limiter
	skipped atomic.Uint64
}

// offer sends an event, if the viewer wants it and has a token and room.
func (v *Viewer) offer(e *Event) {
	if !v.wants.Takes(e) {
		return
	}
	if !v.tokens.AllowN(e.Time, 1) {
		v.skipped.Add(1)
		return
	}
	select {
	case v.events <- e:
	default:
		v.skipped.Add(1)
	}
}

// Skipped returns how many events the viewer did not get since it was asked last, though it wanted them.
func (v *Viewer) Skipped() uint64 { return v.skipped.Swap(0) }

// Close ends the viewer.
func (v *Viewer) Close() {
	h := v.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	viewers := h.viewers.Load()
	if viewers == nil {
		return
	}
	rest := slices.DeleteFunc(slices.Clone(*viewers), func(other *Viewer) bool { return other == v })
	if len(rest) == 0 {
		h.viewers.Store(nil)
		return
	}
	h.viewers.Store(&rest)
}

// Filter says which events a viewer wants. The zero value wants all.
type Filter struct {
	// Tenant, Pattern, Pool and Outcome are compared as they are, if they are not empty. TenantSet says that an empty Tenant is the
	// default one.
	Tenant, Pattern, Pool, Outcome string
	TenantSet                      bool
	// Status is a status, or the class of one if it is below 10; 0 stands for all.
	Status int
}

// Takes reports whether an event is wanted.
func (f *Filter) Takes(e *Event) bool {
	return (f.Tenant == e.Tenant || f.Tenant == "" && !f.TenantSet) &&
		(f.Pattern == "" || f.Pattern == e.Pattern) &&
		(f.Pool == "" || f.Pool == e.Pool) &&
		(f.Outcome == "" || f.Outcome == e.Outcome) &&
		(f.Status == 0 || f.Status == e.Status || f.Status == e.Status/100)
}
