package chiproxy

import (
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
)

// Matcher is a matcher of Caddy's, any http.matchers module that is provisioned, as a guard.
type Matcher struct {
	// Name is that of the module, such as remote_ip.
	Name    string
	Matcher caddyhttp.RequestMatcherWithError
	// Config is the fingerprint of the configuration. It may be 0.
	Config uint64
	// Meter counts its time; nil for a matcher whose time is not counted.
	Meter Meter
	// Expressions are its regular expressions, for Meter.
	Expressions Expressions
	Origin      origin.Origin
}

// Allow asks the matcher.
func (m *Matcher) Allow(ex *Exchange) (bool, error) {
	if m.Meter == nil {
		return m.Matcher.MatchWithError(ex.R)
	}
	if err := ex.start(m.Meter, &m.Expressions, m); err != nil {
		return false, err
	}
	defer ex.stop()
	return m.Matcher.MatchWithError(ex.R)
}

// Describe names the module.
func (m *Matcher) Describe() origin.Origin {
	o := m.Origin
	o.Kind, o.Text = "matcher", m.Name
	return o
}

var (
	_ Guard     = (*Matcher)(nil)
	_ Describer = (*Matcher)(nil)
)
