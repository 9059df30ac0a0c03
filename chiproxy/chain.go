package chiproxy

import (
	"errors"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// chain is the middleware around an action, and how far the request has come in it.
type chain struct {
	middleware []Middleware
	action     Action
	// levels says that each step is a level, so that its changes can be restored: the policy for failed hooks is FailToPool.
	levels bool
	// at is the position of the next one to run; reached is the last position that ran.
	at, reached int
	// inner is what the step inside the running one returned.
	inner result
	// complete says that the action has answered to the end.
	complete bool
}

type result struct {
	verdict Verdict
	err     error
}

var errDeclinedLate = errors.New("declined after the response header was sent")

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
	if c.levels {
		ex.level++
		defer ex.endLevel(ex.level)
	}
	if i == len(c.middleware) {
		ex.beforeAction(c.action)
		v, err := ex.action(c.action).Do(ex)
		if hook := hookError(err); hook != nil {
			v, err = ex.stepFailed(hook)
		}
		c.inner = result{v, err}
		c.complete = v == Done && err == nil
		return v, err
	}
	c.at = i + 1
	if ex.wantsSnapshot() && c.middleware[i].Traits().Changes {
		ex.Snapshot()
	}
	v, err := ex.middleware(c.middleware[i]).Handle(ex, ex.next)
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
	if ex.place.Policy().Mode != FailOpen {
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

// stepFailed applies the policy to the failure of a function. Its changes may be incomplete, so a pool gets the request as it was before
// the function, with the changes of the middleware around it, which may protect the upstream.
func (ex *Exchange) stepFailed(hook *HookError) (Verdict, error) {
	if ex.place.Policy().Mode == FailToPool && !ex.response.Wrote() {
		done := len(ex.done)
		ex.restore(ex.level)
		ex.done = ex.done[:done] // the outcome is still reported
	}
	return ex.apply(hook)
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

// apply does what the policy says about the failure of a guard, middleware or action. Once the header was sent, only the error can be
// returned.
func (ex *Exchange) apply(hook *HookError) (Verdict, error) {
	p := ex.place.Policy()
	if p.Mode == FailClosed || ex.response.Wrote() {
		return Done, ex.closed(hook)
	}
	if p.Mode == FailToPool {
		if err := ex.place.Around(); err != nil {
			return Done, err
		}
		return ex.Perform(Proxy{Pool: p.Pool})
	}
	return Declined, nil
}

// toCaddy returns an error to Caddy and puts what functions set on the response into its header, to which Caddy's handle_errors adds.
func (ex *Exchange) toCaddy(err error) error {
	defer func() { ex.response.StampError(ex.W.Header()) }()
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
