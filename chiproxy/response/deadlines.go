package response

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Deadlines are those of requests that have the same time each. So they are over in the order in which they began, and one timer is enough for all:
// it is set when it is not, and finds out for whom it was when it fires.
type Deadlines struct {
	after time.Duration
	body  bool
	fire  func()

	mu          sync.Mutex
	first, last *Deadline
	set         bool
}

// NewDeadlines returns the deadlines of a policy; see Deadline.Context for the body.
func NewDeadlines(after time.Duration, body bool) *Deadlines {
	l := &Deadlines{after: after, body: body}
	l.fire = l.expire
	return l
}

// After returns the time that each has.
func (l *Deadlines) After() time.Duration { return l.after }

// Begin returns the deadline of a request that begins now. Stop must be called on it.
func (l *Deadlines) Begin(w http.ResponseWriter, around context.Context) *Deadline {
	d := &Deadline{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, ctx: endable{around: around}, line: l, waits: true}
	l.mu.Lock()
	defer l.mu.Unlock()
	d.due = time.Now().Add(l.after) // after the lock, so that the line is in order
	if d.prev = l.last; d.prev == nil {
		l.first = d
	} else {
		d.prev.next = d
	}
	l.last = d
	if !l.set {
		l.set = true
		time.AfterFunc(l.after, l.fire)
	}
	return d
}

// leave takes one out of the line.
func (l *Deadlines) leave(d *Deadline) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remove(d)
}

func (l *Deadlines) remove(d *Deadline) {
	if !d.waits {
		return
	}
	d.waits = false
	if d.prev == nil {
		l.first = d.next
	} else {
		d.prev.next = d.next
	}
	if d.next == nil {
		l.last = d.prev
	} else {
		d.next.prev = d.prev
	}
	d.prev, d.next = nil, nil
}

// expire ends those whose time is over, and sets the timer for the next one.
func (l *Deadlines) expire() {
	now := time.Now()
	var over []*Deadline
	l.mu.Lock()
	for l.first != nil && !l.first.due.After(now) {
		over = append(over, l.first)
		l.remove(l.first)
	}
	if l.set = l.first != nil; l.set {
		time.AfterFunc(l.first.due.Sub(now), l.fire)
	}
	l.mu.Unlock()
	for _, d := range over {
		d.expire()
	}
}
