package chiproxy

import "net/url"

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
	was := ex.targetNow()
	ex.strip(f.prefix)
	ex.R.RequestURI = ex.R.URL.RequestURI()
	v, err := Done, error(errClimbs)
	if !climbs(ex.R.URL) {
		v, err = f.Action.Do(ex)
	}
	was.settle(ex, v, err)
	return v, err
}

// bind has nothing left to do.
func (f forwarded) bind(*poolScope) (Action, error) { return f, nil }

// target is what of a request an action rewrites before it forwards it.
type target struct {
	url         url.URL
	uri, method string
	bare        bool
}

func (ex *Exchange) targetNow() target {
	return target{*ex.R.URL, ex.R.RequestURI, ex.R.Method, ex.bare}
}

// settle ends the rewriting. Where nothing has answered, the request becomes again what it was: what answers instead, such as
// the pool of an on_error, rewrites it by itself.
func (t *target) settle(ex *Exchange, v Verdict, err error) {
	ex.bare = t.bare
	if v == Declined || err != nil {
		*ex.R.URL, ex.R.RequestURI, ex.R.Method = t.url, t.uri, t.method
	}
}
