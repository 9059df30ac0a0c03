package hook

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/logging"

	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// logField is Caddy's log_append as an isolated tenant has it: what it adds to the access log counts as what the tenant's scripts log, and
// is left out where that is too much.
type logField struct {
	*logging.LogAppend
	log    *vm.Log
	origin origin.Origin
}

// CountLogged makes what a handler adds to the access log count. It returns any but Caddy's log_append as it is.
func CountLogged(h caddyhttp.MiddlewareHandler, log *vm.Log, origin origin.Origin) caddyhttp.MiddlewareHandler {
	field, is := h.(*logging.LogAppend)
	if !is || log == nil || strings.HasSuffix(field.Value, ".body}") || strings.HasSuffix(field.Value, ".body_base64}") { // the operator lists bodies
		return h
	}
	return logField{field, log, origin}
}

// ServeHTTP adds the field before or after next, as Caddy does.
func (f logField) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if f.Early {
		if !f.may(r) {
			return next.ServeHTTP(w, r)
		}
		return f.LogAppend.ServeHTTP(w, r, next)
	}
	err := next.ServeHTTP(w, r)
	if !f.may(r) {
		return err
	}
	return f.LogAppend.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return err }))
}

// may reports whether the field may be added, as it is now.
func (f logField) may(r *http.Request) bool {
	return f.log.MayAdd(len(f.Key)+f.size(r), f.origin.String)
}

// size returns the size of the value that Caddy finds.
func (f logField) size(r *http.Request) int {
	v := any(f.Value)
	if name, is := strings.CutPrefix(f.Value, "{"); is && strings.HasSuffix(name, "}") && !strings.Contains(name, "{") {
		repl, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
		v, _ = repl.Get(strings.Trim(name, "}"))
	} else if own := caddyhttp.GetVar(r.Context(), f.Value); own != nil {
		v = own
	}
	if text, is := v.(string); is {
		return len(text)
	}
	return len(fmt.Sprint(v))
}

var _ caddyhttp.MiddlewareHandler = logField{}
