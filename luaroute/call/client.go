package call

import (
	"context"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/luaroute/caddy-luaroute/chiproxy/interrupt"
)

// Defaults of a Request, and what its fields may be at most.
const (
	DefaultTimeout = 5 * time.Second
	DefaultMaxBody = 1 << 20
	MaxRedirects   = 10
	MaxRetries     = 3
)

// Client asks servers. It is safe for concurrent use.
type Client struct {
	key       string
	transport *transport
}

// New returns a client that keeps to some rules. The caller closes it.
func New(r Rules) (*Client, error) {
	key := r.key()
	shared, _, err := transports.LoadOrNew(key, func() (caddy.Destructor, error) {
		read, err := r.read()
		if err != nil {
			return nil, err
		}
		return newTransport(read), nil
	})
	if err != nil {
		return nil, err
	}
	return &Client{key, shared.(*transport)}, nil
}

// ID tells clients of other rules apart, also in other processes. It says nothing of what is in the rules.
func (c *Client) ID() string { return c.key }

// Close gives back what the client shares with others of its rules. Call it once.
func (c *Client) Close() { _, _ = transports.Delete(c.key) }

// Request is what is sent. The zero values of all but the URL stand for defaults.
type Request struct {
	// Method is GET if it is empty.
	Method string
	// URL is one of http or https, or that of a socket: unix//run/app.sock:/path?query.
	URL string
	// Header is sent; Host in it is that of the request. It is not changed.
	Header http.Header
	Body   string
	// Timeout is for the whole exchange, the lookup of the name and the body included. Default: DefaultTimeout.
	Timeout time.Duration
	// MaxBody is how many bytes the body of the answer may have after decompression. Default: DefaultMaxBody.
	MaxBody int64
	// Redirects is how many are followed; with 0, a redirect is an answer as any other.
	Redirects int
	// Retries is how often a request is sent again that got no answer, if its method can be repeated.
	Retries int
	// Sensitive are names of headers that are dropped, as Authorization and Cookie are, when a redirect leads to another host.
	Sensitive []string
	// Reserve is told how many bytes the body takes in memory while it is read, and negative numbers when it does not. False ends the
	// call. It may be nil.
	Reserve func(bytes int64) bool
}

// Response is an answer, of any status.
type Response struct {
	Status int
	Header http.Header
	Body   string
	// URL is the last one that was asked.
	URL string
	// Elapsed is how long the whole exchange took.
	Elapsed time.Duration
}

// Get asks for a URL, within DefaultTimeout. A body of more than max bytes is an error.
func (c *Client) Get(ctx context.Context, url string, max int64, header http.Header) (*Response, error) {
	return c.Do(ctx, &Request{URL: url, MaxBody: max, Header: header})
}

// idempotent are the methods of requests that may be sent again.
var idempotent = []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions}

// Do sends a request and reads the whole answer. The error is an *Error, or the cause of ctx if that has ended.
func (c *Client) Do(ctx context.Context, r *Request) (*Response, error) {
	start := time.Now()
	u, err := parseURL(r.URL)
	if err != nil {
		return nil, err
	}
	own, cancel := context.WithTimeout(ctx, r.timeout())
	defer cancel()
	retries := r.Retries
	if !slices.Contains(idempotent, methodOf(r)) {
		retries = 0
	}
	for try := 0; ; try++ {
		answer, answered, err := c.once(own, r, u)
		switch {
		case err == nil:
			answer.Elapsed = time.Since(start)
			return answer, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case own.Err() != nil:
			return nil, r.late(err)
		}
		failure := KindOf(err)
		if answered || try >= retries || failure.Kind != Refused && failure.Kind != Closed && failure.Kind != DNS && failure.Kind != Timeout {
			return nil, failure
		}
		_ = interrupt.Sleep(own, retryAfter<<try)
	}
}

// retryAfter is how long the first pause before another try is; each is twice as long as the one before.
const retryAfter = 20 * time.Millisecond

func (r *Request) timeout() time.Duration {
	if r.Timeout <= 0 {
		return DefaultTimeout
	}
	return r.Timeout
}

