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

// turnsVar is the request variable with its turns.
const turnsVar = "luaroute.turns"

// turns is how many tables have handed a request on and have it still. Once it was too much it stays so, whoever declines or answers
// instead: a script must not try again at each level. The variable is written once and holds a pointer, which copies of the
// variables share.
type turns struct{ n int }

var errTurns = errors.New("the request runs in circles")

// turn counts the table, once for each time that it is asked, before something may lead back to it.
func (ex *Exchange) turn() error {
	if ex.turns != nil {
		return nil
	}
	ctx := ex.R.Context()
	t, _ := caddyhttp.GetVar(ctx, turnsVar).(*turns)
	if t == nil {
		t = &turns{}
		ex.SetVar(turnsVar, t)
	}
	if t.n++; t.n > maxTurns {
		return caddyhttp.Error(http.StatusLoopDetected,
			fmt.Errorf("%w: it has come to luaroute more than %d times, by invoke or another handler that leads back to it", errTurns, maxTurns))
	}
	ex.turns = t
	return nil
}
