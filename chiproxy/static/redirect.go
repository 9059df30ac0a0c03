// Package static has the actions that answer with what is known beforehand: a status with a header and a body, and the place to go to.
package static

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/template"
)

// Redirect answers with the place to go to.
type Redirect struct {
	// Location is a URL or a reference relative to the one asked for. It is sent as it is, but for what
	// field.EncodeLocation encodes.
	Location string
	// Status is from 300 to 399, but not 304. Zero stands for 302.
	Status int

	text *template.Text // of Expand, instead of Location
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
func (a Redirect) Do(ex *chiproxy.Exchange) (chiproxy.Verdict, error) {
	if err := a.Check(); err != nil {
		return chiproxy.Done, err
	}
	location := field.EncodeLocation(a.Location)
	if a.text != nil {
		location = a.text.String(ex)
		if err := field.CheckURI(len(location), 0); err != nil {
			return chiproxy.Done, caddyhttp.Error(http.StatusRequestURITooLong, err)
		}
	}
	h := ex.W.Header()
	h["Location"] = []string{location}
	h["Content-Length"] = []string{"0"}
	ex.W.WriteHeader(a.status())
	return chiproxy.Done, nil
}

func (a Redirect) status() int {
	if a.Status == 0 {
		return http.StatusFound
	}
	return a.Status
}

// Expand returns a with its location as a template: see package template. It is for a Redirect that is made while scripts load.
func (a Redirect) Expand() (Redirect, error) {
	if !strings.Contains(a.Location, "{") {
		return a, nil
	}
	text, err := template.Parse(a.Location, template.Location)
	if err != nil {
		return a, fmt.Errorf("redirect: %w", err)
	}
	if plain, same := text.Literal(); same {
		a.Location = plain
	} else {
		a.text = text
	}
	return a, nil
}

// CheckParams reports a name that is none of the parameters.
func (a Redirect) CheckParams(params []string) error {
	if a.text == nil {
		return nil
	}
	if err := a.text.Check(params); err != nil {
		return fmt.Errorf("redirect: %w", err)
	}
	return nil
}

// Placeholders returns the names of the placeholders of Caddy.
func (a Redirect) Placeholders() []string {
	if a.text == nil {
		return nil
	}
	return a.text.Placeholders()
}

// Traits are those of an answer.
func (a Redirect) Traits() chiproxy.Traits {
	return chiproxy.Traits{Changes: true, Pure: true, Status: a.status()}
}

// Describe shows the status and the location.
func (a Redirect) Describe() origin.Origin {
	return origin.Origin{Kind: "redirect", Text: fmt.Sprintf("%d %s", a.status(), a.Location)}
}

// Bind checks the redirect when the table is built.
func (a Redirect) Bind(*chiproxy.PoolScope) (chiproxy.Action, error) { return a, a.Check() }

var (
	_ chiproxy.Action    = Redirect{}
	_ chiproxy.Describer = Redirect{}
	_ chiproxy.Binder    = Redirect{}
	_ chiproxy.Templated = Redirect{}
)
