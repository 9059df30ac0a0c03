package chiproxy

import (
	"net"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/template"
)

// Templated is an action or middleware with strings in which {name} stands for what a request has, see package template.
type Templated interface {
	// CheckParams reports a name that is none of the parameters of the pattern.
	CheckParams(params []string) error
	// Placeholders returns the names of the placeholders of Caddy.
	Placeholders() []string
}

// MatchedParam returns a parameter of the route's pattern as it was matched, see package template.
func (ex *Exchange) MatchedParam(name string) string {
	for i, n := range ex.place.Names() {
		if n == name {
			return ex.place.Matched(i)
		}
	}
	return ""
}

const headerPlaceholder = "http.request.header."

// Placeholder returns the value of a placeholder of Caddy, empty where there is none. Those of the header and the host allocate nothing.
func (ex *Exchange) Placeholder(name string) string {
	if value, ok := directPlaceholder(ex.R, name); ok {
		return value
	}
	repl, _ := ex.R.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if repl == nil {
		return ""
	}
	value, _ := repl.GetString(name)
	return value
}

// directPlaceholder is what Caddy's Replacer says of the commonest placeholders.
func directPlaceholder(r *http.Request, name string) (string, bool) {
	if key, ok := strings.CutPrefix(name, headerPlaceholder); ok {
		switch values := r.Header[http.CanonicalHeaderKey(key)]; len(values) {
		case 0:
			return "", true
		case 1:
			return values[0], true
		default:
			return strings.Join(values, ","), true
		}
	}
	switch name {
	case "http.request.method":
		return r.Method, true
	case "http.request.hostport":
		return r.Host, true
	case "http.request.host":
		if strings.IndexByte(r.Host, ':') >= 0 { // else there would be an error to allocate
			if host, _, err := net.SplitHostPort(r.Host); err == nil {
				return host, true
			}
		}
		return r.Host, true
	case "http.request.scheme":
		if r.TLS != nil {
			return "https", true
		}
		return "http", true
	}
	return "", false
}

// rendered returns header fields for the request.
func (ex *Exchange) rendered(into []template.Rendered, fields template.Fields) ([]template.Rendered, error) {
	all, err := fields.Render(into, ex)
	if err != nil {
		return nil, caddyhttp.Error(http.StatusRequestHeaderFieldsTooLarge, err)
	}
	return all, nil
}

var _ template.Values = (*Exchange)(nil)
