package explain

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy"
	"github.com/luaroute/caddy-luaroute/chiproxy/routing"
)

// Stub answers in place of the upstreams of a pool. It gets the request as the pool would, and may return an error, as a pool without a
// working upstream does.
type Stub func(w http.ResponseWriter, r *http.Request) error

// Stubs returns the stub of a pool, by the name under which the request is forwarded to it. Nil stands for no answer.
type Stubs func(pool string) Stub

// Decide reports how a table would handle a request. Guards run as for a real request. With run, so
// do middleware and functions that answer; without, middleware is assumed to let the request pass,
// a function that answers ends the search, and Decision.Stops says so. Nothing is forwarded: pools,
// Caddy's next handler, and Caddy's handlers that are actions do not run, and of those that are
// middleware only those that are known to send nothing.
func Decide(table *routing.Table, r *http.Request, run bool) Decision {
	return (&trace{run: run}).decide(table, r)
}

// Simulate is Decide with run, where stubs answer for the pools, so that the hooks of responses run, too.
func Simulate(table *routing.Table, r *http.Request, pools Stubs) Decision {
	return (&trace{run: true, stubs: pools}).decide(table, r)
}

func (t *trace) decide(table *routing.Table, client *http.Request) Decision {
	t.client, t.writer = client, &explainWriter{header: http.Header{}}
	r := caddyhttp.PrepareRequest(client.Clone(client.Context()), caddy.NewReplacer(), t.writer, nil)
	if ip, _, err := net.SplitHostPort(r.RemoteAddr); err == nil { // there is no server that trusts proxies
		caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, ip)
	}
	walk, err := table.Walk(t.writer, r, caddyhttp.HandlerFunc(t.next), t)
	if err != nil {
		return Decision{Err: err}
	}
	defer walk.End()
	t.finish(serve(walk))
	t.list(walk)
	return t.decision
}

// serve answers the request. Handlers abort a response that cannot be finished.
func serve(walk routing.Walk) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if r != http.ErrAbortHandler {
				panic(r)
			}
			err = chiproxy.ErrAborted
		}
	}()
	return walk.Run()
}

// finish writes down how the request ended.
func (t *trace) finish(err error) {
	d := &t.decision
	d.Err, d.Failure, d.Refused = err, failureText(err), t.refusals.end()
	if d.Stops != "" && !t.run {
		d.Stops += "; ask with ?run=true, or --run"
	}
	if failed, ok := errors.AsType[caddyhttp.HandlerError](err); ok {
		d.Status = failed.StatusCode
	} else if err != nil {
		d.Status = http.StatusInternalServerError
	} else {
		d.Status = t.writer.status
	}
	if d.Status != 0 {
		d.Header, d.Body = t.writer.header, t.writer.body.String()
	}
	if d.Status == http.StatusMethodNotAllowed && d.Header.Get("Allow") != "" {
		d.Allow = strings.Split(d.Header.Get("Allow"), ", ")
	}
}

// failureText is the text of an error without what Caddy adds to it for its log.
func failureText(err error) string {
	if hook, ok := errors.AsType[*chiproxy.HookError](err); ok {
		return hook.Error()
	}
	if answer, ok := errors.AsType[caddyhttp.HandlerError](err); ok && answer.Err != nil {
		return answer.Err.Error()
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

// maxExplained is how much of an answer is kept, in bytes.
const maxExplained = 1 << 20

// explainWriter records a response.
type explainWriter struct {
	header http.Header
	status int
	body   strings.Builder
}

// Header returns the header of the response.
func (w *explainWriter) Header() http.Header { return w.header }

// Write takes a piece of the body.
func (w *explainWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.body.Write(p[:min(len(p), maxExplained-w.body.Len())])
	return len(p), nil
}

// WriteHeader notes the status.
func (w *explainWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
}

// Flush does nothing.
func (w *explainWriter) Flush() {}

// refusals are the calls that were not made. Late ones, such as of on_done functions, are not kept.
type refusals struct {
	mu   sync.Mutex
	list []string
	over bool
}

func (r *refusals) add(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.list = append(r.list, what)
	}
}

// end returns what was refused.
func (r *refusals) end() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	return r.list
}

var _ http.Flusher = (*explainWriter)(nil)
