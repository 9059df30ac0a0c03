package chiproxy

// place is a Scope with all that its routes take from the scopes around it.
type place struct {
	outer *place
	// middleware of the scopes around it and its own, the outermost first. Scopes without middleware share
	// that of the scope around them.
	middleware []Middleware
	// owner is the innermost scope around a route that owns its prefix; of an Owner, itself. It is nil outside
	// any.
	owner *place
	// prefix is what the owners around it own, as written, without a slash at the end.
	prefix string
	// notFound and notAllowed answer where no route does; nil when there is none.
	notFound, notAllowed *answer
	// failed answers errors; nil when there is none.
	failed Action
	origin Origin
}

// answer is what a scope says where no route does, inside the middleware of the scope that declared it.
type answer struct {
	middleware []Middleware
	action     Action
}

// inside says whether p is owner or stands in it.
func (p *place) inside(owner *place) bool {
	for o := p.owner; o != nil; o = o.outer.owner {
		if o == owner {
			return true
		}
		if o.outer == nil {
			return false
		}
	}
	return false
}
