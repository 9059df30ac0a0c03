package chiproxy

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// A Caddy handler such as invoke may lead back to itself, and so may the handlers after ours. Each turn takes more of the stack, and a
// stack overflow ends the process. So tables count, in a variable of the request, how many of them have passed it to such a handler.
// Requests that are only forwarded or answered are not counted.

// maxTurns is how many times one request may enter a table from within a table.
const maxTurns = 16

// turnsVar is the request variable with its turns.
const turnsVar = "luaroute.turns"

// turns is how many tables are passing a request on at the moment. Once it was too many it stays
// so: a script must not try again at each level. The variable is written once and holds a pointer,
// which copies of the variables share.
type turns struct{ n int }

// turned says that a request of this process has been counted so. Mostly none is, and then nobody looks for the variable.
var turned atomic.Bool

var errTurns = errors.New("the request loops")

// turn counts the table, once for each time that it is asked, before something may lead back to it.
func (ex *Exchange) turn() error {
	if ex.turns != nil {
		return nil
	}
	ctx := ex.R.Context()
	t, _ := caddyhttp.GetVar(ctx, turnsVar).(*turns)
	if t == nil {
		t = &turns{}
		if !turned.Load() {
			turned.Store(true)
		}
		ex.SetVar(turnsVar, t)
	}
	if t.n++; t.n > maxTurns {
		return caddyhttp.Error(http.StatusLoopDetected,
			fmt.Errorf("%w: it reached luaroute more than %d times, through invoke or another handler that leads back to it", errTurns, maxTurns))
	}
	ex.turns = t
	return nil
}
