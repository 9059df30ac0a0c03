package chiproxy

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/forward"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/response"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// Module is a handler of Caddy's, any http.handlers module that is provisioned. It is an action, whose next handler
// is that of Caddy's chain, and it is middleware, whose next handler is the rest of ours.
type Module struct {
	// Name is that of a configured handler, or of its module.
	Name    string
	Handler caddyhttp.MiddlewareHandler
	// Config is the fingerprint of the configuration. It may be 0.
	Config uint64
	// Meter counts its time; nil for a module whose time is not counted.
	Meter Meter
	// Expressions are its regular expressions, for Meter.
	Expressions Expressions
	Origin      origin.Origin
}

// Do runs the handler as the answer.
func (m Module) Do(ex *Exchange) (Verdict, error) {
	if ex.performer != nil && ex.performer.Handler(ex, m.Name) {
		return Done, nil
	}
	if err := ex.turn(); err != nil {
		return Done, err
	}
	ex.Yield()
	ex.Becomes(telemetry.Handler)
	forward.SettleConnection(ex.R.Header)
	if ex.err != nil {
		return Done, m.answerError(ex, ex.answerOf(ex.err))
	}
	if m.Meter != nil {
		return m.metered(ex, func() (Verdict, error) { return Done, ex.Next.ServeHTTP(ex.W, ex.R) })
	}
	return Done, m.Handler.ServeHTTP(ex.W, ex.R, ex.Next)
}

// answerError runs the handler as Caddy's handle_errors would: for the request of the client, with the placeholders of the error,
// and with its status unless the handler sets one.
func (m Module) answerError(ex *Exchange, err caddyhttp.HandlerError) error {
	r := ex.R
	if client, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		r.Method, r.RemoteAddr, r.RequestURI = client.Method, client.RemoteAddr, client.RequestURI
		*r.URL = *client.URL
	}
	w := response.NewHeaderWriter(ex.W, nil)
	w.Status = err.StatusCode
	r = (*caddyhttp.HTTPErrorConfig)(nil).WithError(r, err)
	if m.Meter != nil {
		m.Handler = timed{m, ex}
	}
	return m.Handler.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(err.StatusCode)
		return nil
	}))
}

// Handle runs the handler around next. The writer and the request it hands on are those of the exchange until
// next returns. If what is inside declines, so does the module.
func (m Module) Handle(ex *Exchange, next func() (Verdict, error)) (Verdict, error) {
	if err := ex.turn(); err != nil {
		return Done, err
	}
	forward.SettleConnection(ex.R.Header)
	if m.Meter != nil {
		return m.metered(ex, next)
	}
	return handle(ex, m.Handler, next)
}

// handle runs a handler around next.
func handle(ex *Exchange, h caddyhttp.MiddlewareHandler, next func() (Verdict, error)) (Verdict, error) {
	verdict := Done
	err := h.ServeHTTP(ex.W, ex.R, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) (err error) {
		outerW, outerR := ex.W, ex.R
		defer func() { ex.W, ex.R = outerW, outerR }()
		ex.W, ex.R = w, r
		verdict, err = next()
		return err
	}))
	if err != nil {
		return Done, err
	}
	return verdict, nil
}

// Traits are those of a handler that may do anything but decline. As an action, it is the exchange that runs it.
func (m Module) Traits() Traits { return Traits{Changes: true, Pure: true} }

// Describe says where the handler was named.
func (m Module) Describe() origin.Origin {
	o := m.Origin
	if o.Kind == "" {
		o.Kind = "handler"
	}
	if o.Text == "" {
		o.Text = m.Name
	}
	return o
}

var (
	_ Action     = Module{}
	_ Middleware = Module{}
	_ Describer  = Module{}
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
	holds, err := m.Matcher.MatchWithError(ex.R)
	return holds, ex.failure(err)
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
