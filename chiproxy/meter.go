package chiproxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/interrupt"
	"github.com/luaroute/caddy-luaroute/chiproxy/origin"
)

// Meter counts the time in which Caddy's modules run for one tenant, which no budget of a script counts. A module without one runs on
// nobody's time, and costs nothing more.
type Meter interface {
	// Start waits until a module may run for a request. The error is what its guard or handler fails with, which does not run then.
	Start(context.Context, *Usage, Work) error
	// Pause is called now and then by a module that can be interrupted, while it runs. It may wait until the module may continue. The error is what
	// it fails with; then it has stopped.
	Pause(context.Context, *Usage, Work) error
	// Stop is called for each Start without an error: when the module has ended, begins to answer, or has given the request on.
	Stop(*Usage)
}

// Usage is what a meter notes of one request. The zero value is that of one for which nothing has run.
type Usage struct {
	// Ran is how long modules ran for it, Queued how long they waited for that.
	Ran, Queued time.Duration
	// Since is when the one began that runs; zero while none does.
	Since time.Time
	// Turn says that it has a turn, which is to be given back.
	Turn bool
}

// Work is what is known of the work of a module before it runs.
type Work struct {
	// Steps is how many instructions its regular expressions have, times the bytes that they may match.
	Steps int64
	// Looks is how many bytes and values a guard that is data looks at, at most.
	Looks int64
	// Origin is that of the module.
	Origin origin.Origin
}

// Expressions is what is known of the regular expressions of a module.
type Expressions struct {
	// Steps is how many instructions they have, each of which may be taken for each byte of what is matched.
	Steps int
	// Text is how many bytes of the module's own strings may be matched, besides headers, URI and variables of a request, and Placeholders
	// how many placeholders, each of which may be one of these.
	Text, Placeholders int
	// Growth is how many times as long the module may make a string, if that is more than once.
	Growth float64
	// Interruptible says that some of them check, while they run, whether they may continue; see package interrupt.
	Interruptible bool
}

// maxPlaceholders is how many bytes the placeholders of a request make at most; see package expansion.
const maxPlaceholders = 1 << 20

// work returns the number of instructions times bytes that the expressions of a module may take for a request as it is now.
func (x *Expressions) work(ex *Exchange) int64 {
	if x.Steps == 0 {
		return 0
	}
	size := sizeOf(ex)
	size += min(int64(x.Placeholders)*size, maxPlaceholders) + int64(x.Text)
	return int64(float64(x.Steps) * float64(size) * max(x.Growth, 1))
}

// metered is the usage of a request by its meter.
type metered struct {
	Meter
	Usage
	// module is the one that runs, and interrupted why it was to end.
	module      Describer
	interrupted error
}

// start begins to count the time of a module.
func (ex *Exchange) start(m Meter, x *Expressions, at Describer) error {
	ex.measure(m, at)
	if x.Interruptible && !interrupt.Has(ex.R.Context()) {
		*ex.R = *ex.R.WithContext(interrupt.With(ex.R.Context(), ex.metered.pause))
	}
	return m.Start(ex.R.Context(), &ex.metered.Usage, Work{Steps: x.work(ex), Origin: at.Describe()})
}

// Metered calls a function whose time the meter counts, unless the error says that it may not run. It works for what is described.
func (ex *Exchange) Metered(m Meter, work Work, at Describer, call func()) error {
	ex.measure(m, at)
	if err := m.Start(ex.R.Context(), &ex.metered.Usage, work); err != nil {
		return err
	}
	defer ex.stop()
	call()
	return nil
}

// measure makes a module, or a guard, the one whose time the meter counts.
func (ex *Exchange) measure(m Meter, at Describer) {
	ex.stop() // one that did not notice that it has begun to answer: there is one at a time
	if ex.metered == nil {
		ex.metered = new(metered)
	}
	if ex.metered.Meter != m {
		*ex.metered = metered{Meter: m}
	}
	ex.metered.module, ex.metered.interrupted = at, nil
}

// pause lets others go first while a module runs.
func (m *metered) pause(ctx context.Context) error {
	if m.Since.IsZero() {
		return nil // it waits for others, on nobody's time
	}
	m.interrupted = m.Pause(ctx, &m.Usage, Work{Origin: m.module.Describe()})
	return m.interrupted
}

