package chiproxy

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/failure"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// Failure is an error of a request, for the action that answers it. It reveals nothing of a script.
type Failure struct {
	Status int
	// Kind and Reason are those of package failure; the latter is that of a failed upstream, else empty.
	Kind   string
	Reason string
	// Message is that of Error, else the name of the status.
	Message string
	// ID is in the log, too.
	ID string
	// Upstream is the last address that was tried, if the kind is failure.Upstream.
	Upstream string
	// Route is the name of the route, or else its pattern, and empty if there is none.
	Route string
}

// Failure returns what a Failed action answers. It is nil in all others.
func (ex *Exchange) Failure() *Failure {
	if ex.err == nil {
		return nil
	}
	answer := ex.answerOf(ex.err)
	f := &Failure{Status: answer.StatusCode, ID: answer.ID, Message: http.StatusText(answer.StatusCode), Kind: kindOf(ex.err)}
	switch f.Kind {
	case failure.Raised:
		f.Message = answer.Err.Error()
	case failure.Upstream:
		f.Reason = failure.ReasonOf(ex.err)
		f.Upstream = ex.upstream()
	}
	if route := ex.Route(); route != nil {
		if f.Route = route.Name; f.Route == "" {
			f.Route = ex.Pattern()
		}
	}
	return f
}

// kindOf returns the kind of an error, which may be one that a policy was applied to already.
func kindOf(err error) string {
	hook, failed := errors.AsType[*HookError](err)
	switch {
	case !failed:
		return failure.KindOf(err)
	case hook.Budget:
		return failure.Budget
	}
	return failure.Script
}

// upstream returns the last address that was tried, empty if there was none.
func (ex *Exchange) upstream() (address string) {
	if repl, ok := ex.R.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		address, _ = repl.GetString("http.reverse_proxy.upstream.hostport")
	}
	return address
}

// answerOf returns an error with the status that Caddy answers.
func (ex *Exchange) answerOf(err error) caddyhttp.HandlerError {
	if hook := hookError(err); hook != nil {
		err = ex.closed(hook)
	}
	return caddyhttp.Error(http.StatusInternalServerError, err)
}

// retryAfter is what clients are told to wait when a budget has ended, in seconds.
const retryAfter = "1"

// closed is the error that a failed hook becomes.
func (ex *Exchange) closed(hook *HookError) error {
	status := http.StatusInternalServerError
	ex.Becomes(telemetry.Failed)
	if hook.Budget {
		ex.Becomes(telemetry.Budget)
		status = http.StatusServiceUnavailable
		if !ex.response.Wrote() {
			ex.W.Header().Set("Retry-After", retryAfter)
		}
	}
	answer := caddyhttp.Error(status, hidden{hook})
	if hook.ID != "" {
		answer.ID = hook.ID
	}
	return answer
}

// hidden is a failed hook without its message, which only our own log gets: handle_errors may show an error to the client.
type hidden struct{ hook *HookError }

// Error says what happened, in no words of the script.
func (e hidden) Error() string {
	if e.hook.Budget {
		return "the script reached a limit"
	}
	return "the script failed"
}

// Unwrap returns the failure of the hook.
func (e hidden) Unwrap() error { return e.hook }
