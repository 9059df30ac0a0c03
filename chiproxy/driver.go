package chiproxy

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Driver is an exchange for the search that drives it, chiproxy/routing: it begins and ends the exchange, and does with it what was
// found. Hooks get the Exchange in it. Its zero value is ready, and may be used for one request after the other.
type Driver struct{ Exchange }

// Begin begins an exchange. The caller ends it. The performer is nil where the request is really served.
func (d *Driver) Begin(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, at Place, p Performer) {
	if d.kept == nil {
		d.kept = &kept{next: d.step}
	}
	d.W, d.R, d.Next, d.place, d.performer = w, r, next, at, p
}

// Show makes each change of the request's header visible at once.
func (d *Driver) Show() { d.changed.Show() }

// Held reports whether there is something for Leave to end.
func (d *Driver) Held() bool { return len(d.done) > 0 || d.Hold != nil }

// Leave ends a tenant's part of the exchange: it calls the functions of OnDone and releases the hooks.
func (d *Driver) Leave(err error) {
	if len(d.done) > 0 {
		d.finish(err)
	}
	if d.Hold != nil {
		d.release()
	}
}

// End releases everything, after success, an error or a panic.
func (d *Driver) End() {
	if d.Held() { // only after a panic
		d.Leave(ErrAborted)
	}
	if d.ends != nil {
		d.end()
	}
	d.unturn()
	if k := d.kept; len(k.snapshots)|len(k.reserved)|len(k.counted)|len(k.identities)|len(k.claimed) != 0 { // mostly there is nothing
		d.drop(0)
		k.forgetMemory()
		k.forget()
	}
	d.Exchange = Exchange{kept: d.kept}
}

// forget empties what middleware has left.
func (k *kept) forget() {
	clear(k.counted)
	clear(k.identities)
	clear(k.claimed)
	k.counted, k.identities, k.claimed = k.counted[:0], k.identities[:0], k.claimed[:0]
}

// Run runs middleware around the action of a candidate. If restores is set, its changes are undone when it declines. The policy for failed
// hooks is applied; the error is for Fail.
func (d *Driver) Run(mw []Middleware, a Action, restores bool) (Verdict, error) {
	ex := &d.Exchange
	ex.record()
	ex.forgetIdentities()
	toPool := ex.place.Policy().Mode == FailToPool
	ex.restores, ex.level = restores || toPool, 0
	ex.drop(0)
	w, r := ex.W, ex.R
	ex.chain = chain{middleware: mw, action: a, levels: toPool}
	v, err := ex.step()
	switch {
	case err != nil:
		return v, err
	case v == Done:
		ex.response.End()
		return v, nil
	case ex.response.Wrote():
		return Done, errDeclinedLate
	}
	if restores {
		ex.W, ex.R = w, r
		ex.restore(0)
	}
	ex.forgetIdentities()
	return Declined, nil
}

// Settle applies the policy to the failure of an action.
func (d *Driver) Settle(v Verdict, err error) (Verdict, error) {
	if hook := hookError(err); hook != nil {
		return d.apply(hook)
	}
	return v, err
}

// Allows asks guards, and applies the policy to their failures. If they do not allow, the other results are the verdict.
func (d *Driver) Allows(guards []Guard) (bool, Verdict, error) {
	ex := &d.Exchange
	for _, g := range guards {
		ok, err := ex.guard(g).Allow(ex)
		if ok && err == nil {
			continue
		}
		if hook := hookError(err); hook != nil {
			if ex.place.Policy().Mode == FailOpen {
				continue
			}
			v, err := ex.apply(hook)
			return false, v, err
		}
		if err != nil {
			return false, Done, err
		}
		if !ok {
			return false, Declined, nil
		}
	}
	return true, Declined, nil
}

// Fail ends a candidate in an error: the Failed of its scope, which may be nil, answers it if nothing was written.
func (d *Driver) Fail(v Verdict, err error, answer Action) (Verdict, error) {
	ex := &d.Exchange
	switch {
	case ex.response.Wrote():
		return v, ex.sent(err)
	case answer == nil, errors.Is(err, errClimbs), errors.Is(err, errTurns):
		return v, ex.toCaddy(err)
	}
	ex.record()
	err = ex.answerOf(err)
	ex.err = err
	mark := ex.response.Mark()
	answered, failure := ex.action(answer).Do(ex)
	ex.err = nil
	switch {
	case failure != nil:
		if hook := hookError(failure); hook != nil {
			failure = ex.closed(hook)
		}
		if ex.response.Wrote() {
			return Done, ex.sent(failure)
		}
		return Done, ex.toCaddy(failure)
	case answered == Declined:
		ex.response.Forget(mark)
		return v, ex.toCaddy(err)
	}
	ex.response.End()
	return Done, nil
}

// Onward passes the request to Caddy's next handler.
func (d *Driver) Onward() error {
	if err := d.turn(); err != nil {
		return err
	}
	return d.Next.ServeHTTP(d.W, d.R)
}

// finish calls the functions of OnDone.
func (d *Driver) finish(err error) {
	done := d.done
	d.done = nil
	o := d.outcome(err)
	for _, fn := range done {
		fn(o)
	}
}

// release ends the hooks of the tenant that was asked.
func (d *Driver) release() {
	h := d.Hold
	d.Hold = nil
	h.Release()
}

// unturn ends what turn has begun.
func (d *Driver) unturn() {
	if t := d.turns; t != nil && t.n <= maxTurns {
		t.n--
	}
}