// failure returns what a module has failed with: why it was interrupted, if it was.
func (ex *Exchange) failure(err error) error {
	if err != nil && ex.metered != nil && ex.metered.interrupted != nil {
		return ex.metered.interrupted
	}
	return brief(err)
}

// stop ends what start has begun, unless that was done before.
func (ex *Exchange) stop() {
	if m := ex.metered; m != nil && !m.Since.IsZero() {
		m.Stop(&m.Usage)
	}
}

// sizeOf returns the size of what modules match: of the URI, of the headers of request and response, and of variables.
func sizeOf(ex *Exchange) (n int64) {
	r := ex.R
	n = int64(len(r.Host) + len(r.RequestURI) + len(r.URL.Path) + len(r.URL.RawQuery))
	for _, header := range [...]http.Header{r.Header, ex.W.Header()} {
		for name, values := range header {
			n += int64(len(name))
			for _, v := range values {
				n += int64(len(v))
			}
		}
	}
	for _, v := range varsOf(r) {
		if text, ok := v.(string); ok {
			n += int64(len(text))
		}
	}
	return n
}

// metered runs the handler around next, and counts its time. Where it has regular expressions it may match them in the header of the
// response when that leaves: then its time is counted again, until the header is on its way.
func (m Module) metered(ex *Exchange, next func() (Verdict, error)) (Verdict, error) {
	if m.Expressions.Steps == 0 {
		return handle(ex, timed{m, ex}, next)
	}
	return handle(ex, timed{m, ex}, func() (Verdict, error) {
		ex.W = &afterHeader{caddyhttp.ResponseWriterWrapper{ResponseWriter: ex.W}, ex}
		hooks, over := ex.ResponseHooks(), false
		defer func() { over = true }()
		hooks.OnHeader(func(status int) (int, error) {
			if over { // what is inside has failed, and somebody else answers that, without the handler
				return status, nil
			}
			return status, ex.start(m.Meter, &m.Expressions, m)
		})
		return ex.Around(hooks, next)
	})
}

// timed is the handler of a module with a meter. Its time is counted up to where it hands the request on, or begins to answer: from
// there on it may wait for others.
type timed struct {
	module Module
	ex     *Exchange
}

// ServeHTTP runs the handler.
func (t timed) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	m, ex := &t.module, t.ex
	if err := ex.start(m.Meter, &m.Expressions, m); err != nil {
		return err
	}
	defer ex.stop()
	w = &meteredWriter{caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, ex}
	return ex.failure(m.Handler.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		ex.stop()
		return next.ServeHTTP(w, r)
	})))
}

// meteredWriter is what a module writes to: when it does, its time is over.
type meteredWriter struct {
	caddyhttp.ResponseWriterWrapper
	ex *Exchange
}

// WriteHeader sends the header.
func (w *meteredWriter) WriteHeader(status int) {
	w.ex.stop()
	w.ResponseWriter.WriteHeader(status)
}

// Write sends a piece of the body.
func (w *meteredWriter) Write(p []byte) (int, error) {
	w.ex.stop()
	return w.ResponseWriter.Write(p)
}

// ReadFrom sends a whole reader, and keeps the server's sendfile.
func (w *meteredWriter) ReadFrom(r io.Reader) (int64, error) {
	w.ex.stop()
	return w.ResponseWriterWrapper.ReadFrom(r)
}

// afterHeader is the writer of a module that changes the header as it leaves: behind it, its time is over.
type afterHeader struct {
	caddyhttp.ResponseWriterWrapper
	ex *Exchange
}

// WriteHeader sends the header.
func (w *afterHeader) WriteHeader(status int) {
	defer w.ex.stop()
	w.ResponseWriter.WriteHeader(status)
}

var (
	_ io.ReaderFrom = (*meteredWriter)(nil)
	_ io.ReaderFrom = (*afterHeader)(nil)
)

// brief bounds the message of an error, which Caddy logs: what placeholders make of one may be a megabyte for each request.
func brief(err error) error {
	const most = 4 << 10
	var failed caddyhttp.HandlerError
	if !errors.As(err, &failed) || failed.Err == nil {
		return err
	}
	text := failed.Err.Error()
	if len(text) <= most {
		return err
	}
	failed.Err = errors.New(strings.ToValidUTF8(text[:most], "") + "…")
	return failed
}
