// Package cors tells browsers which sites may use responses: Cross-Origin Resource Sharing, as the Fetch standard has it.
package cors

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/response"
	"github.com/luaroute/caddy-luaroute/chiproxy/telemetry"
)

// Options are the rules for a part of a site. The documentation of the fields is that of their JSON.
type Options struct {
	// The sites that may use the responses: `https://app.example`, `https://*.example.com` (one label or more), `null`,
	// or `*` for all.
	Origins []string `json:"origins,omitempty"`

	// The methods that preflights allow, besides GET, HEAD and POST, which need none. `*` allows the one that is asked
	// for. Default: none.
	Methods []string `json:"methods,omitempty"`

	// The fields of requests that preflights allow. `*` allows those that are asked for. Default: none.
	Headers []string `json:"headers,omitempty"`

	// The fields of responses that scripts may read, besides those that they always may. Default: none.
	Expose []string `json:"expose,omitempty"`

	// Whether browsers may send cookies and passwords. Default: false.
	Credentials bool `json:"credentials,omitempty"`

	// How long a browser remembers a preflight. Default: as the browser likes.
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	// Whether public sites may ask a server in a private network. Default: false.
	PrivateNetwork bool `json:"private_network,omitempty"`

	Origin origin.Origin `json:"-"`
}

// Policy is middleware that answers preflights and adds to the header of all other responses, errors included.
type Policy struct {
	at                          origin.Origin
	exact                       map[string]bool
	wild                        []wildcard
	all                         bool
	methods, headers            string // values; empty for none
	anyMethod, anyHeader        bool
	expose, credentials, maxAge string
	privateNetwork              bool
	identity                    string
}

const (
	allowOrigin         = "Access-Control-Allow-Origin"
	allowCredentials    = "Access-Control-Allow-Credentials"
	allowMethods        = "Access-Control-Allow-Methods"
	allowHeaders        = "Access-Control-Allow-Headers"
	allowPrivateNetwork = "Access-Control-Allow-Private-Network"
	exposeHeaders       = "Access-Control-Expose-Headers"
	maxAge              = "Access-Control-Max-Age"
	askMethod           = "Access-Control-Request-Method"
	askHeaders          = "Access-Control-Request-Headers"
	askPrivateNetwork   = "Access-Control-Request-Private-Network"
)

// preflightVary is what the answer of a preflight depends on.
const preflightVary = "Origin, " + askMethod + ", " + askHeaders + ", " + askPrivateNetwork

// New returns the policy for rules. The error says which is wrong.
func New(o Options) (*Policy, error) {
	p := &Policy{at: o.Origin, exact: map[string]bool{}, privateNetwork: o.PrivateNetwork, identity: fmt.Sprint(o)}
	if len(o.Origins) == 0 {
		return nil, errors.New(`origins are missing; expected origins such as "https://app.example", or "*" for all`)
	}
	for _, text := range o.Origins {
		if err := p.allow(text); err != nil {
			return nil, err
		}
	}
	if p.all && o.Credentials {
		return nil, errors.New(`origins "*" and credentials exclude each other: any site could act for your users; list the origins`)
	}
	if p.exact["null"] && o.Credentials {
		return nil, errors.New(`origins "null" and credentials exclude each other: any site can ask from a sandbox, whose origin is null; list the origins`)
	}
	for _, of := range []struct {
		texts []string
		check func(string) error
		any   *bool
		to    *string
	}{
		{o.Methods, field.CheckMethod, &p.anyMethod, &p.methods},
		{o.Headers, field.CheckName, &p.anyHeader, &p.headers},
		{o.Expose, field.CheckName, new(bool), &p.expose},
	} {
		for _, text := range of.texts {
			if text == "*" && len(of.texts) == 1 {
				*of.any = true
				break
			}
			if err := of.check(text); err != nil {
				return nil, err
			}
		}
		if len(of.texts) > 0 {
			*of.to = strings.Join(of.texts, ", ")
		}
	}
	if p.expose == "*" && o.Credentials {
		return nil, errors.New(`expose "*" means nothing with credentials; list the fields`)
	}
	if o.Credentials {
		p.credentials = "true"
	}
	if o.MaxAge < 0 {
		return nil, fmt.Errorf("max_age is %s; expected a duration above 0", time.Duration(o.MaxAge))
	}
	if o.MaxAge > 0 {
		p.maxAge = strconv.Itoa(int(time.Duration(o.MaxAge) / time.Second))
	}
	return p, nil
}

// Handle answers a preflight, or adds to the response of what is inside.
func (p *Policy) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	from := ex.R.Header["Origin"]
	value := p.allowed(from)
	preflight := field.PreflightFor(ex.R)
	if ex.Refuse() != nil {
		ex.Note(said(from, value, preflight))
	}
	if preflight != "" {
		return chiproxy.Done, p.preflight(ex, value, preflight)
	}
	s := sharings.Get().(*sharing)
	w := ex.W
	s.policy, s.value, s.HeaderWriter = p, value, *response.NewHeaderWriter(w, s)
	ex.W = s
	v, err := next()
	ex.W = w
	if (err != nil || v == chiproxy.Done) && !s.Wrote() { // whatever answers the error has it, and what the server sends
		s.Apply(w.Header())
	}
	s.policy, s.value, s.HeaderWriter = nil, "", response.HeaderWriter{}
	sharings.Put(s)
	return v, err
}

