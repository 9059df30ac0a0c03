package chiproxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
)

// Respond answers with a status, a header and a body. Content-Length is that of the body. HEAD gets the header that GET
// would get.
type Respond struct {
	// Status is from 200 to 999. Zero stands for 200.
	Status int
	// Body may be empty. With 204 and 304 it must be.
	Body string
	// Headers replace what middleware outside has set. Without a Content-Type among them, a body is text/plain in
	// UTF-8; net/http would guess from its bytes.
	Headers http.Header
}

// Check reports an answer that can never be sent.
func (a Respond) Check() error {
	if a.Status != 0 && (a.Status < 200 || a.Status > 999) {
		return fmt.Errorf("respond: status %d: expected 200 to 999", a.Status)
	}
	if a.Body != "" && (a.Status == http.StatusNoContent || a.Status == http.StatusNotModified) {
		return fmt.Errorf("respond: status %d has no body", a.Status)
	}
	if err := field.CheckAll(a.Headers, a.checkHeader); err != nil {
		return fmt.Errorf("respond: %w", err)
	}
	return nil
}

// checkHeader is field.CheckResponse, but for a Content-Length that is right: a HEAD route may know the length of what it does not
// send.
func (a Respond) checkHeader(name string, values ...string) error {
	if textproto.CanonicalMIMEHeaderKey(name) != "Content-Length" {
		return field.CheckResponse(name, values...)
	}
	if err := field.Check(name, values...); err != nil || a.Body == "" || len(values) == 0 || values[0] == strconv.Itoa(len(a.Body)) {
		return err
	}
	return fmt.Errorf("header Content-Length: found %s, the body has %d bytes; leave it out", field.Quote(values[0]), len(a.Body))
}

// Do answers.
func (a Respond) Do(ex *Exchange) (Verdict, error) {
	if err := a.Check(); err != nil {
		return Done, err
	}
	return a.send(ex)
}

func (a Respond) send(ex *Exchange) (Verdict, error) {
	h := ex.W.Header()
	field.SetAll(h, a.Headers)
	if _, set := h["Content-Type"]; a.Body != "" && !set {
		h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	}
	status := a.Status
	if status == 0 {
		status = http.StatusOK
	}
	head := ex.R.Method == http.MethodHead
	switch {
	case status == http.StatusNoContent || status == http.StatusNotModified:
		delete(h, "Content-Length")
	case head && field.Has(a.Headers, "Content-Length"):
		// a HEAD route may know the length of what it does not send
	default:
		h["Content-Length"] = []string{strconv.Itoa(len(a.Body))}
	}
	ex.W.WriteHeader(status)
	if head || a.Body == "" {
		return Done, nil
	}
	_, err := io.WriteString(ex.W, a.Body)
	return Done, err
}

// Traits are those of an answer.
func (a Respond) Traits() Traits {
	return Traits{Changes: true, Pure: true, Status: max(a.Status, http.StatusOK)}
}

// Describe shows the status.
func (a Respond) Describe() origin.Origin {
	return origin.Origin{Kind: "respond", Text: strconv.Itoa(max(a.Status, http.StatusOK))}
}

// Bind checks the answer once, when the table is built.
func (a Respond) Bind(*PoolScope) (Action, error) {
	return checkedRespond{a}, a.Check()
}

// checkedRespond is a Respond that was checked.
type checkedRespond struct{ Respond }

// Do answers.
func (a checkedRespond) Do(ex *Exchange) (Verdict, error) { return a.send(ex) }

// Bind has nothing left to do.
func (a checkedRespond) Bind(*PoolScope) (Action, error) { return a, nil }

var (
	_ Action    = Respond{}
	_ Describer = Respond{}
	_ Binder    = Respond{}
	_ Action    = checkedRespond{}
)

// Redirect answers with the place to go to.
type Redirect struct {
	// Location is a URL or a reference relative to the one asked for. It is sent as it is, but for what
	// EncodeLocation encodes.
	Location string
	// Status is from 300 to 399, but not 304. Zero stands for 302.
	Status int
}

// Check reports a status that is not a redirect, and a location that would break the header.
func (a Redirect) Check() error {
	switch {
	case a.Status != 0 && (a.Status < 300 || a.Status > 399 || a.Status == http.StatusNotModified):
		return fmt.Errorf("redirect: status %d: expected 300 to 399, but not 304", a.Status)
	case strings.Trim(a.Location, " \t") == "":
		return errors.New("redirect: the location is missing")
	}
	if err := field.Check("Location", a.Location); err != nil {
		return fmt.Errorf("redirect: %w", err)
	}
	return nil
}

// Do answers.
func (a Redirect) Do(ex *Exchange) (Verdict, error) {
	if err := a.Check(); err != nil {
		return Done, err
	}
	h := ex.W.Header()
	h["Location"] = []string{EncodeLocation(a.Location)}
	h["Content-Length"] = []string{"0"}
	ex.W.WriteHeader(a.status())
	return Done, nil
}

func (a Redirect) status() int {
	if a.Status == 0 {
		return http.StatusFound
	}
	return a.Status
}

// Traits are those of an answer.
func (a Redirect) Traits() Traits { return Traits{Changes: true, Pure: true, Status: a.status()} }

// Describe shows the status and the location.
func (a Redirect) Describe() origin.Origin {
	return origin.Origin{Kind: "redirect", Text: fmt.Sprintf("%d %s", a.status(), a.Location)}
}

// Bind checks the redirect when the table is built.
func (a Redirect) Bind(*PoolScope) (Action, error) { return a, a.Check() }

// EncodeLocation encodes what is invalid in a URL, such as a blank or a non-ASCII byte: clients read them differently, and some read a
// backslash as a slash. Blanks around it are dropped.
func EncodeLocation(s string) string {
	s = strings.Trim(s, " \t")
	var b strings.Builder
	from := 0
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			fmt.Fprintf(&b, "%s%%%02X", s[from:i], c)
			from = i + 1
		}
	}
	if from == 0 {
		return s
	}
	return b.String() + s[from:]
}

var (
	_ Action    = Redirect{}
	_ Describer = Redirect{}
	_ Binder    = Redirect{}
)
