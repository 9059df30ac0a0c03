package token

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/attribute"
)

// latest is the last second of the year 9999. What is beyond is no time.
const latest = 253402300799

// Claims are those of a token. They are shared, and never change.
type Claims struct {
	text, subject       string
	all                 attribute.Set
	expires, begins     float64 // infinite where the claim is missing
	issued              float64 // NaN where it is missing
	badExp, badNBF, bad bool    // exp, nbf, iat are there but no times
}

// readClaims reads the second part of a token.
func readClaims(part string) (*Claims, error) {
	text, err := decode(part)
	if err != nil {
		return nil, err
	}
	all, err := object(text)
	if err != nil {
		return nil, err
	}
	c := &Claims{text: string(text), all: all}
	c.subject, _ = all["sub"].(string)
	c.expires, c.badExp = c.time("exp", math.Inf(1))
	c.begins, c.badNBF = c.time("nbf", math.Inf(-1))
	c.issued, c.bad = c.time("iat", math.NaN())
	return c, nil
}

// time returns a claim in seconds since 1970, or what stands for none.
func (c *Claims) time(name string, missing float64) (seconds float64, bad bool) {
	v, ok := c.all[name]
	if !ok {
		return missing, false
	}
	n, ok := v.(json.Number)
	if !ok {
		return missing, true
	}
	seconds, err := strconv.ParseFloat(string(n), 64)
	return seconds, err != nil || seconds > latest
}

// timely returns an error unless the claims hold now.
func (c *Claims) timely(now time.Time, leeway, maxAge time.Duration) error {
	switch {
	case c.badExp:
		return ClaimError("exp")
	case c.badNBF:
		return ClaimError("nbf")
	case c.bad:
		return ClaimError("iat")
	}
	at, slack := float64(now.UnixNano())/1e9, leeway.Seconds()
	switch {
	case at >= c.expires+slack:
		return ErrExpired
	case at < c.begins-slack, at < c.issued-slack: // NaN is less than nothing
		return ErrNotYet
	case maxAge == 0:
		return nil
	case math.IsNaN(c.issued):
		return ClaimError("iat")
	case at >= c.issued+maxAge.Seconds()+slack:
		return ErrExpired
	}
	return nil
}

// has reports whether there is a claim that is not null.
func (c *Claims) has(name string) bool { return c.all[name] != nil }

// aimsAt reports whether one of some names is in the audience.
func (c *Claims) aimsAt(names []string) bool {
	switch aud := c.all["aud"].(type) {
	case string:
		return slices.Contains(names, aud)
	case []any:
		return slices.ContainsFunc(aud, func(v any) bool {
			s, ok := v.(string)
			return ok && slices.Contains(names, s)
		})
	}
	return false
}

// Get returns a claim; see attribute.Set.
func (c *Claims) Get(path string) any { return c.all.Get(path) }

// Text returns a claim as a header has it; see attribute.Set.
func (c *Claims) Text(path string) (text string, ok bool) { return c.all.Text(path) }

// Any reports whether a claim is one of some values, or a list that has one of them.
func (c *Claims) Any(path string, values []string) bool { return c.all.Any(path, values) }

// Name is how scripts know the claims of a request.
func (c *Claims) Name() string { return "claims" }

// JSON returns all claims, as they were signed.
func (c *Claims) JSON() string { return c.text }

// ID returns "sub", if that is a string.
func (c *Claims) ID() string { return c.subject }

// HasScopes reports whether all of some scopes are in "scope", which has blanks between them, or in the list "scp".
func (c *Claims) HasScopes(scopes []string) bool {
	for _, s := range scopes {
		if !c.hasScope(s) {
			return false
		}
	}
	return true
}

func (c *Claims) hasScope(scope string) bool {
	for _, name := range []string{"scope", "scp"} {
		switch v := c.all[name].(type) {
		case string:
			for s := range strings.FieldsSeq(v) {
				if s == scope {
					return true
				}
			}
		case []any:
			if slices.Contains(v, any(scope)) {
				return true
			}
		}
	}
	return false
}
