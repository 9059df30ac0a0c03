package routing

import (
	"net/http"

	"github.com/luaroute/caddy-luaroute/chiproxy"
)

// What tests outside of the package have of the helpers in it: those of what is explained, by a package that imports this one.
type (
	GuardFunc      = guardFunc
	MiddlewareFunc = middlewareFunc
	ActionFunc     = actionFunc
	ModuleFunc     = moduleFunc
	ModelCase      = modelCase
)

var (
	At           = at
	In           = in
	Only         = only
	Owned        = owner
	Ask          = ask
	Say          = say
	MustBuild    = mustBuild
	GuardsSpec   = guardsSpec
	UpstreamAt   = upstreamAt
	Dials        = dials
	NewTestPools = newTestPools
	NewModelCase = newModelCase
)

// Request returns a random request, and the seed of the world that it meets.
func (c *modelCase) Request() (*http.Request, uint64) { return c.request() }

// In returns the table in a new world, and what reads the log of that.
func (c *modelCase) In(seed uint64) (*Table, func() []string) {
	c.world = &world{seed: seed}
	return c.table, func() []string { return c.world.log }
}

// Dump shows the specification.
func (c *modelCase) Dump() string { return dumpSpec(&c.spec) }

// Begun lets everything happen, and notes whose turn it was.
type Begun struct {
	live
	Turns []Turn
}

// Begin notes the turn.
func (b *Begun) Begin(_ *chiproxy.Exchange, t Turn) { b.Turns = append(b.Turns, t) }

// live is a walker that simulates nothing.
type live struct{}

func (live) Guard(_ *chiproxy.Exchange, g chiproxy.Guard) chiproxy.Guard { return g }

func (live) Middleware(_ *chiproxy.Exchange, mw chiproxy.Middleware) chiproxy.Middleware { return mw }

func (live) Action(_ *chiproxy.Exchange, a chiproxy.Action) chiproxy.Action { return a }
func (live) Forward(*chiproxy.Exchange, string) (bool, error)               { return false, nil }
func (live) Asks() bool                                                     { return true }
func (live) Handler(*chiproxy.Exchange, string) bool                        { return false }
func (live) Variant(string)                                                 {}
func (live) Note(string)                                                    {}
func (live) Refuse() func(string)                                           { return nil }
func (live) Begin(*chiproxy.Exchange, Turn)                                 {}
func (live) Says(*chiproxy.Exchange, Saying)                                {}
func (live) Through(*chiproxy.Exchange)                                     {}
