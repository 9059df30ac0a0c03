// Package cors tells browsers which sites may use responses: Cross-Origin Resource Sharing, as the Fetch standard has it.
package cors

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
	"github.com/luaroute/caddy-luaroute/chiproxy/response"
)

// Options are the rules for a part of a site.
type Options struct {
	// Origins may use the responses: https://app.example, https://*.example.com (one label or more), null, or * for all.
	Origins []string
	// Methods are those that preflights allow, besides GET, HEAD and POST, which need none. "*" allows the one that is asked for.
	Methods []string
	// Headers are fields of requests that preflights allow. "*" allows those that are asked for.
	Headers []string
	// Expose are fields of responses that scripts may read.
	Expose []string
	// Credentials lets browsers send cookies and passwords.
	Credentials bool
	// MaxAge is how long a browser remembers a preflight. Zero leaves it to the browser.
	MaxAge time.Duration
	// PrivateNetwork allows public sites to ask a server in a private network.
	PrivateNetwork bool
	Origin         origin.Origin
}

// Policy is middleware that answers preflights and adds to the header of all other responses, errors included.
type Policy struct {
	at                          origin.Origin
	exact                       map[string][]string // the origins with the value of Access-Control-Allow-Origin
	wild                        []wildcard
	all                         bool
	methods, headers            []string // values; nil for what is asked for
	anyMethod, anyHeader        bool
	expose, credentials, maxAge []string
	privateNetwork              bool
	identity                    string
}

// wildcard are the origins whose host has labels before a suffix.
type wildcard struct{ prefix, suffix string }

var (
	star = []string{"*"}
	yes  = []string{"true"}
)

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
var preflightVary = []string{"Origin, " + askMethod + ", " + askHeaders + ", " + askPrivateNetwork}

// New returns the policy for rules. The error says which is wrong.
func New(o Options) (*Policy, error) {
	p := &Policy{at: o.Origin, exact: map[string][]string{}, privateNetwork: o.PrivateNetwork, identity: fmt.Sprint(o)}
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
	for _, of := range []struct {
		texts []string
		check func(string) error
		any   *bool
		to    *[]string
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
			*of.to = []string{strings.Join(of.texts, ", ")}
		}
	}
	if p.expose != nil && p.expose[0] == "*" && o.Credentials {
		return nil, errors.New(`expose "*" means nothing with credentials; list the fields`)
	}
	if o.Credentials {
		p.credentials = yes
	}
	if o.MaxAge > 0 {
		p.maxAge = []string{strconv.Itoa(int(o.MaxAge / time.Second))}
	}
	return p, nil
}

// allow adds an origin.
func (p *Policy) allow(text string) error {
	switch text {
	case "*":
		p.all = true
		return nil
	case "null":
		p.exact[text] = []string{text}
		return nil
	}
	text = strings.ToLower(text)
	scheme, host, found := strings.Cut(text, "://")
	star := strings.HasPrefix(host, "*.")
	u, err := url.Parse(scheme + "://" + strings.TrimPrefix(host, "*."))
	if !found || err != nil || u.Host == "" || u.Host != strings.TrimPrefix(host, "*.") || strings.Contains(u.Host, "*") || u.Scheme == "" {
		return fmt.Errorf("the origin %s is none; expected a scheme and a host, and perhaps a port, as in https://app.example or https://*.example.com",
			field.Quote(text))
	}
	if port := u.Port(); scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		return fmt.Errorf("the origin %s has the usual port, which browsers leave out; leave it out", field.Quote(text))
	}
	if star {
		p.wild = append(p.wild, wildcard{scheme + "://", host[1:]})
	} else {
		p.exact[text] = []string{text}
	}
	return nil
}

// allowed returns the value of Access-Control-Allow-Origin for an origin, nil if it is refused.
func (p *Policy) allowed(from []string) []string {
	if len(from) != 1 {
		return nil
	}
	if p.all {
		return star
	}
	if value, ok := p.exact[from[0]]; ok {
		return value
	}
	for _, w := range p.wild {
		labels, ok := strings.CutPrefix(from[0], w.prefix)
		if !ok {
			continue
		}
		if labels, ok = strings.CutSuffix(labels, w.suffix); ok && areLabels(labels) {
			return from
		}
	}
	return nil
}

