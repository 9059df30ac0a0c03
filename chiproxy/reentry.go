package chiproxy

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// A handler of Caddy's may lead back to where it stands, as invoke does, and so may those behind ours. Each turn takes more of the
// stack, and the end of that is the end of the process. So tables count, in a variable of the request, how many of them have given
// it to such a handler. What is only forwarded or answered is not counted, and costs nothing.

// maxTurns is how many times one request may get to a table from within another one, or again.
const maxTurns = 16

// turnsVar is the request variable with the number of tables that have handed the request on and have it still. Once it was too
// much it stays so, whoever declines or answers instead: a script must not try again at each level.
const turnsVar = "luaroute.turns"

var errTurns = errors.New("the request runs in circles")

// turn counts the table, once for each time that it is asked, before something may lead back to it.
func (ex *Exchange) turn() error {
	if ex.turned {
		return nil
	}
	ctx := ex.R.Context()
	n, _ := caddyhttp.GetVar(ctx, turnsVar).(int)
	caddyhttp.SetVar(ctx, turnsVar, n+1)
	if n >= maxTurns {
		return caddyhttp.Error(http.StatusLoopDetected,
			fmt.Errorf("%w: it has come to luaroute more than %d times, by invoke or another handler that leads back to it", errTurns, maxTurns))
	}
	ex.turned = true
	return nil
}

// unturn ends what turn has begun.
func (ex *Exchange) unturn() {
	ctx := ex.R.Context()
	switch n, _ := caddyhttp.GetVar(ctx, turnsVar).(int); {
	case n > maxTurns:
	case n > 1:
		caddyhttp.SetVar(ctx, turnsVar, n-1)
	default:
		caddyhttp.SetVar(ctx, turnsVar, nil)
	}
}

// onward gives the request to the handler behind ours.
func (ex *Exchange) onward() error {
	if err := ex.turn(); err != nil {
		return err
	}
	return ex.Next.ServeHTTP(ex.W, ex.R)
}
