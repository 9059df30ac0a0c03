package e2e

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// Answer is the result of a request.
type Answer struct {
	Status int
	Header http.Header
	Body   string
	Proto  string

	t testing.TB
}

// Get asks for a path of the site, or for a URL. Headers are written as "Name: value".
func (c *Caddy) Get(target string, headers ...string) Answer {
	c.t.Helper()
	return c.Send(http.MethodGet, target, nil, headers...)
}

// Send sends a request. A body whose length net/http cannot see goes out in chunks.
func (c *Caddy) Send(method, target string, body io.Reader, headers ...string) Answer {
	c.t.Helper()
	return c.insist(body == nil, func() (Answer, error) { return c.Try(method, target, body, headers...) })
}

// Admin asks the admin API. The target is a path of it.
func (c *Caddy) Admin(method, target, body string) Answer {
	c.t.Helper()
	return c.insist(true, func() (Answer, error) {
		return c.Try(method, "http://$admin"+target, strings.NewReader(body), "Content-Type: application/json", "Connection: close")
	})
}

// insist sends a request that can be sent again once more if its connection is dropped, before anything of an answer has come: Caddy drops
// those that are in the queue of a listener which a reload closes. One whose answer does not come in time may have been carried out.
func (c *Caddy) insist(again bool, try func() (Answer, error)) Answer {
	c.t.Helper()
	for attempt := 1; ; attempt++ {
		answer, err := try()
		if err == nil {
			return answer
		}
		if !again || !dropped(err) || attempt == 3 {
			c.t.Fatal(err)
		}
	}
}

// dropped reports whether a connection was ended by the other side.
func dropped(err error) bool {
	for _, end := range []error{io.EOF, syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// Try is Send for requests that may fail.
func (c *Caddy) Try(method, target string, body io.Reader, headers ...string) (Answer, error) {
	res, err := c.Open(method, target, body, headers...)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return Answer{Status: res.StatusCode, Header: res.Header, Body: string(text), Proto: res.Proto, t: c.t}, err
}

// Open sends a request and returns the response when its header is there.
func (c *Caddy) Open(method, target string, body io.Reader, headers ...string) (*http.Response, error) {
	if strings.HasPrefix(target, "/") {
		target = "http://127.0.0.1:$port" + target
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.Expand(target), body)
	if err != nil {
		return nil, err
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if r.Header.Add(name, value); name == "Host" {
			r.Host = value
		}
	}
	return c.Client.Do(r)
}

// Want checks status and body.
func (a Answer) Want(status int, body string) {
	a.t.Helper()
	if a.Status != status || a.Body != body {
		a.t.Errorf("the answer is %d %q; want %d %q", a.Status, a.Body, status, body)
	}
}

// From checks that an origin has answered with what it was asked, and returns that.
func (a Answer) From(origin string) Echo {
	a.t.Helper()
	var e Echo
	if a.Status != http.StatusOK {
		a.t.Errorf("the answer is %d %q; want one of origin %s", a.Status, a.Body, origin)
	} else if err := json.Unmarshal([]byte(a.Body), &e); err != nil || e.Origin != origin {
		a.t.Errorf("the answer is %q; want one of origin %s", a.Body, origin)
	}
	return e
}
