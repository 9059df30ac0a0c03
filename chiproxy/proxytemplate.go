package chiproxy

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/field"
	"github.com/luaroute/caddy-luaroute/chiproxy/response"
	"github.com/luaroute/caddy-luaroute/chiproxy/template"
	"github.com/luaroute/caddy-luaroute/chiproxy/urlpath"
)

// proxyTexts are the strings of a Proxy that have names; nil where there are none.
type proxyTexts struct {
	path, query, method, upstream *template.Text
	headers, responseHeaders      template.Fields
}

// Expand returns p with Path, Query, Method, Upstream and the values of headers as templates: see package template. It is for a Proxy that is
// made while scripts load. What has no names costs as much as in p.
func (p Proxy) Expand() (Proxy, error) {
	t := &proxyTexts{}
	named := false
	for _, of := range []struct {
		name  string
		place template.Place
		from  *string
		to    **template.Text
	}{
		{"path", template.Path, &p.Path, &t.path},
		{"query", template.Query, p.Query, &t.query},
		{"method", template.Plain, &p.Method, &t.method},
		{"upstream", template.Plain, &p.Upstream, &t.upstream},
	} {
		if of.from == nil || !strings.Contains(*of.from, "{") {
			continue
		}
		text, err := template.Parse(*of.from, of.place)
		if err != nil {
			return p, fmt.Errorf("proxy: %s: %w", of.name, err)
		}
		sample := text.Sample()
		if of.from == p.Query {
			p.Query = &sample
		} else {
			*of.from = sample
		}
		if _, same := text.Literal(); !same {
			*of.to, named = text, true
		}
	}
	if t.path != nil && hasDots(p.Path) {
		return p, fmt.Errorf("proxy: path %s: expected one without dot segments", field.Quote(t.path.Source()))
	}
	fixed, sample, headers, err := template.ParseHeader(p.Headers)
	if err != nil {
		return p, fmt.Errorf("proxy: %w", err)
	}
	fixedResponse, sampleResponse, responseHeaders, err := template.ParseHeader(p.ResponseHeaders)
	if err != nil {
		return p, fmt.Errorf("proxy: response: %w", err)
	}
	p.Headers, p.ResponseHeaders = sample, sampleResponse
	if err := p.Check(); err != nil {
		return p, err
	}
	p.Headers, p.ResponseHeaders, t.headers, t.responseHeaders = fixed, fixedResponse, headers, responseHeaders
	if named || len(headers)+len(responseHeaders) > 0 {
		p.texts = t
	}
	return p, nil
}

func (t *proxyTexts) strings() []*template.Text {
	return []*template.Text{t.path, t.query, t.method, t.upstream}
}

// CheckParams reports a name that is none of the parameters.
func (p Proxy) CheckParams(params []string) error {
	if p.texts == nil {
		return nil
	}
	for i, text := range p.texts.strings() {
		if text == nil {
			continue
		}
		if err := text.Check(params); err != nil {
			return fmt.Errorf("proxy: %s: %w", [...]string{"path", "query", "method", "upstream"}[i], err)
		}
	}
	for _, fields := range []template.Fields{p.texts.headers, p.texts.responseHeaders} {
		if err := fields.Check(params); err != nil {
			return fmt.Errorf("proxy: headers: %w", err)
		}
	}
	return nil
}

// Placeholders returns the names of the placeholders of Caddy.
func (p Proxy) Placeholders() (names []string) {
	if p.texts == nil {
		return nil
	}
	for _, text := range p.texts.strings() {
		if text != nil {
			names = append(names, text.Placeholders()...)
		}
	}
	return append(append(names, p.texts.headers.Placeholders()...), p.texts.responseHeaders.Placeholders()...)
}

// sources are the strings as they were written, which tell ways to forward apart.
func (t *proxyTexts) sources() (all []string) {
	for _, text := range t.strings() {
		if text != nil {
			all = append(all, text.Source())
		}
	}
	return append(append(all, t.headers.Sources()...), t.responseHeaders.Sources()...)
}

// wanted is what a Proxy makes of one request, besides what is the same for all.
type wanted struct {
	method, upstream string
	// uri is what the templates of the path and the query make, with a question mark between them, and path the length of the path. The query is
	// that of the request where it stays.
	uri  string
	path int
	// headers are set before those of Proxy.Headers that reverse_proxy writes.
	headers []template.Rendered
}