// Share adds to the header of a response that has not come through the middleware.
func (p *Policy) Share(ex *chiproxy.Exchange) {
	p.apply(ex.W.Header(), p.allowed(ex.R.Header["Origin"]))
}

// said is what an explanation says of a request.
func said(from []string, value, preflight string) string {
	text := "allowed"
	switch {
	case len(from) == 0:
		return "no origin"
	case value == "":
		text = "refused"
	}
	if preflight != "" {
		text += ", preflight for " + preflight
	}
	return text
}

// sharing is a writer that adds what browsers need.
type sharing struct {
	response.HeaderWriter
	policy *Policy
	value  string
}

var sharings = sync.Pool{New: func() any { return new(sharing) }}

// Apply changes the header of a response that is no preflight's.
func (s *sharing) Apply(h http.Header) { s.policy.apply(h, s.value) }

// apply adds to the header of a response that is no preflight's. What an upstream says about origins is dropped.
func (p *Policy) apply(h http.Header, value string) {
	for _, name := range [...]string{allowOrigin, allowCredentials, exposeHeaders} {
		delete(h, name)
	}
	if value == "" {
		vary(h, nil)
		return
	}
	f := fields{h, make([]string, 0, 4)}
	f.set(allowOrigin, value)
	f.set(allowCredentials, p.credentials)
	f.set(exposeHeaders, p.expose)
	vary(h, &f)
}

// fields sets fields of one value each in a header. The values are of this response alone, as others may change them where they stand, and have one
// allocation together.
type fields struct {
	header http.Header
	room   []string
}

// set sets a field, unless the value is empty.
func (f *fields) set(name, value string) {
	if value == "" {
		return
	}
	n := len(f.room)
	f.room = append(f.room, value)
	f.header[name] = f.room[n : n+1 : n+1]
}

// vary adds Origin to Vary once.
func vary(h http.Header, room *fields) {
	values := h["Vary"]
	for _, value := range values {
		for name := range strings.SplitSeq(value, ",") {
			if name = textproto.TrimString(name); name == "*" || strings.EqualFold(name, "Origin") {
				return
			}
		}
	}
	switch {
	case len(values) > 0:
		h["Vary"] = append(slices.Clip(values), "Origin")
	case room != nil:
		room.set("Vary", "Origin")
	default:
		h["Vary"] = []string{"Origin"}
	}
}

// errRefused is the answer to a preflight of an origin that may not ask.
var errRefused = errors.New("the origin is not allowed")

// preflight answers that the origin may send what it asks for, or an error.
func (p *Policy) preflight(ex *chiproxy.Exchange, value, method string) error {
	h := ex.W.Header()
	h["Vary"] = append(slices.Clip(h["Vary"]), preflightVary)
	if value == "" {
		ex.Becomes(telemetry.Refused)
		return caddyhttp.Error(http.StatusForbidden, errRefused)
	}
	f := fields{h, make([]string, 0, 6)}
	f.set(allowOrigin, value)
	f.set(allowCredentials, p.credentials)
	if p.anyMethod {
		f.set(allowMethods, asked(method))
	} else {
		f.set(allowMethods, p.methods)
	}
	if p.anyHeader { // "*" is no wildcard with credentials
		f.set(allowHeaders, asked(strings.Join(ex.R.Header[askHeaders], ", ")))
	} else {
		f.set(allowHeaders, p.headers)
	}
	f.set(maxAge, p.maxAge)
	if p.privateNetwork && slices.Equal(ex.R.Header[askPrivateNetwork], yes) {
		f.set(allowPrivateNetwork, "true")
	}
	ex.W.WriteHeader(http.StatusNoContent)
	return nil
}

// yes is how a preflight asks for a private network.
var yes = []string{"true"}

// asked returns what is asked for, if that is good as a value.
func asked(value string) string {
	if field.Check("X", value) != nil {
		return ""
	}
	return value
}

// Traits are those of middleware that changes the header of what is sent only: that is what tells browsers whom to keep responses from.
func (p *Policy) Traits() chiproxy.Traits { return chiproxy.Traits{Admits: chiproxy.AdmitsAllButSites} }

// Describe says where the rules are.
func (p *Policy) Describe() origin.Origin {
	o := p.at
	o.Kind = "cors"
	return o
}

// Fingerprint tells policies apart.
func (p *Policy) Fingerprint() uint64 { return chiproxy.FingerprintOf(p.identity) }

var (
	_ chiproxy.CrossOrigin   = (*Policy)(nil)
	_ chiproxy.Describer     = (*Policy)(nil)
	_ chiproxy.Fingerprinter = (*Policy)(nil)
)
