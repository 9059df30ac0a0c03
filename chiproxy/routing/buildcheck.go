package routing

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pathmux"
)

// maxProblems is how many errors of a load are reported.
const maxProblems = 20

// problems gathers the errors of a load.
type problems struct {
	list []error
	more int
}

// add notes an error at its place.
func (p *problems) add(at origin.Origin, err error) {
	if failure := (*poolFailure)(nil); errors.As(err, &failure) {
		if failure.reported {
			return
		}
		failure.reported = true
		at, err = origin.Origin{}, failure.error // which says its place itself
	}
	if len(p.list) == maxProblems {
		p.more++
		return
	}
	p.list = append(p.list, at.Errorf("%w", err))
}

func (p *problems) failed() bool { return len(p.list) > 0 }

func (p *problems) err() error {
	if p.more > 0 {
		return errors.Join(append(p.list, fmt.Errorf("and %d more errors", p.more))...)
	}
	return errors.Join(p.list...)
}

// checkShape sorts the routes of a shape and reports those that are never reached.
func (b *builder) checkShape(d *muxBuilder, of *shape) {
	owner, s := d.ownerOf(of), &of.Draft
	if owner != nil {
		for _, r := range s.routes {
			if !r.scope.inside(owner) {
				b.add(r.route.Origin, fmt.Errorf("route %s can never be reached: the scope at %s owns %s and everything below it; declare the route inside",
					r.pattern(), owner.origin, owner.prefix))
			}
		}
	}
	if len(s.routes) < 2 {
		return
	}
	s.ordered()
	taken := takenMethods{}
	for i := range s.routes {
		r := &s.routes[i]
		if i > 0 && r.root != s.routes[i-1].root {
			taken = takenMethods{}
		}
		if by, what := taken.by(r.methods); by != nil {
			b.add(r.route.Origin, fmt.Errorf("route %s %s can never be reached: %s takes it without a guard; give that one a guard, or this one a guard and a higher priority",
				what, r.pattern(), describeRoute(by)))
		}
		if len(r.route.Guards) == 0 {
			taken.take(r.route, r.methods)
		}
	}
}

// takenMethods are those that a route without guards of a shape serves.
type takenMethods struct {
	any   *chiproxy.Route
	named map[string]*chiproxy.Route
}

// by returns the route that takes a method of the set before, and which.
func (t *takenMethods) by(m *pathmux.Methods) (*chiproxy.Route, string) {
	if m == nil {
		return t.any, "for all methods"
	}
	for _, n := range m.Names() {
		if r := t.named[n]; r != nil {
			return r, n
		}
		if t.any != nil && n != http.MethodConnect {
			return t.any, n
		}
	}
	return nil, ""
}

func (t *takenMethods) take(r *chiproxy.Route, m *pathmux.Methods) {
	if m == nil {
		t.any = r
		return
	}
	if t.named == nil {
		t.named = map[string]*chiproxy.Route{}
	}
	for _, n := range m.Names() {
		if t.named[n] == nil {
			t.named[n] = r
		}
	}
}

// describeRoute names a route and its place in an error.
func describeRoute(r *chiproxy.Route) string {
	if at := r.Origin.String(); at != "" {
		return fmt.Sprintf("%s at %s", r.Pattern, at)
	}
	return r.Pattern
}

// setCovers finds what each shape serves for certain and what it has routes for.
func (b *builder) setCovers(shapes []*shape) {
	for _, s := range shapes {
		at := &s.Draft
		if at.miss != nil {
			// every miss has to be found, so that the scope's middleware runs whatever the method is
			s.Wants = pathmux.EveryMethod()
			continue
		}
		if len(at.routes) == 1 {
			s.Wants = *b.cover(at.routes[0].methods)
			if r := &at.routes[0]; !r.mayDecline() {
				s.Serves = b.cover(r.methods)
			}
		} else {
			coverAll(s)
		}
		if strings.Contains(at.routes[0].scope.prefix, "{") {
			// what is more specific may stand outside of the scope, which says whether it has the path for another method
			s.Wants = pathmux.EveryMethod()
		}
	}
}

// coverAll finds what a shape with several routes serves and wants.
func coverAll(s *shape) {
	s.Wants = s.Draft.wanted()
	if c := s.Draft.serving(); !c.Empty() {
		s.Serves = c
	}
}

// wanted is what a shape has routes for.
func (s *standing) wanted() (c pathmux.Cover) {
	head := s.namesHead()
	for _, r := range s.routes {
		c.Add(r.methods, head)
	}
	return c
}

// serving is what routes of a shape take for certain.
func (s *standing) serving() *pathmux.Cover {
	c := &pathmux.Cover{}
	head := s.namesHead()
	for _, r := range s.routes {
		if !r.mayDecline() {
			c.Add(r.methods, head)
		}
	}
	return c
}

// server is a route that takes some of the methods given for certain; others may take the rest.
func (s *standing) server(want *pathmux.Cover) (r *routeDraft) {
	for i := range s.routes {
		if s.routes[i].mayDecline() {
			continue
		}
		r = &s.routes[i]
		if r.methods == nil || slices.ContainsFunc(r.methods.Names(), want.Names) {
			break
		}
	}
	return r
}

// namesHead reports whether a route of the shape names HEAD.
func (s *standing) namesHead() bool {
	return slices.ContainsFunc(s.routes, func(r routeDraft) bool { return r.methods.NamesHead() })
}

// cover is what one route without others on its shape serves. They are few and shared.
func (b *builder) cover(m *pathmux.Methods) *pathmux.Cover {
	c := b.covers[m]
	if c == nil {
		c = &pathmux.Cover{}
		c.Add(m, m.NamesHead())
		b.covers[m] = c
	}
	return c
}
