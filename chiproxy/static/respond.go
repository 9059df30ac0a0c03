package static

import (
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strconv"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/template"
)

// Respond answers with a status, a header and a body. Content-Length is that of the body. HEAD gets the header that GET
// would get.
type Respond struct {
	// Status is from 200 to 999. Zero stands for 200.
	Status int
	// Body may be empty. With 204 and 304 it must be.
	Body string
	// Headers replace what middleware outside has set. A Location is sent as that of a Redirect. Without a Content-Type among them, a body is text/plain in
	// UTF-8; net/http would guess from its bytes.
	Headers http.Header

	fields template.Fields // of Expand, over Headers
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
func (a Respond) Do(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
	if err := a.Check(); err != nil {
		return chiproxy.Done, err
	}
	return a.send(ex)
}

func (a Respond) send(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
	h := ex.W.Header()
	if len(a.Headers) > 0 {
		field.SetAll(h, a.Headers)
		for i, location := range h["Location"] {
			h["Location"][i] = field.EncodeLocation(location)
		}
	}
	if len(a.fields) > 0 {
		if err := a.fields.Apply(h, ex); err != nil {
			return chiproxy.Done, caddyhttp.Error(http.StatusRequestHeaderFieldsTooLarge, err)
		}
	}
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
		return chiproxy.Done, nil
	}
	_, err := io.WriteString(ex.W, a.Body)
	return chiproxy.Done, err
}

// Expand returns a with the values of its headers as templates: see package template. It is for a Respond that is made while scripts load.
func (a Respond) Expand() (Respond, error) {
	fixed, sample, named, err := template.ParseHeader(&field.Ops{Set: a.Headers})
	if err != nil {
		return a, fmt.Errorf("respond: %w", err)
	}
	a.Headers = sample.Set
	if err := a.Check(); err != nil {
		return a, err
	}
	if len(named) > 0 {
		a.Headers = nil
		if fixed != nil {
			a.Headers = fixed.Set
		}
		a.fields = named
	}
	return a, nil
}

// CheckParams reports a name that is none of the parameters.
func (a Respond) CheckParams(params []string) error {
	if err := a.fields.Check(params); err != nil {
		return fmt.Errorf("respond: headers: %w", err)
	}
	return nil
}

// Placeholders returns the names of the placeholders of Caddy.
func (a Respond) Placeholders() []string { return a.fields.Placeholders() }

// Traits are those of an answer.
func (a Respond) Traits() chiproxy.Traits {
	return chiproxy.Traits{Changes: true, Pure: true, Status: max(a.Status, http.StatusOK)}
}

// Describe shows the status.
func (a Respond) Describe() origin.Origin {
	return origin.Origin{Kind: "respond", Text: strconv.Itoa(max(a.Status, http.StatusOK))}
}

// Fingerprint tells answers of one status apart.
func (a Respond) Fingerprint() uint64 {
	if len(a.Headers)+len(a.fields) == 0 {
		return chiproxy.FingerprintOf(a.Body)
	}
	return chiproxy.FingerprintOfData([]any{a, a.fields.Sources()})
}

// Bind checks the answer once, when the table is built.
func (a Respond) Bind(*chiproxy.PoolScope) (chiproxy.Action, error) {
	return checkedRespond{a}, a.Check()
}

// checkedRespond is a Respond that was checked.
type checkedRespond struct{ Respond }

// Do answers.
func (a checkedRespond) Do(ex *chiproxy.Exchange) (chiproxy.Verdict, error) { return a.send(ex) }

// Bind has nothing left to do.
func (a checkedRespond) Bind(*chiproxy.PoolScope) (chiproxy.Action, error) { return a, nil }

var (
	_ chiproxy.Action        = Respond{}
	_ chiproxy.Describer     = Respond{}
	_ chiproxy.Binder        = Respond{}
	_ chiproxy.Templated     = Respond{}
	_ chiproxy.Fingerprinter = Respond{}
	_ chiproxy.Action        = checkedRespond{}
)
