package chiproxy

import (
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/pool"
)

// clientVars are the variables of Caddy's that say who the client is.
var clientVars = []string{caddyhttp.ClientIPVarKey, caddyhttp.TrustedProxyVarKey}

// errNoHandler is the answer of what is behind a pool that is asked: nothing is.
var errNoHandler = caddyhttp.Error(http.StatusNotFound, errors.New("there is no handler behind a pool that a script asks"))

// AskPool returns a function that sends requests of a hook's own to a pool that the current tenant sees: by the policy of the pool, to what
// it holds for healthy, with its transport. They come from the client of the exchange, for its host unless they have one, and else have
// nothing of it: no header, no variable and no placeholder of it changes. Any goroutine may call the function while the exchange lasts.
// If forAll is set, the answer is for other clients, too: the pool is told nothing of this one but the host.
func (ex *Exchange) AskPool(name string, forAll bool) (func(http.ResponseWriter, *http.Request) error, error) {
	p, err := ex.place.Pools().Find(name)
	if err != nil {
		return nil, err
	}
	return ex.ask(p.Handler(), forAll), nil
}

// Ask is AskPool for a pool that was found before. An answer that breaks off is ErrAborted.
func (ex *Exchange) Ask(p *pool.Named) func(http.ResponseWriter, *http.Request) error {
	return ex.AskBy(p.Handler())
}

// AskBy is Ask for the handler of a pool. The function may be called after the exchange, too.
func (ex *Exchange) AskBy(h *reverseproxy.Handler) func(http.ResponseWriter, *http.Request) error {
	return ex.ask(h, false)
}

// noAddress is that of a client that has none, as net/http has it for one at a unix socket.
const noAddress = "@"

func (ex *Exchange) ask(h *reverseproxy.Handler, forAll bool) func(http.ResponseWriter, *http.Request) error {
	ctx := ex.R.Context()
	remote, host, tls := ex.R.RemoteAddr, ex.R.Host, ex.R.TLS
	server, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	vars := map[string]any{}
	for _, key := range clientVars {
		vars[key] = caddyhttp.GetVar(ctx, key)
	}
	if forAll {
		remote, tls = noAddress, nil
		vars = map[string]any{caddyhttp.ClientIPVarKey: "", caddyhttp.TrustedProxyVarKey: false}
	}
	return func(w http.ResponseWriter, r *http.Request) (err error) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler: // so handlers of Caddy's abort a response
				err = ErrAborted
			default:
				err = fmt.Errorf("%w: panic: %v", ErrAborted, p)
			}
		}()
		r.RemoteAddr, r.TLS = remote, tls
		if r.Host == "" {
			r.Host = host
		}
		r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, server)
		maps.Copy(r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any), vars)
		return h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return errNoHandler }))
	}
}
