package chiproxy

import (
	"errors"
	"maps"
	"net"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Decision is what the table does with a request.
type Decision struct {
	// Tenant, Route and Pattern name the route that answers. Tenant is empty for the default tenant, and all are empty
	// where no route answers.
	Tenant, Route, Pattern string
	// Params are the parameters of the pattern, by name.
	Params map[string]string
	// Origin is the place of the route.
	Origin Origin
	// Pool is the pool that is forwarded to, Handler the Caddy handler that answers. They are empty for other actions.
	Pool, Handler string
	// Next says that the request goes to Caddy's next handler.
	Next bool
	// Status is what is answered without an upstream, an error included. It is 0 where somebody else decides it.
	Status int
	// Err is the error that the request ends with.
	Err error
}

// Rehearse says what the table does with a request. Guards and middleware run as they do for a real request; nothing is
// forwarded, and handlers of Caddy's that are actions do not run.
func (t *Table) Rehearse(r *http.Request) Decision {
	var d Decision
	if !t.Acquire() {
		return Decision{Err: ErrRetired}
	}
	ex := exchanges.Get().(*Exchange)
	w := &rehearsalWriter{ex: ex, header: http.Header{}}
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		d.Next = true
		return nil
	})
	ex.table, ex.W, ex.Next, ex.rehearsal = t, w, next, &d
	ex.R = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil)
	if ip, _, err := net.SplitHostPort(r.RemoteAddr); err == nil { // there is no server that trusts proxies
		caddyhttp.SetVar(ex.R.Context(), caddyhttp.ClientIPVarKey, ip)
	}
	defer ex.end()
	d.Err = ex.serve()
	if failed, ok := errors.AsType[caddyhttp.HandlerError](d.Err); ok {
		d.Status = failed.StatusCode
	} else if d.Err != nil {
		d.Status = http.StatusInternalServerError
	}
	return d
}

// note writes down which route is being tried.
func (d *Decision) note(ex *Exchange) {
	d.Tenant, d.Pattern = ex.Tenant(), ex.Pattern()
	d.Params = maps.Collect(ex.Params())
	if route := ex.Route(); route != nil {
		d.Route, d.Origin = route.Name, route.Origin
	}
}

// rehearsalWriter takes a response that nobody gets.
type rehearsalWriter struct {
	ex     *Exchange
	header http.Header
}

// Header returns the header of the response.
func (w *rehearsalWriter) Header() http.Header { return w.header }

// Write takes a piece of the body.
func (w *rehearsalWriter) Write(p []byte) (int, error) {
	if w.ex.rehearsal.Status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return len(p), nil
}

// WriteHeader notes the status.
func (w *rehearsalWriter) WriteHeader(status int) {
	if d := w.ex.rehearsal; d.Status == 0 && status >= 200 {
		d.note(w.ex)
		d.Status = status
	}
}

// Flush does nothing: there is nobody to flush to.
func (w *rehearsalWriter) Flush() {}
