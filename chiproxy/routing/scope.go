package routing

import (
	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
)

// scope is a Scope with everything that it inherits from the scopes around it.
type scope struct {
	outer *scope
	// middleware of the scopes around it and its own, the outermost first. Scopes without middleware share
	// that of the scope around them.
	middleware []chiproxy.Middleware
	// owner is the innermost scope around a route that owns its prefix; of an Owner, itself. It is nil outside
	// any.
	owner *scope
	// prefix is what the owners around it own, as written, without a slash at the end.
	prefix string
	// shares says that something of the middleware decides which sites may use the responses.
	shares bool
	// notFound and notAllowed answer if no route matches; nil if there is none. refused is the 405 of a scope
	// that has only notFound, inside of the same middleware.
	notFound, notAllowed, refused *answer
	// failed answers errors; nil when there is none.
	failed chiproxy.Action
	origin origin.Origin
}

// answer is what a scope says where no route does, inside the middleware of that scope and of the one that declared it.
type answer struct {
	middleware []chiproxy.Middleware
	action     chiproxy.Action
	// by is the scope that declared it.
	by *scope
	// spec is the declaration.
	spec *chiproxy.Answer
	kind *answerKind
}

// at returns the scope whose Failed is for the errors of an answer that s gives: the inner of s and the one that declared it.
func (a *answer) at(s *scope) *scope {
	if a.by.within(s) {
		return a.by
	}
	return s
}

// inside reports whether s is owner or stands in it.
func (s *scope) inside(owner *scope) bool {
	for o := s.owner; o != nil; o = o.outer.owner {
		if o == owner {
			return true
		}
		if o.outer == nil {
			return false
		}
	}
	return false
}

// within reports whether s is outer or stands in it.
func (s *scope) within(outer *scope) bool {
	for ; s != nil; s = s.outer {
		if s == outer {
			return true
		}
	}
	return false
}

// common returns the innermost scope that both are in.
func (s *scope) common(other *scope) *scope {
	for !other.within(s) {
		s = s.outer
	}
	return s
}
