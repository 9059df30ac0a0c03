package chiproxy

// neverDeclines reports whether an action, as bound, never declines.
func neverDeclines(a Action) bool {
	switch a := a.(type) {
	case *toPool, checkedRespond, Redirect, Error, Next, Module:
		return true
	case forwarded:
		return neverDeclines(a.Action)
	case *boundProxy:
		return a.OnError == nil || a.OnError.Mode == FailClosed
	}
	return false
}

// forward is the action of a pool by name.
func forward(pool string) Action { return Proxy{Pool: pool} }

// mayChange reports whether the route can change the request and decline after that, with the policy that holds for it.
func (c *candidate) mayChange(policy *ErrorPolicy) bool {
	return len(c.scope.middleware) > 0 || !neverDeclines(c.action) || policy.Mode != FailClosed
}

// mayDecline reports whether the route can leave a request it has the method for to the next one.
func (c *candidate) mayDecline() bool { return len(c.route.Guards) > 0 || c.restores }

// pattern is the route's, with what the owners around it own.
func (c *candidate) pattern() string { return c.text.prefix + c.route.Pattern }
