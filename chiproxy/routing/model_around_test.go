package routing

import (
	"path"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy"
)

// walksAround reports whether the request, with each escaped slash as a slash, would come to something that is guarded before it
// comes to where it is: in the scope by, or, with a form, at a route or the end of an owner.
func (r *refRun) walksAround(by *refScope) bool {
	other := refSlashes(r.path)
	if other == r.path {
		return false
	}
	for _, t := range append(r.candidates(r.tenants, other, false), r.base) {
		if end, guarded := r.arrives(t, other, by); end {
			return guarded
		}
	}
	return false
}

// refSlashes is a path in which each escaped slash is one.
func refSlashes(escaped string) string {
	p := strings.ReplaceAll(escaped, "%2F", "/")
	if !strings.Contains(p, "/..") {
		return p
	}
	cleaned := path.Clean(p)
	if strings.HasSuffix(p, "/") && cleaned != "/" {
		cleaned += "/"
	}
	return cleaned
}

// arrives reports whether a path ends in a tenant, and if it does, whether at something that is guarded.
func (r *refRun) arrives(t *refTenant, other string, by *refScope) (end, guarded bool) {
	path, _ := refBelow(other, t.spec.PathPrefix)
	for _, l := range t.ordered(r.host) {
		if !r.hostIn(l) {
			continue
		}
		here := t == r.tenant && l == r.at
		left := false
		for _, forms := range l.found(path, false) {
			shape := refShape(forms[0].pattern)
			if here && r.form != nil && shape == refShape(r.form.pattern) {
				return true, false
			}
			had := r.had(t, l, shape)
			for _, f := range forms {
				if f.route == nil {
					left = true
				}
				if had || f.route == nil && by.within(f.scope) || f.route != nil && !r.takes(f.route, forms) {
					continue
				}
				if r.counts(by, f.scope.middleware, other, t.spec.PathPrefix+f.pattern) {
					return true, true
				}
				if f.route == nil || len(f.route.Guards) > 0 {
					continue
				}
				if _, may := f.route.Action.(*worldHook); !may {
					return true, false
				}
			}
			if left {
				break
			}
		}
		if here && r.form == nil {
			return true, false
		}
		if a := l.scope.answer(refNotFound); a != nil {
			return true, r.counts(by, a.middleware, other, t.spec.PathPrefix+"/*")
		}
	}
	return false, false
}

// had reports whether a shape had its turn with the path of the request.
func (r *refRun) had(t *refTenant, l *refLayer, shape string) bool {
	switch {
	case t == r.tenant:
		if ordered := t.ordered(r.host); slices.Index(ordered, l) > slices.Index(ordered, r.at) {
			return false
		}
	case t == r.base:
		return false
	default:
		before := r.candidates(r.tenants, r.path, false)
		if i := slices.Index(before, r.tenant); i >= 0 {
			before = before[:i]
		}
		if !slices.Contains(before, t) {
			return false
		}
	}
	own, _ := refBelow(r.path, t.spec.PathPrefix)
	for _, forms := range l.found(own, false) {
		s := refShape(forms[0].pattern)
		if t == r.tenant && l == r.at && r.form != nil && s == refShape(r.form.pattern) {
			return false
		}
		if s == shape {
			return true
		}
	}
	return false
}

// counts reports whether something with a pattern, behind some middleware, guards what by does not. In the model nothing forwards.
func (r *refRun) counts(by *refScope, mw []chiproxy.Middleware, other, pattern string) bool {
	if slices.ContainsFunc(mw, func(m chiproxy.Middleware) bool { return !slices.Contains(by.middleware, m) }) {
		return true
	}
	if r.form == nil || strings.Contains(r.path, "..") {
		return true
	}
	taker := r.tenant.spec.PathPrefix + r.form.pattern
	ground := taker[:strings.IndexAny(taker+"*", "{*")]
	return !strings.HasPrefix(other+"/", ground) || refOutranks(strings.ToLower(pattern), strings.ToLower(taker))
}

// refOutranks reports whether a pattern is more specific than another one. Of those that nothing matches both, each is.
func refOutranks(p, q string) bool {
	a, b := refTokens(p), refTokens(q)
	for i, t := range a {
		switch {
		case i == len(b):
			return true
		case t == b[i]:
		case t[0] != b[i][0]:
			return t[0] < b[i][0]
		default:
			return t[0] != '0' || !strings.HasPrefix(b[i], t)
		}
	}
	return false
}

// refTokens are the texts of a pattern, marked with 0, and what stands between them up to the end of a segment: 1 for a regexp or
// a parameter with text behind it, 2 for a parameter, 3 for the catch-all.
func refTokens(p string) (tokens []string) {
	text := "0"
	flush := func() {
		if text != "0" {
			tokens = append(tokens, text)
		}
		text = "0"
	}
	for _, segment := range strings.Split(refShape(p), "/")[1:] {
		text += "/"
		at := strings.IndexAny(segment+"*", "{*")
		text += segment[:at]
		switch rest := segment[at:]; rest {
		case "":
		case "*":
			flush()
			tokens = append(tokens, "3")
		case "{}":
			flush()
			tokens = append(tokens, "2")
		default:
			flush()
			tokens = append(tokens, "1"+rest)
		}
	}
	flush()
	return tokens
}

func (s *refScope) within(other *refScope) bool {
	for o := s; o != nil; o = o.outer {
		if o == other {
			return true
		}
	}
	return false
}
