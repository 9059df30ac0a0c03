package instance

import (
	"bufio"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
)

// Dev reports whether the instance shows clients on this machine what it does.
func (i *Instance) Dev() bool { return i.loader.config.Dev != "" }

// DevForced reports whether it does so however the servers listen.
func (i *Instance) DevForced() bool { return i.loader.config.Dev == config.DevForce }

// Local reports whether a request is of a client on this machine, which says so: the connection is, and so is the client that a trusted proxy
// names, and the host is a name of this machine. A page of another site cannot make its visitors send one, whatever its name resolves to, nor
// can a proxy that is not trusted pass one on.
func Local(r *http.Request) bool {
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); !trusted {
		for _, name := range [...]string{"X-Forwarded-For", "Forwarded", "X-Real-Ip"} {
			if r.Header[name] != nil {
				return false
			}
		}
	}
	name := strings.ToLower(r.Host)
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	name = strings.Trim(name, "[]")
	named := name == "localhost" || strings.HasSuffix(name, ".localhost") || isLoopback(name)
	return named && onThisMachine(r)
}

// onThisMachine reports whether a request is of a client on this machine: both the connection, and the client that a trusted proxy names.
func onThisMachine(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || !isLoopback(host) {
		return false
	}
	client, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	return isLoopback(client)
}

func isLoopback(text string) bool {
	ip, err := netip.ParseAddr(text)
	return err == nil && ip.Unmap().IsLoopback()
}

// devHeader is the field that says what became of a request.
const devHeader = "X-Luaroute"

// devWriter adds it just before the header leaves.
type devWriter struct {
	caddyhttp.ResponseWriterWrapper
	of    *observed
	wrote bool
}

// WriteHeader adds the field and sends the header.
func (w *devWriter) WriteHeader(status int) {
	if !w.wrote && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.wrote = true
		w.Header().Set(devHeader, w.of.summary())
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends the header first, if it has not left.
func (w *devWriter) Write(p []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// FlushError flushes, which sends the header, too.
func (w *devWriter) FlushError() error {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// summary is the tenant, the route, the pool, the place and the outcome in one line: what there is not is "-".
func (o *observed) summary() string {
	words := []string{o.Tenant, o.name(), o.Pool, o.At, o.Outcome.String()}
	for i, word := range words {
		if word == "" {
			word = "-"
		}
		words[i] = strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' || r == ' ' {
				return '_'
			}
			return r
		}, word)
	}
	return strings.Join(words, " ")
}

// devPage is what a client on this machine gets for an error.
type devPage struct {
	Status          int
	Title           string
	Message, Where  string
	Lines           []devLine
	Request, Reason string
}

type devLine struct {
	Number int
	Text   string
	Here   bool
}

var devTemplate = template.Must(template.New("dev").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{{.Status}} {{.Title}}</title>
<style>
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
pre { background: color-mix(in srgb, currentColor 7%, transparent); overflow-x: auto; padding: 1rem }
mark { display: block }
</style>
<h1>{{.Status}} {{.Title}}</h1>
<p><b>{{.Request}}</b></p>
<pre>{{.Message}}</pre>
{{if .Lines}}<h2>{{.Where}}</h2>
<pre>{{range .Lines}}{{if .Here}}<mark>{{printf "%5d" .Number}}  {{.Text}}</mark>{{else}}{{printf "%5d" .Number}}  {{.Text}}
{{end}}{{end}}</pre>{{end}}
<h2>Why</h2>
<pre>{{.Reason}}</pre>
<p>Clients on this machine see this page, since <code>dev</code> is in the block of <code>luaroute</code>. All others get the status alone.</p>
</html>
`))

// show answers an error for a client on this machine, and reports whether it could. The request is as it came to the instance.
func (i *Instance) show(w *devWriter, r *http.Request, failed error) bool {
	if w.wrote {
		return false
	}
	answer := caddyhttp.Error(http.StatusInternalServerError, failed)
	if known, ok := errors.AsType[caddyhttp.HandlerError](failed); ok {
		answer = known
	}
	page := devPage{Status: answer.StatusCode, Title: http.StatusText(answer.StatusCode), Request: r.Method + " " + r.Host + r.RequestURI}
	if client, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		page.Request = client.Method + " " + client.Host + client.RequestURI
	}
	if page.Message = page.Title; answer.Err != nil {
		page.Message = answer.Err.Error()
	}
	if hook, ok := errors.AsType[*chiproxy.HookError](failed); ok {
		page.Message = hook.Error()
		page.Where = hook.Origin.String()
		page.Lines = i.around(hook.Origin.Script, hook.Origin.Line)
	}
	var why strings.Builder
	d := i.Explain(r, false)
	_ = d.WriteText(&why)
	page.Reason = why.String()
	header := w.Header()
	header.Del("Content-Length")
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(page.Status)
	if r.Method != http.MethodHead {
		_ = devTemplate.Execute(w, page)
	}
	return true
}

// around returns the lines of a script around one of them; none for what is not a file that was loaded.
func (i *Instance) around(script string, line int) []devLine {
	const more = 5
	if line == 0 || !slices.Contains(i.State().Scripts, script) {
		return nil
	}
	file, err := os.Open(script)
	if err != nil {
		return nil
	}
	defer file.Close()
	var lines []devLine
	scan := bufio.NewScanner(file)
	for n := 1; n <= line+more && scan.Scan(); n++ {
		if n >= line-more {
			lines = append(lines, devLine{n, scan.Text(), n == line})
		}
	}
	return lines
}

// CheckDev reports addresses that others than clients on this machine may reach.
func CheckDev(name string, listens []string) error {
	for _, address := range listens {
		host, _, err := net.SplitHostPort(strings.TrimPrefix(address, "tcp/"))
		if err == nil && (host == "localhost" || isLoopback(host)) || strings.HasPrefix(address, "unix/") {
			continue
		}
		return fmt.Errorf("luaroute %s: dev shows errors of scripts, and a server listens at %s, which others may reach; bind it to 127.0.0.1, or write `dev force`",
			name, address)
	}
	return nil
}
