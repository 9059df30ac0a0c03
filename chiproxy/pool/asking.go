package pool

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/balance"
)

// A pool may have functions of a script that choose upstreams. They belong to a table, and the pool may outlive it and be shared by others: so the
// handler never has them, but what it calls for each try finds them through the request.

// Kinds says what the functions of a pool decide. Pools with functions share no handler with pools of other kinds.
type Kinds struct{ Select, Retry, Upstreams bool }

// String is a part of the keys of pools.
func (k Kinds) String() (text string) {
	for i, has := range []bool{k.Select, k.Retry, k.Upstreams} {
		if has {
			text += []string{" select", " retry", " upstreams"}[i]
		}
	}
	return text
}

// Functions are those of a pool in one table.
type Functions interface {
	Kinds() Kinds
	// Closed says that a function that fails ends the request; else it is as if there were none.
	Closed() bool
	// Own returns what is said of an upstream besides its address.
	Own(address string) (balance.Own, bool)
}

// Results of Asker.Select that are no places.
const (
	ByPolicy = -1 // the policy of the pool decides
	None     = -2 // no upstream is to get the request
)

// Asker answers the questions of a pool for one request, in the goroutine of that. Its errors are those of the functions.
type Asker interface {
	// Asking returns what the pool keeps of the request, always the same.
	Asking() *Asking
	// Select returns the place of an upstream in Asking.Offer.
	Select() (at int, err error)
	// Retry returns true to try again and false not to, and whether it says anything.
	Retry(*Try) (again, says bool, err error)
	// Upstreams returns the list, by Asking.List.
	Upstreams() error
	// Body gives a request the body of the one that is asked for, again, and reports whether it is in memory. Nil asks only.
	Body(*http.Request) bool
	// Log says once what the one who wrote the functions should know.
	Log(what string)
}

// Try is a try that has ended, with a response or an error.
type Try struct {
	Status   int
	Header   http.Header // nil if there is an error
	Err      error
	Upstream string
	// Number counts tries, from 1, and Left those that may follow; -1 if only a time bounds them.
	Number, Left int
	Elapsed      time.Duration
}

// Asking is a request on its way through a pool with functions. Begin makes it ready.
type Asking struct {
	// Offer is what an upstream is chosen of, while Select runs.
	Offer balance.Offer

	tried  [2]*reverseproxy.Upstream // room for Offer.Tried
	pool   *Named
	asker  Asker
	client *http.Request
	// request and writer are what the handler selects for.
	request *http.Request
	writer  http.ResponseWriter
	start   time.Time
	number  int
	trip    balance.Trip // the last one
	err     error        // what ends the request
	ended   bool
	chosen  string // of a request that is only explained
	body    *sentBody
	held    bool // the body was in memory before

	listed  bool // dynamic and own are the list
	dynamic reverseproxy.UpstreamPool
	own     []balance.Own

	sticky *balance.Sticky
	kept   int    // where the cookie of the request leads
	cookie string // what was set
}

// askingVar is the request variable that carries an *Asking to the handler of its pool; see choiceVar.
const askingVar = "luaroute.asking"

// Begin has a pool ask while it forwards a request, until End.
func (p *Named) Begin(r *http.Request, asker Asker) *Asking {
	a := asker.Asking()
	a.pool, a.asker, a.client, a.start, a.kept = p, asker, r, time.Now(), -1
	a.held = asker.Body(nil)
	a.Offer.Tried = a.tried[:0]
	return a
}

// Kinds are those of the functions.
func (a *Asking) Kinds() Kinds { return a.pool.kinds }

// Var returns the name of the variable to set to the asking.
func (a *Asking) Var() string { return askingVar }

// End ends the asking. The error is the one that a function has ended the request with.
func (a *Asking) End(w http.ResponseWriter, failed bool) error {
	a.ended = true
	if taken, ok := a.client.Body.(takenBody); ok {
		a.client.Body = taken.ReadCloser
	}
	if failed && a.cookie != "" {
		a.forgetCookie(w.Header())
	}
	return a.err
}

// Ended reports whether the request has been forwarded.
func (a *Asking) Ended() bool { return a.ended }

// askingOf returns the asking of a request that goes through a pool, nil if there is none.
func askingOf(r *http.Request, p *Pool) *Asking {
	if a, ok := caddyhttp.GetVar(r.Context(), askingVar).(*Asking); ok && !a.ended && a.pool.Pool == p {
		return a
	}
	return nil
}

// stopped ends the request when it is selected: its address is two sockets, which Caddy refuses without another try.
var stopped = &reverseproxy.Upstream{Dial: "tcp/stopped:1-2", Host: new(reverseproxy.Host)}

// selects returns the upstream of the next try.
func (a *Asking) selects(pool reverseproxy.UpstreamPool, r *http.Request, w http.ResponseWriter) *reverseproxy.Upstream {
	a.number++
	if a.err != nil {
		return stopped
	}
	u := a.choose(pool, r, w)
	if a.err != nil {
		return stopped
	}
	if u == nil {
		return nil
	}
	a.Offer.Tried = append(a.Offer.Tried, u)
	a.setCookie(u, r, w)
	a.prepareBody(r)
	if a.number == 1 && r.Body != nil && r.Body != http.NoBody && !a.asker.Body(nil) {
		a.client.Body = takenBody{a.client.Body}
	}
	return u
}

func (a *Asking) choose(pool reverseproxy.UpstreamPool, r *http.Request, w http.ResponseWriter) *reverseproxy.Upstream {
	p := a.pool.Pool
	if !p.kinds.Select || p.choosing(r) {
		return p.choose(pool, r, w)
	}
	u, err := a.asks(pool, r, w)
	if err != nil {
		a.fails(err)
	}
	return u
}