func (r *Request) maxBody() int64 {
	if r.MaxBody <= 0 {
		return DefaultMaxBody
	}
	return r.MaxBody
}

// late returns the error of a call that was not over in time, and its cause, which may be nil.
func (r *Request) late(cause error) *Error {
	return &Error{Timeout, fmt.Sprintf("there was no whole answer within %v", r.timeout()), cause}
}

func methodOf(r *Request) string {
	if r.Method == "" {
		return http.MethodGet
	}
	return r.Method
}

// once sends a request once, and follows its redirects. It reports whether any server has answered.
func (c *Client) once(ctx context.Context, r *Request, u *url.URL) (answer *Response, answered bool, err error) {
	if err := c.transport.rules.maySend(u); err != nil {
		return nil, false, err
	}
	out := (&http.Request{Method: methodOf(r), URL: u, Host: u.Host, Header: header(r), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	if host := r.Header.Get("Host"); host != "" {
		out.Host = host
	} else if _, ok := socketOf(u.Hostname()); ok {
		out.Host = "localhost"
	}
	if r.Body != "" {
		setBody(out, r.Body)
	}
	defer c.transport.used()
	follow := redirects{rules: c.transport.rules, request: r}
	client := http.Client{Transport: c.transport.Transport, CheckRedirect: follow.check}
	res, err := client.Do(out)
	if err != nil {
		return nil, follow.answered, err
	}
	defer res.Body.Close()
	body, err := readBody(res, r)
	if err != nil {
		return nil, true, err
	}
	return &Response{Status: res.StatusCode, Header: res.Header, Body: body, URL: written(res.Request.URL)}, true, nil
}

// agent is the User-Agent of requests that have none.
const agent = "luaroute"

// header returns the header that is sent.
func header(r *Request) http.Header {
	h := make(http.Header, len(r.Header)+1)
	for name, values := range r.Header {
		if name = textproto.CanonicalMIMEHeaderKey(name); name != "Host" {
			h[name] = values
		}
	}
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = []string{agent}
	}
	return h
}

// redirects follows those of one request.
type redirects struct {
	rules    *rules
	request  *Request
	answered bool
	left     bool // another host was asked
}

// check returns nil for a redirect that is followed.
func (f *redirects) check(next *http.Request, via []*http.Request) error {
	f.answered = true
	last := via[len(via)-1]
	switch most := f.request.Redirects; {
	case most == 0:
		return http.ErrUseLastResponse
	case len(via) > most:
		return failed(Redirects, fmt.Sprintf("there are more than %d", most))
	case next.URL.Scheme != "http" && next.URL.Scheme != "https":
		return failed(Redirects, fmt.Sprintf("one leads to the scheme %.20q; expected http or https", next.URL.Scheme))
	case last.URL.Scheme == "https" && next.URL.Scheme == "http":
		return failed(Redirects, "one leads from https to http")
	case next.URL.Hostname() == "":
		return failed(Redirects, "one leads to no host")
	}
	elsewhere := !sameHost(last.URL, next.URL)
	if _, to := socketOf(next.URL.Hostname()); to && elsewhere {
		return failed(Redirects, "one leads to a socket")
	}
	if elsewhere {
		next.Host = next.URL.Host // net/http keeps the one before for //host/path
	}
	if f.left = f.left || elsewhere; f.left {
		for _, name := range append([]string{"Authorization", "Cookie"}, f.request.Sensitive...) {
			next.Header.Del(name)
		}
	}
	if f.request.Header.Get("Referer") == "" {
		next.Header.Del("Referer") // net/http sends the URL before, in which there may be a key
	}
	return f.rules.maySend(next.URL)
}

// sameHost reports whether credentials for one URL are meant for another: on the same host and port, or its secure one.
func sameHost(a, b *url.URL) bool {
	return strings.EqualFold(a.Hostname(), b.Hostname()) &&
		(portOf(a) == portOf(b) || portOf(a) == "80" && a.Scheme == "http" && portOf(b) == "443" && b.Scheme == "https")
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
