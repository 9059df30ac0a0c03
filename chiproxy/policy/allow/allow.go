// Package allow is middleware that lets those requests pass whose token or API key is of somebody in a group. Other middleware has found out
// whose it is.
package allow

import (
	"net/http"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// Middleware is such middleware.
type Middleware struct {
	// Groups are the names of which one suffices.
	Groups []string
	// Field is the claim, or the field of a consumer, that has the groups.
	Field string
	At    origin.Origin
}

// Traits are those of middleware that changes nothing.
func (m *Middleware) Traits() chiproxy.Traits { return chiproxy.Traits{} }

// Describe says where it was declared.
func (m *Middleware) Describe() origin.Origin { return m.At }

// Handle asks who the request is from.
func (m *Middleware) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	for _, id := range ex.Identities() {
		if id.Any(m.Field, m.Groups) {
			return next()
		}
	}
	ex.Note("refused: in none of the groups")
	ex.Becomes(telemetry.Refused)
	return chiproxy.Error{Status: http.StatusForbidden, Message: "not in one of the groups"}.Do(ex)
}
