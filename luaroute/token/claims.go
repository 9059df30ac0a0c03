package token

import (
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

// latest is the last second of the year 9999. What is beyond is no time.
const latest = 253402300799

// Claims are those of a token. They are shared, and never change.
type Claims struct {
	// JSON are all of them, as they were signed.
	JSON string
	// Subject is "sub", if that is a string.
	Subject string

	all                 map[string]any
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
	c := &Claims{JSON: string(text), all: all}
	c.Subject, _ = all["sub"].(string)
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

// Get returns a claim. A path with dots, such as "realm_access.roles", reaches into objects, unless there is a claim of that very name.
func (c *Claims) Get(path string) any {
	if v, ok := c.all[path]; ok {
		return v
	}
	within := c.all
	for {
		name, rest, deeper := strings.Cut(path, ".")
		v := within[name]
		if !deeper {
			return v
		}
		next, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		within, path = next, rest
	}
}

// Text returns a claim as a header has it: strings, numbers as they are written, booleans, and lists of those with commas in
// between. Others, and what a header cannot hold, are not ok.
func (c *Claims) Text(path string) (text string, ok bool) {
	var b strings.Builder
	for v, simple := range each(c.Get(path)) {
		if !simple {
			return "", false
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(v)
	}
	text = b.String()
	for i := range len(text) {
		if text[i] < ' ' || text[i] == 0x7f {
			return "", false
		}
	}
	return text, text != ""
}

// Any reports whether a claim is one of some values, or a list that has one of them.
func (c *Claims) Any(path string, values []string) bool {
	for v, simple := range each(c.Get(path)) {
		if simple && slices.Contains(values, v) {
			return true
		}
	}
	return false
}

// each yields the values of a list, or the value, as texts, and whether they are simple enough for that.
func each(v any) iter.Seq2[string, bool] {
	return func(yield func(string, bool) bool) {
		list, ok := v.([]any)
		if !ok {
			if v != nil {
				yield(simple(v))
			}
			return
		}
		for _, v := range list {
			if !yield(simple(v)) {
				return
			}
		}
	}
}

func simple(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return string(v), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

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