// asks returns the upstream that the function chooses of the pool; where it fails or says nothing, the policy does.
func (a *Asking) asks(pool reverseproxy.UpstreamPool, r *http.Request, w http.ResponseWriter) (*reverseproxy.Upstream, error) {
	p := a.pool.Pool
	a.Offer.Upstreams, a.Offer.Own, a.Offer.Latencies = pool, a.ownOf(pool), p.latencies
	a.request, a.writer = r, w
	at, err := a.asker.Select()
	switch {
	case err != nil:
	case at == None:
		return nil, nil
	case at >= 0 && pool[at].Available():
		return pool[at], nil
	}
	return p.choose(pool, r, w), err
}

// fails notes the error of a function: it ends the request unless it is to be as if there were none. An answer, such as that a body is too large,
// always ends it.
func (a *Asking) fails(err error) {
	_, answers := errors.AsType[caddyhttp.HandlerError](err)
	if answers || a.pool.Functions.Closed() {
		a.err = err
	}
}

// ownOf returns what is said of the upstreams.
func (a *Asking) ownOf(pool reverseproxy.UpstreamPool) []balance.Own {
	if a.listed {
		return a.own
	}
	if own := a.pool.own; len(own) == len(pool) && len(pool) > 0 && pool[0] == a.pool.handler.Upstreams[0] {
		return own
	}
	return nil
}

// SetFunctions gives a named pool the functions of its table.
func (p *Named) SetFunctions(f Functions) {
	p.Functions = f
	if f == nil {
		return
	}
	p.own = make([]balance.Own, len(p.handler.Upstreams))
	for i, u := range p.handler.Upstreams {
		own, known := f.Own(u.Dial)
		if !known {
			own.Weight = 1
		}
		p.own[i] = own
	}
}

// Policy returns the upstream that the policy of the pool chooses of a list; -1 if it chooses none.
func (a *Asking) Policy(l balance.List) int {
	u := a.pool.policy.Select(l.Open(), a.request, a.writer)
	if u == nil {
		return -1
	}
	return slices.Index(a.Offer.Upstreams, u)
}

// Measure begins to measure latencies, if nobody has.
func (a *Asking) Measure() { a.pool.measures.Store(true) }

// Sticky returns the place of the upstream that the client's cookie leads to, -1 if it leads to none that is available; the client is led to the one
// that is selected then.
func (a *Asking) Sticky(s *balance.Sticky) int {
	a.sticky = s
	a.kept = a.Offer.Kept(s, a.values(), a.client)
	return a.kept
}

func (a *Asking) values() *balance.CookieValues {
	if a.listed || a.pool.handler == nil {
		return nil
	}
	return &a.pool.cookies
}

// setCookie leads the client to an upstream.
func (a *Asking) setCookie(u *reverseproxy.Upstream, r *http.Request, w http.ResponseWriter) {
	a.forgetCookie(w.Header())
	if a.sticky == nil || a.kept >= 0 && a.kept < len(a.Offer.Upstreams) && a.Offer.Upstreams[a.kept] == u {
		return
	}
	a.cookie = a.sticky.Field(u, a.values(), r.TLS != nil)
	w.Header().Add("Set-Cookie", a.cookie)
}

func (a *Asking) forgetCookie(h http.Header) {
	if a.cookie == "" {
		return
	}
	left := slices.DeleteFunc(slices.Clone(h["Set-Cookie"]), func(v string) bool { return v == a.cookie })
	if len(left) == 0 {
		delete(h, "Set-Cookie")
	} else {
		h["Set-Cookie"] = left
	}
	a.cookie = ""
}

// Simulate asks for the upstream of a request that is only explained; Chosen returns it.
func (a *Asking) Simulate(r *http.Request, w http.ResponseWriter) {
	p := a.pool.Pool
	upstreams := p.handler.Upstreams
	if p.kinds.Upstreams {
		if list, err := (source{p}).GetUpstreams(r); err == nil {
			upstreams = list
			for _, u := range list {
				u.Host = new(reverseproxy.Host)
			}
		}
	}
	if a.err != nil || !p.kinds.Select {
		return
	}
	if u := a.selects(upstreams, r, w); u != nil && u != stopped {
		a.chosen = u.Dial
	}
}

// begin has the handler ask the functions of the requests that it forwards. Health checks may run already, and use the transport.
func (p *Pool) begin(expression caddyhttp.RequestMatcherWithError) {
	if p.kinds == (Kinds{}) {
		return
	}
	h := *p.handler
	p.handler = &h
	if p.kinds.Select || p.kinds.Retry {
		p.latencies = balance.NewLatencies()
		h.Transport = balance.Observe(h.Transport, p)
	}
	if p.kinds.Retry {
		h.LoadBalancing.RetryMatch = caddyhttp.MatcherSets{{retrier{p}, expression}}
	}
	if p.kinds.Upstreams {
		h.DynamicUpstreams = source{p}
	}
}

// Trip notes a round trip.
func (p *Pool) Trip(t balance.Trip) {
	if p.measures.Load() {
		p.latencies.Measure(t.Upstream.Dial, t.Took, t.Err)
	}
	if a := askingOf(t.Request, p); a != nil {
		a.trip = t
	}
}

// replacerOf returns the replacer of a request.
func replacerOf(r *http.Request) *caddy.Replacer {
	repl, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	return repl
}

// Interface guards
var _ balance.Observer = (*Pool)(nil)
