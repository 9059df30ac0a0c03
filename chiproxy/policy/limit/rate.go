package limit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/failure"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
)

// Rate is a limit of how many requests there may be in a time, as middleware. The fields that are functions or values of others are set before it
// is used.
type Rate struct {
	subject
	options Options
	pace    pace
	policy  string // as RateLimit-Policy names it
	kept    [usual]atomic.Pointer[said]
	state   *state

	// Cost returns how much a request takes, which CheckCost has seen. Nil, each takes what the options say.
	Cost func(*chiproxy.Exchange) (int64, error)

	// store counts instead of this process. It may be nil.
	store Store
}

// NewRate returns the limit that options describe, of a tenant, and declared at a place.
func NewRate(o Options, book *Book, tenant string, at origin.Origin) (*Rate, error) {
	o = o.withDefaults()
	if err := o.Check(); err != nil {
		return nil, err
	}
	l := &Rate{options: o}
	var err error
	if l.pace, err = newPace(o.Rate, *o.Burst, time.Duration(o.Per)); err != nil {
		return nil, err
	}
	if l.subject, err = newSubject(o.Name, o.Key, o.IPv6, o.Missing, at); err != nil {
		return nil, err
	}
	l.refusal = refusal{status: o.Status, name: o.Name, logKey: o.LogKey, answer: plain(o.Status, o.Body)}
	l.policy = fmt.Sprintf("%q;q=%d;w=%d", o.Name, o.Rate, int64(time.Duration(o.Per)/time.Second))
	l.state, err = book.rate(tenant, o.Name, at, o.MaxKeys)
	return l, err
}

// Options returns the options, with their defaults.
func (l *Rate) Options() Options { return l.options }

// CountIn makes the limit count in a store, which may be nil, if its options say so.
func (l *Rate) CountIn(store Store) error {
	if l.options.Store != StoreKV {
		return nil
	}
	if store == nil {
		return errors.New(`store is "kv", and the store of this instance counts no limits; expected local, or another store`)
	}
	l.store = store
	return nil
}

// Describe shows the name.
func (l *Rate) Describe() origin.Origin {
	at := l.at
	at.Kind, at.Text = "limit", l.name
	return at
}

// Traits are those of what answers by errors only.
func (l *Rate) Traits() chiproxy.Traits { return chiproxy.Traits{} }

// Handle takes from the budget of the request's key, and refuses it if not enough is left.
func (l *Rate) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	var room [keyRoom]byte
	key, counts, err := l.keyOf(ex, room[:0])
	if err != nil {
		return chiproxy.Done, err
	}
	if !counts {
		return next()
	}
	cost, err := l.costOf(ex)
	if err != nil {
		return chiproxy.Done, err
	}
	explained := ex.Refuse() != nil
	hash := l.state.buckets.hash(key)
	var taken Budget
	switch {
	case explained && isWhole(ex.R.Context()):
		taken = l.whole()
	case explained:
		taken, err = l.look(ex.R.Context(), key, hash, cost)
	case ex.Once(l, hash):
		taken, err = l.take(ex.R.Context(), key, hash, cost)
		l.state.counts(l.outcome(taken, err))
	default: // it was let in before, for a candidate that has declined
		taken, err = l.look(ex.R.Context(), key, hash, 0)
	}
	if explained {
		l.note(ex, taken, err)
	}
	if err != nil {
		return l.unknown(ex, next)
	}
	var shown *fields
	if l.options.Headers != HeadersOff {
		shown = fieldsOf(ex)
		shown.show(l, taken)
	}
	if !taken.OK {
		if l.options.DryRun {
			l.logged(ex, key)
		} else {
			return l.refuse(ex, key, taken.RetryAfter)
		}
	}
	v, err := next()
	if v == chiproxy.Declined && err == nil && shown != nil {
		shown.hide(l)
	}
	return v, err
}

// outcome is what came of a take.
func (l *Rate) outcome(taken Budget, err error) outcome {
	switch {
	case err != nil:
		return failed
	case taken.OK:
		return allowed
	case l.options.DryRun:
		return dry
	}
	return refused
}

// unknown is what happens where the store has failed.
func (l *Rate) unknown(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	if l.options.OnError == OnErrorOpen || l.options.DryRun {
		return next()
	}
	header := ex.W.Header()
	header["Retry-After"], header["Cache-Control"] = []string{"1"}, []string{"no-store"}
	return chiproxy.Done, caddyhttp.Error(http.StatusServiceUnavailable, &failure.LimitError{Text: fmt.Sprintf("the store of limit %s failed", l.name)})
}

