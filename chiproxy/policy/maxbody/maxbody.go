// Package maxbody is middleware that bounds the bodies of requests.
package maxbody

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/failure"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// Policy refuses bodies that are larger than it says: before anything is read where the request says how large its body is, or else as
// soon as more arrives. What follows a CONNECT is a stream, not a body.
type Policy struct {
	most int64
	at   origin.Origin
}

// New returns the policy for a number of bytes.
func New(most int64, at origin.Origin) *Policy {
	at.Kind, at.Text = "max_body", strconv.FormatInt(most, 10)
	return &Policy{most, at}
}

// Handle refuses the body, or bounds it for what is inside.
func (p *Policy) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	r := ex.R
	explains := ex.Refuse() != nil
	if r.ContentLength > p.most {
		if explains {
			ex.Note(fmt.Sprintf("refused: %d bytes", r.ContentLength))
		}
		return chiproxy.Done, p.refuse(ex)
	}
	if explains {
		ex.Note(p.allowed(r))
	}
	if r.ContentLength >= 0 || r.Body == nil || r.Body == http.NoBody || r.Method == http.MethodConnect {
		return next() // the server reads no more than the request says
	}
	b := &bounded{ReadCloser: http.MaxBytesReader(ex.W, r.Body, p.most), was: r.Body}
	r.Body = b
	v, err := next()
	switch {
	case err != nil && b.exceeded.Load(): // a pool would call it a failure of the upstream
		err = p.refuse(ex)
	case v == chiproxy.Declined && r.Body == b:
		r.Body = b.was
	}
	return v, err
}

func (p *Policy) allowed(r *http.Request) string {
	if r.ContentLength < 0 {
		return fmt.Sprintf("at most %d bytes", p.most)
	}
	return fmt.Sprintf("%d of %d bytes", r.ContentLength, p.most)
}

// refuse returns the error that a body is too large.
func (p *Policy) refuse(ex *chiproxy.Exchange) error {
	ex.Becomes(telemetry.Refused)
	return tooLarge(p.most)
}

func tooLarge(most int64) error {
	err := fmt.Errorf("the body is larger than %d bytes: %w", most, &http.MaxBytesError{Limit: most})
	return caddyhttp.Error(http.StatusRequestEntityTooLarge, &failure.BodyError{Err: err})
}

// bounded is a body that ends in an error where it becomes too large. A transport reads it in a goroutine of its own.
type bounded struct {
	io.ReadCloser
	was      io.ReadCloser
	exceeded atomic.Bool
}

// Read reads from the body. The error has the status for whoever answers it.
func (b *bounded) Read(dst []byte) (int, error) {
	n, err := b.ReadCloser.Read(dst)
	if over, ok := err.(*http.MaxBytesError); ok {
		b.exceeded.Store(true)
		err = tooLarge(over.Limit)
	}
	return n, err
}

// Traits are those of middleware that answers by errors only, and takes back itself what it changes.
func (p *Policy) Traits() chiproxy.Traits { return chiproxy.Traits{} }

// Describe shows how many bytes there may be.
func (p *Policy) Describe() origin.Origin { return p.at }

// Fingerprint tells policies apart.
func (p *Policy) Fingerprint() uint64 { return chiproxy.FingerprintOf(p.at.Text) }

var (
	_ chiproxy.Middleware    = (*Policy)(nil)
	_ chiproxy.Describer     = (*Policy)(nil)
	_ chiproxy.Fingerprinter = (*Policy)(nil)
)
