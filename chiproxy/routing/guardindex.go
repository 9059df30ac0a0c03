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
	// buckets is how many there are in fields.
	buckets int
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
	byValue map[string]*bucket
	// byPrefix are those for which a value must begin with a prefix, and lengths those of all prefixes.
	byPrefix map[string]*bucket
	lengths  []int
	// present are those for which every value will do.
	present *bucket
}

// bucket is the positions of routes that are found together. A request finds each at most once, however often it repeats a field.
type bucket struct {
	id     int
	routes []int32
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
			x.add(first, int32(i))
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
		f = &fieldIndex{byValue: map[string]*bucket{}, byPrefix: map[string]*bucket{}}
		x.fields[c.In][name] = f
	}
	return f
}

// add adds the route at a position, by what the condition asks for.
func (x *guardIndex) add(c *chiproxy.Condition, i int32) {
	f := x.field(c)
	if len(c.Values)+len(c.Prefixes) == 0 {
		x.into(&f.present, i)
	}
	for _, v := range c.Values {
		b := f.byValue[v]
		f.byValue[v] = x.into(&b, i)
	}
	for _, p := range c.Prefixes {
		b := f.byPrefix[p]
		f.byPrefix[p] = x.into(&b, i)
		if !slices.Contains(f.lengths, len(p)) {
			f.lengths = append(f.lengths, len(p))
		}
	}
}

// into adds the route to a bucket, which may not be there yet.
func (x *guardIndex) into(b **bucket, i int32) *bucket {
	if *b == nil {
		*b = &bucket{id: x.buckets}
		x.buckets++
	}
	(*b).routes = append((*b).routes, i)
	return *b
}

// finder finds routes in an index.
type finder struct {
	hits []int32
	// seen has a bit for each bucket that was found.
	seen []uint64
}

// find finds the positions of the routes whose first condition holds, in order.
func (fd *finder) find(x *guardIndex, r *http.Request) []int32 {
	fd.hits = fd.hits[:0]
	fd.seen = append(fd.seen[:0], make([]uint64, (x.buckets+63)/64)...)
	if fields := x.fields[chiproxy.InHeader]; len(fields) > 0 {
		if f := fields["Host"]; f != nil {
			fd.value(f, r.Host)
		}
		if len(fields) < len(r.Header) {
			for name, f := range fields {
				fd.values(f, r.Header[name])
			}
		} else {
			for name, values := range r.Header {
				if f := fields[name]; f != nil {
					fd.values(f, values)
				}
			}
		}
	}
	if fields := x.fields[chiproxy.InQuery]; len(fields) > 0 {
		rawquery.Each(r.URL.RawQuery, func(name, value string) bool {
			if f := fields[name]; f != nil {
				fd.value(f, value)
			}
			return true
		})
	}
	if fields := x.fields[chiproxy.InCookie]; len(fields) > 0 {
		for _, c := range r.Cookies() {
			if f := fields[c.Name]; f != nil {
				fd.value(f, c.Value)
			}
		}
	}
	slices.Sort(fd.hits)
	fd.hits = slices.Compact(fd.hits)
	return fd.hits
}

func (fd *finder) values(f *fieldIndex, values []string) {
	for _, v := range values {
		fd.value(f, v)
	}
}

// value finds the routes for a value that a field has.
func (fd *finder) value(f *fieldIndex, value string) {
	fd.take(f.present)
	fd.take(f.byValue[value])
	for _, n := range f.lengths {
		if n <= len(value) {
			fd.take(f.byPrefix[value[:n]])
		}
	}
}

// take adds the routes of a bucket, once.
func (fd *finder) take(b *bucket) {
	if b == nil {
		return
	}
	if bit := uint64(1) << (b.id % 64); fd.seen[b.id/64]&bit == 0 {
		fd.seen[b.id/64] |= bit
		fd.hits = append(fd.hits, b.routes...)
	}
}

// tryIndexed tries the routes of a long entry in order: those whose data guards may hold, and those without.
func (rq *request) tryIndexed(e *entry) (chiproxy.Verdict, error) {
	for _, m := range e.index.methods {
		if c := &e.routes[m.first]; !c.takes(rq.method, e) {
			rq.mismatched(c.methods, m.scope)
		}
	}
	hits, rest := rq.found.find(e.index, rq.R), e.index.rest
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