// wants renders the templates, before anything is changed.
func (b *boundProxy) wants(ex *Exchange, room []template.Rendered) (w wanted, err error) {
	w.method, w.upstream = b.Method, b.Upstream
	t := b.texts
	if t == nil {
		return w, nil
	}
	if t.method != nil {
		if w.method = t.method.String(ex); w.method != "" {
			if err := field.CheckMethod(w.method); err != nil {
				return w, caddyhttp.Error(http.StatusBadRequest, err)
			}
		}
	}
	if t.upstream != nil {
		w.upstream = t.upstream.String(ex)
	}
	if t.path != nil || t.query != nil {
		if w.uri, w.path, err = b.wantsURI(ex); err != nil {
			return w, err
		}
	}
	w.headers, err = ex.rendered(room, t.headers)
	for _, h := range w.headers {
		if h.Name == "Host" {
			if err := field.CheckHost(h.Values...); err != nil {
				return w, caddyhttp.Error(http.StatusBadRequest, err)
			}
		}
	}
	return w, err
}

func (b *boundProxy) wantsURI(ex *Exchange) (uri string, path int, err error) {
	var room [512]byte
	text := room[:0]
	if b.texts.path != nil {
		text = b.texts.path.Append(text, ex)
	}
	path = len(text)
	switch {
	case b.texts.query != nil:
		text = b.texts.query.Append(append(text, '?'), ex)
	case b.Query == nil && ex.R.URL.RawQuery != "":
		text = append(append(text, '?'), ex.R.URL.RawQuery...)
	}
	if err := field.CheckURI(len(text), len(ex.R.RequestURI)); err != nil {
		return "", 0, caddyhttp.Error(http.StatusRequestURITooLong, err)
	}
	return string(text), path, nil
}

// rewriteURI changes the path and the query.
func (b *boundProxy) rewriteURI(ex *Exchange, w *wanted) error {
	u := ex.R.URL
	var named proxyTexts
	if b.texts != nil {
		named = *b.texts
	}
	switch {
	case named.path != nil:
		urlpath.SetEscaped(u, w.uri[:w.path])
		if ex.bare = false; urlpath.Ascends(u) {
			return errAscends
		}
	case b.Path != "":
		u.Path, u.RawPath, ex.bare = b.Path, "", false
	}
	if b.StripPrefix != "" {
		ex.strip(b.StripPrefix)
	}
	whole := named.path != nil // and the query is behind it
	switch {
	case named.query != nil:
		u.RawQuery, u.ForceQuery = w.uri[w.path+1:], false
		whole = whole && u.RawQuery != ""
	case b.Query != nil:
		u.RawQuery, u.ForceQuery, whole = *b.Query, false, false
	default:
		whole = whole && !u.ForceQuery
	}
	if whole {
		ex.R.RequestURI = w.uri
		return nil
	}
	ex.R.RequestURI = u.RequestURI()
	return nil
}

// responseChange returns the changes of the response's header, nil for none.
func (b *boundProxy) responseChange(ex *Exchange) response.Changer {
	switch {
	case b.texts != nil && len(b.texts.responseHeaders) > 0:
		return &templatedHeader{b.ResponseHeaders, b.texts.responseHeaders, ex}
	case b.ResponseHeaders != nil:
		return b.ResponseHeaders
	}
	return nil
}

// templatedHeader is changes of which some have templates.
type templatedHeader struct {
	fixed  *field.Ops // may be nil
	fields template.Fields
	ex     *Exchange
}

// Apply changes a header. Values that are too large together are left out.
func (c *templatedHeader) Apply(h http.Header) {
	if c.fixed != nil {
		c.fixed.Apply(h)
	}
	_ = c.fields.Apply(h, c.ex)
}

func hasDots(path string) bool {
	for s := range strings.SplitSeq(path, "/") {
		if s == "." || s == ".." {
			return true
		}
	}
	return false
}

var errAscends = caddyhttp.Error(http.StatusNotFound, errors.New("a server may read what is in the path as a way up"))

var (
	_ Templated        = Proxy{}
	_ response.Changer = (*templatedHeader)(nil)
)
