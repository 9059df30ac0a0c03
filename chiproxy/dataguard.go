package chiproxy

import (
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
	Origin     origin.Origin
}

// Condition holds if a header field, query parameter or cookie is there and has one of the values. If it occurs several
// times, one of them suffices.
type Condition struct {
	In   Source
	Name string
	// Values are compared exactly. None stands for any value.
	Values []string
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
	for i := range g.Conditions {
		if !g.Conditions[i].holds(ex.R) {
			return false, nil
		}
	}
	return true, nil
}

// Describe says where the guard was declared.
func (g *DataGuard) Describe() origin.Origin { return g.Origin }

func (c *Condition) holds(r *http.Request) bool {
	found := false
	eachValue(r, c.In, c.Name, func(v string) bool {
		found = len(c.Values) == 0 || slices.Contains(c.Values, v)
		return !found
	})
	return found
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
