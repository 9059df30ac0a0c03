package chiproxy

import (
	"context"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/failure"
	"github.com/luaroute/caddy-luaroute/chiproxy/response"
)

// Within runs what is inside, and lets it answer in time: else its context ends, what it still wants to send is not sent, and the error is a 504 of
// the upstream. A response that has begun is cut off, if the deadlines are for the body, too.
func (ex *Exchange) Within(deadlines *response.Deadlines, inside func() (Verdict, error)) (Verdict, error) {
	r, w, around := ex.R, ex.W, ex.R.Context()
	d := deadlines.Begin(w, around)
	defer d.Stop()
	*r = *r.WithContext(d.Context()) // handlers around this one have a pointer to the request
	ex.W = d
	v, err := inside()
	ex.W = w
	if !d.Settle() {
		return v, err // the context is left to that of the connection, as streams of upgrades may go on
	}
	if vars := varsOf(r); vars != nil && !sameMap(vars, varsIn(around)) {
		around = context.WithValue(around, caddyhttp.VarsCtxKey, vars)
	}
	*r = *r.WithContext(around)
	return Done, caddyhttp.Error(http.StatusGatewayTimeout, &failure.UpstreamError{Err: fmt.Errorf("there was no answer within %s: %w", deadlines.After(), context.DeadlineExceeded)})
}