// note writes down what an explanation shows.
func (l *Rate) note(ex *chiproxy.Exchange, taken Budget, err error) {
	if err != nil {
		ex.Note(fmt.Sprintf("%s: the store failed", l.name))
		return
	}
	text := fmt.Sprintf("%s: %d of %d left", l.name, taken.Remaining, l.pace.burst)
	if !taken.OK && l.options.DryRun {
		text += ", would refuse"
	}
	ex.Note(text)
}

// costOf returns how much the request takes.
func (l *Rate) costOf(ex *chiproxy.Exchange) (int64, error) {
	if l.Cost == nil {
		return int64(l.options.Cost), nil
	}
	return l.Cost(ex)
}

// CheckCost reports a cost that no request can have.
func (l *Rate) CheckCost(cost float64) error {
	if cost != float64(int64(cost)) || cost < 0 || cost > float64(l.pace.burst) {
		return fmt.Errorf("limit %s: the cost is %v; expected a whole number from 0 to the burst, %d", l.name, cost, l.pace.burst)
	}
	return nil
}

// Taken is what came of a take.
type Taken struct {
	Budget
	// Limit is the size of the budget.
	Limit int64
	// Policy is as RateLimit-Policy says it.
	Policy string
}

// Waits reports whether a take waits for something outside of the process.
func (l *Rate) Waits() bool {
	w, ok := l.store.(Waiter)
	return ok && w.Waits()
}

// Take takes a cost that CheckCost has seen from the budget of a key. The error is one of the store, and the options do not count in this process
// then.
func (l *Rate) Take(ctx context.Context, key string, cost int64) (Taken, error) {
	bytes := []byte(short(key))
	taken, err := l.take(ctx, bytes, l.state.buckets.hash(bytes), cost)
	l.state.counts(l.outcome(taken, err))
	return l.taken(taken), err
}

// Peek returns what Take would, without taking.
func (l *Rate) Peek(ctx context.Context, key string, cost int64) (Taken, error) {
	if isWhole(ctx) {
		return l.Whole(), nil
	}
	bytes := []byte(short(key))
	taken, err := l.look(ctx, bytes, l.state.buckets.hash(bytes), cost)
	return l.taken(taken), err
}

// Whole returns what Take returns of a budget from which nothing was taken.
func (l *Rate) Whole() Taken { return l.taken(l.whole()) }

func (l *Rate) whole() Budget { return Budget{OK: true, Remaining: l.pace.burst} }

func (l *Rate) taken(t Budget) Taken { return Taken{t, l.pace.burst, l.policy} }

// Reset makes the budget of a key whole.
func (l *Rate) Reset(ctx context.Context, key string) error {
	bytes := []byte(short(key))
	l.state.buckets.reset(bytes)
	if l.store == nil {
		return nil
	}
	_, err := l.store.Take(ctx, l.asked(bytes, -l.pace.burst))
	return err
}

// take takes cost from the budget of a key, in the store if there is one.
func (l *Rate) take(ctx context.Context, key []byte, hash uint64, cost int64) (Budget, error) {
	if l.store != nil {
		taken, err := l.store.Take(ctx, l.asked(key, cost))
		if err == nil || l.options.OnError != OnErrorLocal {
			return taken, err
		}
	}
	return l.state.buckets.take(key, hash, l.pace, cost, now()), nil
}

// look is take without taking: whether the cost is left.
func (l *Rate) look(ctx context.Context, key []byte, hash uint64, cost int64) (Budget, error) {
	taken, err := l.take(ctx, key, hash, 0)
	if err == nil && taken.Remaining < cost {
		taken.OK = false
		taken.RetryAfter = taken.Reset - time.Duration(l.pace.burst-cost)*l.pace.interval
	}
	return taken, err
}

func (l *Rate) asked(key []byte, cost int64) Ask {
	return Ask{Key: l.name + ":" + string(key), Interval: l.pace.interval, Burst: l.pace.burst, Cost: cost}
}

// start is the beginning of the time that budgets are counted in. It is monotonic, so that nobody can set it back.
var start = time.Now()

func now() time.Duration { return time.Since(start) }

type wholeKey struct{}

// AssumeWhole returns a context of requests that are explained as if nobody else was there: what a script expects must not depend on the traffic.
func AssumeWhole(ctx context.Context) context.Context {
	return context.WithValue(ctx, wholeKey{}, true)
}

func isWhole(ctx context.Context) bool { return ctx.Value(wholeKey{}) != nil }

// Interface guards
var (
	_ chiproxy.Middleware = (*Rate)(nil)
	_ chiproxy.Describer  = (*Rate)(nil)
)
