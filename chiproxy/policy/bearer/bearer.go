// Package bearer is middleware that asks for a token, as RFC 6750 says, and lets those requests pass whose token is good. Who verifies it is a
// Verifier.
package bearer

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/policy/credential"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// ErrUnavailable is the error of a Verifier that cannot tell, which is not the client's fault.
var ErrUnavailable = errors.New("keys unavailable")

// Verifier verifies tokens.
type Verifier interface {
	// Verify returns the claims of a token. The error is told to the client: it is short and says nothing of the token.
	Verify(ex *chiproxy.Exchange, token string) (Claims, error)
}

// Claims are those of a token that is good.
type Claims interface {
	chiproxy.Identity
	// Text returns a claim as a header can have it.
	Text(path string) (text string, ok bool)
	// HasScopes reports whether all scopes are among those of the token.
	HasScopes(scopes []string) bool
}

// Condition is a claim that must have one of some values.
type Condition struct {
	Path   string
	Values []string
}

// Header is a field of the request that is set to a claim.
type Header struct{ Name, Claim string }

// Config is what a token must be like, and what becomes of it.
type Config struct {
	Verifier Verifier
	// From is where requests have it.
	From credential.Source
	// Optional lets requests without a token pass. A bad one never does.
	Optional bool
	Scopes   []string
	Claims   []Condition
	// Headers are set. What the client sends in them is removed, always.
	Headers []Header
	// Strip removes the token before the request goes on.
	Strip bool
	Realm string
	At    origin.Origin
}

// Middleware is such middleware.
type Middleware struct {
	Config
	fields []string
}

// New returns middleware, or an error that says what is wrong.
func New(c Config) (*Middleware, error) {
	m := &Middleware{Config: c}
	if err := credential.CheckRealm(c.Realm); err != nil {
		return nil, err
	}
	for _, s := range c.Scopes {
		if s == "" || strings.ContainsAny(s, " \"\\") || field.Check("X", s) != nil {
			return nil, fmt.Errorf("scopes: found %s; expected a name without blanks and quotes", field.Quote(s))
		}
	}
	for _, h := range c.Headers {
		m.fields = append(m.fields, h.Name)
	}
	var err error
	if m.fields, err = credential.Fields(m.fields...); err != nil {
		return nil, fmt.Errorf("claims_to_headers: %w", err)
	}
	return m, nil
}

// Traits are those of middleware that takes a snapshot before it changes something.
func (m *Middleware) Traits() chiproxy.Traits { return chiproxy.Traits{} }

// Describe says where it was declared.
func (m *Middleware) Describe() origin.Origin { return m.At }

// Handle asks for the token.
func (m *Middleware) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	text, given, clear := m.From.Find(ex.R)
	ex.RemoveClaimed(m.fields)
	switch {
	case !given && m.Optional:
		ex.Note("no token")
		return next()
	case !given:
		return m.refuse(ex, http.StatusUnauthorized, "", "missing")
	case !clear:
		return m.refuse(ex, http.StatusUnauthorized, "invalid_token", "malformed")
	}
	claims, err := m.Verifier.Verify(ex, text)
	switch {
	case err == nil:
	case errors.Is(err, ErrUnavailable):
		ex.Note("refused: " + err.Error())
		ex.Becomes(telemetry.Refused)
		ex.W.Header().Set("Retry-After", "1")
		return chiproxy.Error{Status: http.StatusServiceUnavailable, Message: err.Error()}.Do(ex)
	case ex.R.Context().Err() != nil:
		return chiproxy.Done, err
	default:
		return m.refuse(ex, http.StatusUnauthorized, "invalid_token", err.Error())
	}
	if !claims.HasScopes(m.Scopes) {
		return m.refuse(ex, http.StatusForbidden, "insufficient_scope", "scope")
	}
	for i := range m.Claims {
		if c := &m.Claims[i]; !claims.Any(c.Path, c.Values) {
			return m.refuse(ex, http.StatusForbidden, "insufficient_scope", "claim "+c.Path)
		}
	}
	return m.pass(ex, claims, next)
}

// pass lets a request with a good token pass.
func (m *Middleware) pass(ex *chiproxy.Exchange, claims Claims, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	if ex.Refuse() != nil {
		ex.Note(strings.TrimSpace("verified " + claims.ID()))
	}
	if m.Strip {
		m.From.Remove(ex)
	}
	for i, h := range m.Headers {
		value, ok := claims.Text(h.Claim)
		if !ok {
			continue
		}
		ex.Snapshot()
		if err := ex.SetHeader(m.fields[i], []string{value}); err != nil {
			return chiproxy.Error{Status: http.StatusRequestHeaderFieldsTooLarge, Message: err.Error()}.Do(ex)
		}
	}
	ex.Identify(claims)
	return next()
}

// refuse answers with a challenge.
func (m *Middleware) refuse(ex *chiproxy.Exchange, status int, code, why string) (chiproxy.Verdict, error) {
	if ex.Refuse() != nil {
		ex.Note("refused: " + why)
	}
	ex.Becomes(telemetry.Refused)
	parts := make([]string, 0, 4)
	add := func(name, value string) { parts = append(parts, name+`="`+value+`"`) }
	if m.Realm != "" {
		add("realm", m.Realm)
	}
	if code != "" {
		add("error", code)
		add("error_description", strings.Map(printable, why))
	}
	if code == "insufficient_scope" && len(m.Scopes) > 0 {
		add("scope", strings.Join(m.Scopes, " "))
	}
	ex.W.Header().Add("WWW-Authenticate", strings.TrimSpace("Bearer "+strings.Join(parts, ", ")))
	return chiproxy.Error{Status: status, Message: "the token is refused: " + why}.Do(ex)
}

// printable replaces what a quoted string of a challenge cannot have.
func printable(r rune) rune {
	if r < ' ' || r > '~' || r == '"' || r == '\\' {
		return '_'
	}
	return r
}
