package cors

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
)

// wildcard are the origins whose host has labels before a suffix.
type wildcard struct{ prefix, suffix string }

// allow adds an origin.
func (p *Policy) allow(text string) error {
	switch text {
	case "*":
		p.all = true
		return nil
	case "null":
		p.exact[text] = true
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
		p.exact[text] = true
	}
	return nil
}

// allowed returns the value of Access-Control-Allow-Origin for an origin, empty if it is refused.
func (p *Policy) allowed(from []string) string {
	if len(from) != 1 {
		return ""
	}
	if p.all {
		return "*"
	}
	if p.exact[from[0]] {
		return from[0]
	}
	for _, w := range p.wild {
		labels, ok := strings.CutPrefix(from[0], w.prefix)
		if !ok {
			continue
		}
		if labels, ok = strings.CutSuffix(labels, w.suffix); ok && areLabels(labels) {
			return from[0]
		}
	}
	return ""
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
