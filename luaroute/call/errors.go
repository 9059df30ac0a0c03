package call

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/luaroute/caddy-luaroute/chiproxy/dial"
)

// Kind is why there is no answer. Errors begin with it.
type Kind string

// The kinds of errors.
const (
	// Timeout is the end of the time of the call, or of the network.
	Timeout Kind = "timeout"
	// Refused is a server that accepts no connection, or that cannot be reached.
	Refused Kind = "refused"
	// DNS is a name without an address.
	DNS Kind = "dns"
	// TLS is a handshake that failed, such as by a certificate for another name.
	TLS Kind = "tls"
	// Forbidden is what the rules do not allow.
	Forbidden Kind = "forbidden"
	// TooLarge is a header or a body over its limit.
	TooLarge Kind = "too large"
	// Redirects is a redirect that is not followed: one too many, or one to another scheme.
	Redirects Kind = "redirects"
	// Closed is a connection that ended before the answer did.
	Closed Kind = "closed"
	// Invalid is a request that cannot be sent, or an answer that is not HTTP.
	Invalid Kind = "invalid"
	// Busy is a call that was not begun, because there are too many.
	Busy Kind = "busy"
)

// Kinds are all of them.
var Kinds = []Kind{Timeout, Refused, DNS, TLS, Forbidden, TooLarge, Redirects, Closed, Invalid, Busy}

// Error is a call without an answer.
type Error struct {
	Kind   Kind
	Detail string
	// Err is the cause; it may be nil.
	Err error
}

func (e *Error) Error() string {
	if e.Detail == "" {
		return string(e.Kind)
	}
	return string(e.Kind) + ": " + e.Detail
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// failed returns an *Error.
func failed(kind Kind, detail string) *Error { return &Error{Kind: kind, Detail: detail} }

// KindOf returns the *Error that an error of net/http, of its dialer or of a reverse_proxy stands for.
func KindOf(err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	kind, cause := classify(err)
	return &Error{kind, strings.TrimSpace(cause.Error()), err}
}

// classify returns the kind of an error, and the part of it that says why.
func classify(err error) (Kind, error) {
	var outer *url.Error
	if errors.As(err, &outer) { // its text has the whole URL, in which there may be a key
		err = outer.Err
	}
	var (
		refusal   *dial.Refusal
		forbidden *dial.Forbidden
		dns       *net.DNSError
	)
	switch {
	case errors.As(err, &refusal):
		return Forbidden, refusal
	case errors.As(err, &forbidden):
		return Forbidden, forbidden
	case errors.As(err, &dns):
		if dns.IsTimeout {
			return Timeout, dns
		}
		return DNS, dns
	case isTLS(err):
		return TLS, err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		return Timeout, err
	case isRefused(err):
		return Refused, err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Closed, err
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "headers exceeded"), strings.Contains(text, "header list larger"): // net/http has no types for these
		return TooLarge, errHeader
	case strings.Contains(text, "malformed"), strings.Contains(text, "net/http: invalid"), strings.Contains(text, "connection broken"),
		strings.Contains(text, "gzip:"), strings.Contains(text, "unsupported protocol"):
		return Invalid, err
	}
	return Closed, err
}

var errHeader = errors.New("the header of the answer has more than 256 KiB")

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// isRefused reports whether no connection came about.
func isRefused(err error) bool {
	for _, no := range []error{syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EADDRNOTAVAIL, syscall.ENOENT, syscall.EACCES} {
		if errors.Is(err, no) {
			return true
		}
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" && !op.Timeout()
}

// isTLS reports whether a handshake failed.
func isTLS(err error) bool {
	var (
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		unknown     x509.UnknownAuthorityError
		name        x509.HostnameError
		invalid     x509.CertificateInvalidError
	)
	return errors.As(err, &certificate) || errors.As(err, &record) || errors.As(err, &alert) || errors.As(err, &unknown) ||
		errors.As(err, &name) || errors.As(err, &invalid) || strings.Contains(err.Error(), "tls: ") || strings.Contains(err.Error(), "HTTP response to HTTPS client")
}
