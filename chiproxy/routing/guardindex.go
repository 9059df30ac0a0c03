package routing

import (
	"net/http"
	"slices"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/pathmux"
	"github.com/luaroute/caddy-luaroute/chiproxy/rawquery"
)

// manyRoutes is how many routes a shape must have for an index of their data guards.
const manyRoutes = 8

// guardIndex finds the routes of a shape whose data guards may hold, so that the others need not be asked. Each
// route is found by the first condition of its first guard.
type guardIndex struct {
	// fields are by source and name. At most all names of a request are looked up.
	fields [3]map[string]*fieldIndex
	// rest are the routes whose first guard is no data guard.
	rest []int32
	// methods are the sets of methods of the routes: a route counts as known for another method whether its guards hold or not.
	methods []indexedMethods
}

// indexedMethods are the routes with one set of methods.
type indexedMethods struct {
	first int32
	// scope is the innermost one that all of them stand in.
	scope *scope
}

// fieldIndex holds the positions of routes by the value that a field must have.
type fieldIndex struct {
	byValue map[string][]int32
	// present are those for which every value will do.
	present []int32
}

// newGuardIndex returns the index of some routes, or nil when there are few or none with data guards.
func newGuardIndex(routes []candidate) *guardIndex {
	if len(routes) < manyRoutes {
		return nil
	}
	x := &guardIndex{}
	sets := map[*pathmux.Methods]int{}
	for i := range routes {
		c := &routes[i]
		if at, known := sets[c.methods]; known {
			x.methods[at].scope = x.methods[at].scope.common(c.scope)
		} else {
			sets[c.methods] = len(x.methods)
			x.methods = append(x.methods, indexedMethods{int32(i), c.scope})
		}
		if first := firstCondition(c.route.Guards); first != nil {
			x.field(first).add(first, int32(i))
		} else {
			x.rest = append(x.rest, int32(i))
		}
	}
	if len(x.rest) == len(routes) {
		return nil
	}
	return x
}

// firstCondition is what is asked first of all. A data guard behind a function is not looked at, as the function is to
// be asked before.
func firstCondition(guards []chiproxy.Guard) *chiproxy.Condition {
	if len(guards) == 0 {
		return nil
	}
	if d, ok := guards[0].(*chiproxy.DataGuard); ok && len(d.Conditions) > 0 {
		return &d.Conditions[0]
	}
	return nil
}

func (x *guardIndex) field(c *chiproxy.Condition) *fieldIndex {
	name := c.Name
	if c.In == chiproxy.InHeader {
		name = http.CanonicalHeaderKey(name)
	}
	if x.fields[c.In] == nil {
		x.fields[c.In] = map[string]*fieldIndex{}
	}
	f := x.fields[c.In][name]
	if f == nil {
		f = &fieldIndex{byValue: map[string][]int32{}}
		x.fields[c.In][name] = f
	}
	return f
}

func (f *fieldIndex) add(c *chiproxy.Condition, i int32) {
	if len(c.Values) == 0 || len(c.Prefixes) > 0 { // the guard is asked again
		f.present = append(f.present, i)
		return
	}
	for _, v := range c.Values {
		f.byValue[v] = append(f.byValue[v], i)
	}
}

// find appends the positions of the routes whose first condition holds, in order.
func (x *guardIndex) find(r *http.Request, into []int32) []int32 {
	if fields := x.fields[chiproxy.InHeader]; len(fields) > 0 {
		if f := fields["Host"]; f != nil {
			into = f.find(r.Host, into)
		}
		if len(fields) < len(r.Header) {
			for name, f := range fields {
				into = f.findAll(r.Header[name], into)
			}
		} else {
			for name, values := range r.Header {
				if f := fields[name]; f != nil {
					into = f.findAll(values, into)
				}
			}
		}
	}
	if fields := x.fields[chiproxy.InQuery]; len(fields) > 0 {
		rawquery.Each(r.URL.RawQuery, func(name, value string) bool {
			if f := fields[name]; f != nil {
				into = f.find(value, into)
			}
			return true
		})
	}
	if fields := x.fields[chiproxy.InCookie]; len(fields) > 0 {
		for _, c := range r.Cookies() {
			if f := fields[c.Name]; f != nil {
				into = f.find(c.Value, into)
			}
		}
	}
	slices.Sort(into)
	return slices.Compact(into)
}

func (f *fieldIndex) findAll(values []string, into []int32) []int32 {
	for _, v := range values {
		into = f.find(v, into)
	}
	return into
}

func (f *fieldIndex) find(value string, into []int32) []int32 {
	into = append(into, f.present...)
	return append(into, f.byValue[value]...)
}

// tryIndexed tries the routes of a long entry in order: those whose data guards may hold, and those without.
func (rq *request) tryIndexed(e *entry) (chiproxy.Verdict, error) {
	for _, m := range e.index.methods {
		if c := &e.routes[m.first]; !c.takes(rq.method, e) {
			rq.mismatched(c.methods, m.scope)
		}
	}
	hits, rest := e.index.find(rq.R, rq.hits[:0]), e.index.rest
	rq.hits = hits
	for len(hits)+len(rest) > 0 {
		next := &rest
		if len(rest) == 0 || len(hits) > 0 && hits[0] < rest[0] {
			next = &hits
		}
		i := (*next)[0]
		*next = (*next)[1:]
		if v, err := rq.try(&e.routes[i], e); err != nil || v == chiproxy.Done {
			return v, err
		}
	}
	return chiproxy.Declined, nil
}