// areLabels reports whether a text is labels of a host with dots between them.
func areLabels(text string) bool {
	if text == "" || text[0] == '.' || strings.HasSuffix(text, ".") || strings.Contains(text, "..") {
		return false
	}
	for i := range len(text) {
		if c := text[i]; !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}

// Handle answers a preflight, or adds to the response of what is inside.
func (p *Policy) Handle(ex *chiproxy.Exchange, next func() (chiproxy.Verdict, error)) (chiproxy.Verdict, error) {
	from := ex.R.Header["Origin"]
	value := p.allowed(from)
	if ex.Refuse() != nil {
		ex.Note(said(from, value))
	}
	if ex.R.Method == http.MethodOptions && len(from) > 0 && len(ex.R.Header[askMethod]) > 0 {
		return chiproxy.Done, p.preflight(ex, value)
	}
	s := sharings.Get().(*sharing)
	w := ex.W
	s.policy, s.value, s.HeaderWriter = p, value, *response.NewHeaderWriter(w, s)
	ex.W = s
	v, err := next()
	ex.W = w
	if err != nil && !s.Wrote() { // whatever answers the error has it
		s.Apply(w.Header())
	}
	s.policy, s.value, s.HeaderWriter = nil, nil, response.HeaderWriter{}
	sharings.Put(s)
	return v, err
}

func said(from, value []string) string {
	switch {
	case len(from) == 0:
		return "no origin"
	case value == nil:
		return "refused"
	}
	return "allowed"
}

// sharing is a writer that adds what browsers need.
type sharing struct {
	response.HeaderWriter
	policy *Policy
	value  []string
}

var sharings = sync.Pool{New: func() any { return new(sharing) }}

// Apply changes the header of a response that is no preflight's. What an upstream says about origins is dropped. The values are of this
// response alone: others may change them where they stand.
func (s *sharing) Apply(h http.Header) {
	p := s.policy
	for _, name := range [...]string{allowOrigin, allowCredentials, exposeHeaders} {
		delete(h, name)
	}
	if s.value != nil {
		h[allowOrigin] = slices.Clone(s.value)
		if p.credentials != nil {
			h[allowCredentials] = slices.Clone(p.credentials)
		}
		if p.expose != nil {
			h[exposeHeaders] = slices.Clone(p.expose)
		}
	}
	vary(h)
}

// vary adds Origin to Vary once.
func vary(h http.Header) {
	values := h["Vary"]
	for _, value := range values {
		for name := range strings.SplitSeq(value, ",") {
			if name = textproto.TrimString(name); name == "*" || strings.EqualFold(name, "Origin") {
				return
			}
		}
	}
	if len(values) == 0 {
		h["Vary"] = []string{"Origin"}
		return
	}
	h["Vary"] = append(slices.Clip(values), "Origin")
}

// errRefused is the answer to a preflight of an origin that may not ask.
var errRefused = errors.New("the origin is not allowed")

func (p *Policy) preflight(ex *chiproxy.Exchange, value []string) error {
	h := ex.W.Header()
	h["Vary"] = append(slices.Clip(h["Vary"]), preflightVary...)
	if value == nil {
		return caddyhttp.Error(http.StatusForbidden, errRefused)
	}
	h[allowOrigin] = slices.Clone(value)
	if p.credentials != nil {
		h[allowCredentials] = slices.Clone(p.credentials)
	}
	if methods := listed(p.methods, p.anyMethod, ex.R.Header[askMethod]); methods != nil {
		h[allowMethods] = slices.Clone(methods)
	}
	if headers := listed(p.headers, p.anyHeader, ex.R.Header[askHeaders]); headers != nil {
		h[allowHeaders] = slices.Clone(headers)
	}
	if p.maxAge != nil {
		h[maxAge] = slices.Clone(p.maxAge)
	}
	if p.privateNetwork && slices.Equal(ex.R.Header[askPrivateNetwork], yes) {
		h[allowPrivateNetwork] = slices.Clone(yes)
	}
	ex.W.WriteHeader(http.StatusNoContent)
	return nil
}

// listed returns what is allowed: the list, or what is asked for if that is good, since "*" is no wildcard with credentials.
func listed(list []string, anything bool, asked []string) []string {
	if !anything {
		return list
	}
	if field.Check("X", asked...) != nil {
		return nil
	}
	return asked
}

// Traits are those of middleware that answers some requests.
func (p *Policy) Traits() chiproxy.Traits { return chiproxy.Traits{Changes: true} }

// Describe says where the rules are.
func (p *Policy) Describe() origin.Origin {
	o := p.at
	o.Kind = "cors"
	return o
}

// Fingerprint tells policies apart.
func (p *Policy) Fingerprint() uint64 { return chiproxy.FingerprintOf(p.identity) }

var (
	_ chiproxy.Middleware    = (*Policy)(nil)
	_ chiproxy.Describer     = (*Policy)(nil)
	_ chiproxy.Fingerprinter = (*Policy)(nil)
)
