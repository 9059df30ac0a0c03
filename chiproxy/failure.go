package chiproxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// Kinds of failures.
const (
	FailedUpstream = "upstream" // of a pool
	FailedScript   = "script"   // a function raised an error
	FailedBudget   = "budget"   // a function reached a limit
	FailedRaised   = "raised"   // by an action, Error
	FailedLimit    = "limit"    // a policy refuses it, since there were too many
	FailedBody     = "body"     // that of the request is too large, or did not arrive
	FailedOther    = "other"
)

// Reasons of a failed upstream.
const (
	ReasonRefused = "refused" // no connection
	ReasonTimeout = "timeout"
	ReasonDNS     = "dns" // its name has no address
	ReasonTLS     = "tls"
	ReasonReset   = "reset" // the connection ended, or what came was no response
	ReasonNone    = "none"  // none is available
)

// Failure is an error of a request, for the action that answers it. It reveals nothing of a script.
type Failure struct {
	Status int
	Kind   string
	// Reason is that of a failed upstream, else empty.
	Reason string
	// Message is that of Error, else the name of the status.
	Message string
	// ID is in the log, too.
	ID string
	// Upstream is the last address that was tried, if the kind is FailedUpstream.
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
	case FailedRaised:
		f.Message = answer.Err.Error()
	case FailedUpstream:
		f.Reason = reasonOf(ex.err)
		f.Upstream = ex.upstream()
	}
	if route := ex.Route(); route != nil {
		if f.Route = route.Name; f.Route == "" {
			f.Route = ex.Pattern()
		}
	}
	return f
}

// BodyError is an error of the body of a request.
type BodyError struct{ Err error }

func (e *BodyError) Error() string { return e.Err.Error() }

// Unwrap returns the error.
func (e *BodyError) Unwrap() error { return e.Err }

// raisedError is that of Error.
type raisedError string

func (e raisedError) Error() string { return string(e) }

// upstreamError is that of a pool.
type upstreamError struct{ err error }

func (e *upstreamError) Error() string { return e.err.Error() }
func (e *upstreamError) Unwrap() error { return e.err }

// fromUpstream marks an error of a pool.
func fromUpstream(err error) error {
	if answer, ok := errors.AsType[caddyhttp.HandlerError](err); ok && answer.Err != nil {
		answer.Err = &upstreamError{answer.Err}
		return answer
	}
	return err
}

func kindOf(err error) string {
	if hook, ok := errors.AsType[*HookError](err); ok {
		if hook.Budget {
			return FailedBudget
		}
		return FailedScript
	}
	if _, ok := errors.AsType[*LimitError](err); ok {
		return FailedLimit
	}
	if _, ok := errors.AsType[*BodyError](err); ok {
		return FailedBody
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return FailedBody
	}
	if _, ok := errors.AsType[raisedError](err); ok {
		return FailedRaised
	}
	if _, ok := errors.AsType[*upstreamError](err); ok {
		return FailedUpstream
	}
	return FailedOther
}

func reasonOf(err error) string {
	text := err.Error()
	if _, ok := errors.AsType[reverseproxy.DialError](err); ok { // it has no Unwrap
		switch {
		case strings.Contains(text, ": lookup "):
			return ReasonDNS
		case strings.Contains(text, "timeout"), strings.Contains(text, "deadline exceeded"):
			return ReasonTimeout
		}
		return ReasonRefused
	}
	wait, ok := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded), ok && wait.Timeout():
		return ReasonTimeout
	case isTLS(err):
		return ReasonTLS
	case strings.Contains(text, "no upstreams available"), strings.Contains(text, "has no upstream"):
		return ReasonNone
	}
	return ReasonReset
}

func isTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	_, alert := errors.AsType[tls.AlertError](err)
	return alert || strings.Contains(err.Error(), "tls: ")
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
