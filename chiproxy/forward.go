package chiproxy

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/failure"
	"github.com/luaroute/caddy-luaroute/chiproxy/forward"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

// PoolScope is how a tenant forwards: to the pools that it can name, perhaps without its prefix.
type PoolScope struct {
	*pool.Scope
	// Strip is the tenant's prefix, if it is stripped from the forwarded path.
	Strip string
}

// forward returns the action that forwards to the pool of a name, as the tenant wants it.
func (s *PoolScope) forward(name string) (Action, error) {
	to, err := s.find(name)
	if err != nil {
		return nil, err
	}
	return s.stripped(to), nil
}

// find returns the pool of a name.
func (s *PoolScope) find(name string) (*toPool, error) {
	p, err := s.Find(name)
	if err != nil {
		return nil, err
	}
	return (*toPool)(p), nil
}

// stripped makes an action that forwards do so without the prefix of the tenant, if that is to be so.
func (s *PoolScope) stripped(a Action) Action {
	if s.Strip == "" {
		return a
	}
	return forwarded{a, s.Strip}
}

// toPool is the action that forwards the request to a pool as it is.
type toPool pool.Named

// Do forwards the request.
func (p *toPool) Do(ex *Exchange) (Verdict, error) { return Done, p.forward(ex, nil) }

// Traits are those of what forwards.
func (p *toPool) Traits() Traits { return Traits{Changes: true, Forwards: true, Pure: true} }

// Describe names the pool.
func (p *toPool) Describe() origin.Origin { return origin.Origin{Kind: "proxy", Text: p.Name} }

// forward forwards the request to the pool, unless that is only explained. The handler is one of headerUp, or nil for the pool's
// own.
func (p *toPool) forward(ex *Exchange, h *reverseproxy.Handler) error {
	if body, ok := ex.R.Body.(HeldBody); ok { // a pool before this one may have failed after it had read
		ex.R.Body = body.Again()
	}
	a := p.ask(ex)
	if !a.choosesFirst() {
		ex.Yield()
	}
	if a.Asking != nil && ex.Refuse() != nil {
		if err := p.simulate(ex, a); err != nil {
			return err
		}
	}
	if ex.performer != nil {
		if stoodIn, err := ex.performer.Forward(ex, p.Name); stoodIn {
			return err
		}
	}
	ex.Becomes(telemetry.Proxied)
	if ex.report != nil {
		ex.report.Pool = p.Name
	}
	own := p.Handler()
	if len(own.HandleResponse) > 0 {
		if err := ex.turn(); err != nil {
			return a.end(ex, err)
		}
	}
	ex.lendVars()
	r := ex.R
	if ex.changed.Pending() {
		asked, changes := ex.changed.AsClient(ex.R)
		r, h = asked, forward.Handler(own, changes)
	} else if h == nil {
		h = own
	}
	if ex.bare && p.BasePath() != "" {
		r.URL.Path = "" // the base path stands for it, without a slash behind
		defer func() { r.URL.Path = "/" }()
	}
	err := h.ServeHTTP(ex.W, ex.changed.Trailing(r), ex.Next)
	if err != nil { // other candidates follow, and may write
		ex.ownVars()
	}
	return a.end(ex, failure.OfUpstream(err))
}

// forwarded is an action of a tenant with StripPrefix: it forwards without the tenant's prefix.
type forwarded struct {
	Action
	prefix string
}

// Do takes the prefix off the request and forwards it.
func (f forwarded) Do(ex *Exchange) (Verdict, error) {
	was := ex.targetNow()
	ex.strip(f.prefix)
	ex.R.RequestURI = ex.R.URL.RequestURI()
	v, err := Done, error(errClimbs)
	if !urlpath.Climbs(ex.R.URL) {
		v, err = f.Action.Do(ex)
	}
	was.settle(ex, v, err)
	return v, err
}

// Describe says what forwards.
func (f forwarded) Describe() origin.Origin { return Describe(f.Action) }

var errClimbs = caddyhttp.Error(http.StatusNotFound, errors.New("a server may read the path as one above the stripped prefix"))

// target is what of a request an action rewrites before it forwards it.
type target struct {
	url         url.URL
	uri, method string
	bare        bool
}

func (ex *Exchange) targetNow() target {
	return target{*ex.R.URL, ex.R.RequestURI, ex.R.Method, ex.bare}
}

// settle ends the rewriting. If nothing has answered, it is undone: what answers instead, such as the pool of an on_error, has its own
// rewriting.
func (t *target) settle(ex *Exchange, v Verdict, err error) {
	ex.bare = t.bare
	if v == Declined || err != nil {
		*ex.R.URL, ex.R.RequestURI, ex.R.Method = t.url, t.uri, t.method
	}
}

// Interface guards
var (
	_ Action    = (*toPool)(nil)
	_ Describer = (*toPool)(nil)
	_ Action    = forwarded{}
	_ Describer = forwarded{}
)
