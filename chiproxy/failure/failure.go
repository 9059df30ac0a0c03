// Package failure tells what has failed, of an error that ends a request: for the action that answers it, and for scripts.
package failure

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// Kinds.
const (
	Upstream = "upstream" // of a pool
	Script   = "script"   // a function raised an error
	Budget   = "budget"   // a function reached a limit
	Raised   = "raised"   // by an action
	Limited  = "limit"    // a policy refuses it, since there were too many
	Body     = "body"     // that of the request is too large, or did not arrive
	Other    = "other"
)

// Reasons of a failed upstream.
const (
	Refused = "refused" // no connection
	Timeout = "timeout"
	DNS     = "dns" // its name has no address
	TLS     = "tls"
	Reset   = "reset" // the connection ended, or what came was no response
	None    = "none"  // none is available
)

// LimitError is that of a request that a limit refuses. Its text is for logs, and for handle_errors.
type LimitError struct{ Text string }

func (e *LimitError) Error() string { return e.Text }

// BodyError is an error of the body of a request.
type BodyError struct{ Err error }

func (e *BodyError) Error() string { return e.Err.Error() }

// Unwrap returns the error.
func (e *BodyError) Unwrap() error { return e.Err }

// RaisedError is that of an action that raises one.
type RaisedError string

func (e RaisedError) Error() string { return string(e) }

// UpstreamError is that of a pool.
type UpstreamError struct{ Err error }

func (e *UpstreamError) Error() string { return e.Err.Error() }

// Unwrap returns the error.
func (e *UpstreamError) Unwrap() error { return e.Err }

// OfUpstream marks an error of a pool.
func OfUpstream(err error) error {
	if answer, ok := errors.AsType[caddyhttp.HandlerError](err); ok && answer.Err != nil {
		answer.Err = &UpstreamError{answer.Err}
		return answer
	}
	return err
}

// KindOf returns the kind of an error that no function of a script has failed with.
func KindOf(err error) string {
	if _, ok := errors.AsType[*LimitError](err); ok {
		return Limited
	}
	if _, ok := errors.AsType[*BodyError](err); ok {
		return Body
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return Body
	}
	if _, ok := errors.AsType[RaisedError](err); ok {
		return Raised
	}
	if _, ok := errors.AsType[*UpstreamError](err); ok {
		return Upstream
	}
	return Other
}

// ReasonOf returns the reason of an error of an upstream.
func ReasonOf(err error) string {
	text := err.Error()
	if _, ok := errors.AsType[reverseproxy.DialError](err); ok { // it has no Unwrap
		switch {
		case strings.Contains(text, ": lookup "):
			return DNS
		case strings.Contains(text, "timeout"), strings.Contains(text, "deadline exceeded"):
			return Timeout
		}
		return Refused
	}
	wait, ok := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded), ok && wait.Timeout():
		return Timeout
	case isTLS(err):
		return TLS
	case strings.Contains(text, "no upstreams available"), strings.Contains(text, "has no upstream"):
		return None
	}
	return Reset
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
