package chiproxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/rawquery"
)

// DataGuard is a guard that is plain data: all conditions must hold. Any number of routes on one shape that differ in
// the value of one header, query parameter or cookie cost as much as one.
type DataGuard struct {
	Conditions []Condition
	// Parts must hold, too. They are asked after the conditions.
	Parts []GuardPart
	// Meter counts its time where it may take long; nil for a guard whose time is not counted.
	Meter  Meter
	Origin origin.Origin
}

// FreeSteps is what guards that are data may look at for a request, or what one search among patterns may cost, before its time is counted:
// some ten microseconds. Most requests never reach it.
const FreeSteps = 1 << 15

// GuardPart is a condition on something else than header, query and cookies; see package condition. One that asks other guards also has
// Guards() []*DataGuard, and one that compares many things Len() int.
type GuardPart interface {
	Holds(*Exchange) bool
	// String returns the part as it is written.
	String() string
}

// Condition holds if a header field, query parameter or cookie is there and has one of the values. If it occurs several
// times, one of them suffices.
type Condition struct {
	In   Source
	Name string
	// Values are compared exactly, and Prefixes with how a value begins. None of both stands for any value.
	Values, Prefixes []string
}

// Source is where a Condition looks.
type Source int

const (
	// InHeader is a field of the request's header, by name without case. Host is one.
	InHeader Source = iota
	// InQuery is a parameter of the query.
	InQuery
	// InCookie is a cookie.
	InCookie
)

// CheckCookieName reports a name that no cookie can have.
func CheckCookieName(name string) error {
	if !httpguts.ValidHeaderFieldName(name) { // both are tokens
		return fmt.Errorf("%s is not a cookie name; a name is a token such as sid", field.Quote(name))
	}
	return nil
}

// Allow reports whether all conditions hold.
func (g *DataGuard) Allow(ex *Exchange) (bool, error) {
	if g.Meter == nil {
		return g.Holds(ex), nil
	}
	steps := g.steps(ex.R)
	if ex.guarded += steps; ex.guarded <= FreeSteps {
		return g.Holds(ex), nil
	}
	holds := false
	err := ex.Metered(g.Meter, Work{Looks: steps, Origin: g.Describe()}, g, func() { holds = g.Holds(ex) })
	return holds, err
}

// steps is about how many bytes and values the guard looks at in a request at most.
func (g *DataGuard) steps(r *http.Request) (n int64) {
	for i := range g.Conditions {
		n += g.Conditions[i].steps(r)
	}
	for _, p := range g.Parts {
		switch p := p.(type) {
		case interface{ Guards() []*DataGuard }:
			for _, inner := range p.Guards() {
				n += inner.steps(r)
			}
		case interface{ Len() int }:
			n += int64(p.Len())
		}
		n++
	}
	return n
}

// steps is the size of what the condition looks at, and how often values may be compared: comparing four takes as long as reading a byte.
func (c *Condition) steps(r *http.Request) int64 {
	size, least := 0, len(c.Name)+1
	switch c.In {
	case InHeader:
		values := r.Header[http.CanonicalHeaderKey(c.Name)]
		return int64(1 + len(values)*(1+(len(c.Values)+len(c.Prefixes))/4))
	case InQuery:
		size = len(r.URL.RawQuery)
	case InCookie:
		for _, v := range r.Header["Cookie"] {
			size += len(v)
		}
	}
	return int64(1 + size + size/least*(len(c.Values)+len(c.Prefixes))/4)
}

// Holds reports whether all conditions and parts hold.
func (g *DataGuard) Holds(ex *Exchange) bool {
	for i := range g.Conditions {
		if !g.Conditions[i].holds(ex.R) {
			return false
		}
	}
	for _, p := range g.Parts {
		if !p.Holds(ex) {
			return false
		}
	}
	return true
}

// Foresees reports whether a preflight has all that the guard asks for: it is sent before a request, with its URL and from its client, but
// with another method, without cookies, and without fields of its own.
func (g *DataGuard) Foresees() bool {
	return !slices.ContainsFunc(g.Conditions, func(c Condition) bool { return c.In != InQuery && !strings.EqualFold(c.Name, "Host") }) &&
		!slices.ContainsFunc(g.Parts, func(p GuardPart) bool {
			late, ok := p.(interface{ Foresees() bool })
			return ok && !late.Foresees()
		})
}

// Missed returns the first condition or part that does not hold, empty if all do.
func (g *DataGuard) Missed(ex *Exchange) string {
	for i := range g.Conditions {
		if c := &g.Conditions[i]; !c.holds(ex.R) {
			return c.String()
		}
	}
	for _, p := range g.Parts {
		if !p.Holds(ex) {
			return p.String()
		}
	}
	return ""
}

// Identity returns all that tells the guard from others.
func (g *DataGuard) Identity() string {
	text, _ := json.Marshal(g.Conditions)
	for _, p := range g.Parts {
		if nested, ok := p.(interface{ Identity() string }); ok {
			text = append(text, nested.Identity()...)
		} else {
			text = append(text, p.String()...)
		}
		text = append(text, '\n')
	}
	return string(text)
}

// String returns what must hold.
func (g *DataGuard) String() string {
	var texts []string
	for i := range g.Conditions {
		texts = append(texts, g.Conditions[i].String())
	}
	for _, p := range g.Parts {
		texts = append(texts, p.String())
	}
	return strings.Join(texts, ", ")
}

// Describe says where the guard was declared.
func (g *DataGuard) Describe() origin.Origin { return g.Origin }

func (c *Condition) holds(r *http.Request) bool {
	found := false
	eachValue(r, c.In, c.Name, func(v string) bool {
		found = len(c.Values)+len(c.Prefixes) == 0 || slices.Contains(c.Values, v) ||
			len(c.Prefixes) > 0 && slices.ContainsFunc(c.Prefixes, func(p string) bool { return strings.HasPrefix(v, p) })
		return !found
	})
	return found
}

// String returns what is looked at. Values are left out: they may be many, and secret.
func (c *Condition) String() string {
	return [...]string{"header ", "query ", "cookie "}[c.In] + c.Name
}

// eachValue calls f with each value of a header field, query parameter or cookie until it returns false.
func eachValue(r *http.Request, in Source, name string, f func(string) bool) {
	switch in {
	case InHeader:
		if strings.EqualFold(name, "Host") {
			f(r.Host)
			return
		}
		for _, v := range r.Header[http.CanonicalHeaderKey(name)] {
			if !f(v) {
				return
			}
		}
	case InQuery:
		rawquery.Each(r.URL.RawQuery, func(k, v string) bool { return k != name || f(v) })
	case InCookie:
		for _, c := range r.CookiesNamed(name) {
			if !f(c.Value) {
				return
			}
		}
	}
}

var (
	_ Guard     = (*DataGuard)(nil)
	_ Describer = (*DataGuard)(nil)
)
