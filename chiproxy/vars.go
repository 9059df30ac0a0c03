package chiproxy

import (
	"context"
	"maps"
	"net/http"
	"reflect"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// The variables of a request are one map in its context. A pool's transport reads it when it dials, in a goroutine of its own, maybe long
// after the request has failed or got another connection. Concurrent access to a map ends the process. So once a pool has had the request,
// writes go to a copy.

// SetVar sets a variable of the request, as Caddy's placeholders and handlers see it. Nil removes it.
func (ex *Exchange) SetVar(name string, value any) {
	if ex.lent {
		ex.ownVars()
	}
	caddyhttp.SetVar(ex.R.Context(), name, value)
}

// lendVars notes that a pool gets the request. It writes variables, too.
func (ex *Exchange) lendVars() {
	if ex.lent {
		ex.ownVars()
	}
	ex.lent, ex.owned = true, nil
}

// ownVars returns the variables of the request, which no pool has. The request stays the same one, as Caddy's own replacer does it:
// handlers around this one have a pointer to it.
func (ex *Exchange) ownVars() map[string]any {
	vars := varsOf(ex.R)
	if !ex.lent || vars == nil || sameMap(vars, ex.owned) {
		return vars
	}
	ex.owned = maps.Clone(vars)
	*ex.R = *ex.R.WithContext(context.WithValue(ex.R.Context(), caddyhttp.VarsCtxKey, ex.owned))
	return ex.owned
}

func varsOf(r *http.Request) map[string]any { return varsIn(r.Context()) }

func varsIn(ctx context.Context) map[string]any {
	vars, _ := ctx.Value(caddyhttp.VarsCtxKey).(map[string]any)
	return vars
}

func sameMap(a, b map[string]any) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}
