package chiproxy

// binder is an action that refers to something by name. Build binds every action of the specification once, so
// that a wrong name is an error of the load and costs nothing per request; an action that a hook returns is bound
// when it is performed.
type binder interface {
	bind(*poolScope) (Action, error)
}

// bind resolves the names in a, if it has any. What forwards then does so as the tenant wants it, be it the action of a route, the
// answer of a scope or what a function has returned.
func bind(a Action, pools *poolScope) (Action, error) {
	if b, ok := a.(binder); ok {
		bound, err := b.bind(pools)
		return pools.stripped(bound), err
	}
	return a, nil
}
