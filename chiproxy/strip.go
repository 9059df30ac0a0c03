package chiproxy

// forwarded is an action of a tenant with StripPrefix: it forwards without the tenant's prefix.
type forwarded struct {
	Action
	prefix string
}

// stripping makes an action of a tenant forward without its prefix, if it forwards at all.
func stripping(a Action, prefix string) Action {
	switch a.(type) {
	case *Pool, *alias, *boundProxy:
		return forwarded{a, prefix}
	}
	return a
}

// Do takes the prefix off the request and forwards it.
func (f forwarded) Do(ex *Exchange) (Verdict, error) {
	r := ex.R
	was, uri := *r.URL, r.RequestURI
	stripPrefix(r.URL, f.prefix)
	r.RequestURI = r.URL.RequestURI()
	v, err := f.Action.Do(ex)
	if v == Declined {
		*r.URL, r.RequestURI = was, uri
	}
	return v, err
}

// bind has nothing left to do.
func (f forwarded) bind(*poolScope) (Action, error) { return f, nil }
