package chiproxy

import (
	"errors"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// chain is the middleware around an action, and how far the request has come in it.
type chain struct {
	middleware []Middleware
	action     Action
	// at is the position of the next one to run; reached is the last position that ran.
	at, reached int
	// inner is what the step behind the one that runs has returned.
	inner result
	// complete says that the action has answered to the end.
	complete bool
}

type result struct {
	verdict Verdict
	err     error
}

// perform runs middleware around an action, with all that goes with a candidate: what it changed is undone when it
// declines, and the scope's Failed answers its errors.
func (ex *Exchange) perform(mw []Middleware, a Action, p *scope, restores bool) (Verdict, error) {
	ex.record()
	ex.restores, ex.level = restores || ex.policy().Mode == FailToPool, 0
	ex.drop(0)
	w, r := ex.W, ex.R
	ex.chain = chain{middleware: mw, action: a}
	v, err := ex.step()
	switch {
	case err != nil:
		return ex.failed(v, err, p)
	case v == Done:
		ex.response.End()
		return v, nil
	case ex.response.Wrote():
		return Done, ex.sent(errDeclinedLate)
	}
	if restores {
		ex.W, ex.R = w, r
		ex.restore(0)
	}
	return Declined, nil
}

var errDeclinedLate = errors.New("declined after the header of the response had left")

// step runs the next middleware, or the action at the end. It is what middleware gets as next. What declines leaves nothing on the
// response.
func (ex *Exchange) step() (Verdict, error) {
	mark := ex.response.Mark()
	v, err := ex.runStep()
	if v == Declined && err == nil {
		ex.response.Forget(mark)
	}
	return v, err
}

func (ex *Exchange) runStep() (Verdict, error) {
	c := &ex.chain
	i := c.at
	c.reached = i
	if ex.policy().Mode == FailToPool {
		ex.level++
		defer ex.endLevel(ex.level)
	}
	if i == len(c.middleware) {
		ex.beforeAction(c.action)
		v, err := ex.performer.Action(ex, c.action).Do(ex)
		if hook := hookError(err); hook != nil {
			v, err = ex.stepFailed(hook)
		}
		c.inner = result{v, err}
		c.complete = v == Done && err == nil
		return v, err
	}
	c.at = i + 1
	if c.middleware[i].Traits().Changes {
		ex.Snapshot()
	}
	v, err := ex.performer.Middleware(ex, c.middleware[i]).Handle(ex, ex.next)
	c.at = i
	if hook := hookError(err); hook != nil {
		v, err = ex.middlewareFailed(hook)
	}
	c.inner = result{v, err}
	return v, err
}

// middlewareFailed applies the policy to the failure of the middleware at the current position.
func (ex *Exchange) middlewareFailed(hook *HookError) (Verdict, error) {
	c := &ex.chain
	if ex.policy().Mode != FailOpen {
		return ex.stepFailed(hook)
	}
	if c.reached > c.at {
		return c.inner.verdict, c.inner.err
	}
	c.at++
	v, err := ex.step()
	c.at--
	return v, err
}

// stepFailed applies the policy to the failure of a function. What it has changed is half of what it wanted, so a pool gets the
// request as it was before it: with what the middleware around has changed, which may be an identity, or a wall.
func (ex *Exchange) stepFailed(hook *HookError) (Verdict, error) {
	if ex.policy().Mode == FailToPool && !ex.response.Wrote() {
		done := len(ex.done)
		ex.restore(ex.level)
		ex.done = ex.done[:done] // the outcome is told all the same
	}
	return ex.apply(hook)
}

// settle applies the policy to the failure of an action.
func (ex *Exchange) settle(v Verdict, err error) (Verdict, error) {
	if hook := hookError(err); hook != nil {
		return ex.apply(hook)
	}
	return v, err
}

// allows asks guards, and applies the policy to their failures. When they do not allow, the other results say what comes of it.
func (ex *Exchange) allows(guards []Guard, p *scope) (bool, Verdict, error) {
	for _, g := range guards {
		ok, err := ex.performer.Guard(ex, g).Allow(ex)
		if hook := hookError(err); hook != nil {
			if ex.policy().Mode == FailOpen {
				continue
			}
			v, err := ex.apply(hook)
			if err != nil {
				v, err = ex.failed(v, err, p)
			}
			return false, v, err
		}
		if err != nil {
			v, err := ex.failed(Done, err, p)
			return false, v, err
		}
		if !ok {
			return false, Declined, nil
		}
	}
	return true, Declined, nil
}

// policy is what holds for hooks: the route's, the tenant's or the table's.
func (ex *Exchange) policy() *ErrorPolicy {
	if ex.chosen != nil && ex.chosen.route.OnError != nil {
		return ex.chosen.route.OnError
	}
	return ex.tenant.policy
}

// scope is that of the route that is being tried, or of the layer.
func (ex *Exchange) scope() *scope {
	if ex.chosen != nil {
		return ex.chosen.scope
	}
	return ex.at.scope
}

// hookError returns the failure of a hook that no policy was applied to yet.
func hookError(err error) *HookError {
	if err == nil {
		return nil
	}
	if _, settled := errors.AsType[caddyhttp.HandlerError](err); settled {
		return nil
	}
	hook, _ := errors.AsType[*HookError](err)
	return hook
}

// apply does what the policy says about the failure of a guard, middleware or action. Once the header has
// left, nothing but the error is left to say.
func (ex *Exchange) apply(hook *HookError) (Verdict, error) {
	p := ex.policy()
	if p.Mode == FailClosed || ex.response.Wrote() {
		return Done, ex.closed(hook)
	}
	if p.Mode == FailToPool {
		if ex.walksAround(ex.scope()) {
			return Done, errAround
		}
		return ex.Perform(forwardTo(p.Pool))
	}
	return Declined, nil
}

// failed lets the scope answer an error, if nothing was written.
func (ex *Exchange) failed(v Verdict, err error, p *scope) (Verdict, error) {
	switch {
	case ex.response.Wrote():
		return v, ex.sent(err)
	case p.failed == nil || ex.walksAround(p) || errors.Is(err, errClimbs), errors.Is(err, errTurns):
		return v, ex.toCaddy(err)
	}
	ex.record()
	err = ex.answerOf(err)
	ex.err = err
	mark := ex.response.Mark()
	answered, failure := ex.performer.Action(ex, p.failed).Do(ex)
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

// toCaddy hands an error to Caddy, with what functions have set on the response: its header is the one that Caddy's handle_errors
// writes to, and sends as it is where there are none.
func (ex *Exchange) toCaddy(err error) error {
	if !ex.response.Pending() {
		return err
	}
	answer := ex.answerOf(err)
	status, failure := ex.response.HandOver(answer.StatusCode)
	if failure != nil {
		answer = ex.answerOf(failure)
	} else if status == answer.StatusCode {
		return err
	}
	answer.StatusCode = status
	return answer
}
