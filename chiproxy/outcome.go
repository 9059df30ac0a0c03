package chiproxy

import (
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Outcome is how a request ended.
type Outcome struct {
	// Status is what the client got; for an error that Caddy's handle_errors answers, the status of the error. It is 0
	// for a response that was aborted before it began.
	Status int
	// Bytes is the size of the body as it was written here.
	Bytes int64
	// Duration is the time since the request arrived.
	Duration time.Duration
	// Upstream is the address that was forwarded to last, empty if there was none.
	Upstream string
	// Err is the error that the request ended with, nil if there was none.
	Err error
}

// ErrAborted is the error of a request that ended in a panic, as those do whose response cannot be finished.
var ErrAborted = errors.New("the response was aborted")

// OnDone adds a function that is called when the request has ended. It is dropped if the candidate declines. It runs before the server ends
// the response, so slow work belongs in a goroutine.
func (ex *Exchange) OnDone(fn func(Outcome)) {
	ex.record()
	ex.done = append(ex.done, fn)
}

func (ex *Exchange) outcome(err error) Outcome {
	o := Outcome{Err: err}
	o.Status, o.Bytes = ex.response.Sent()
	if o.Status == 0 && err != ErrAborted {
		o.Status = http.StatusOK
		if failed, ok := errors.AsType[caddyhttp.HandlerError](err); ok {
			o.Status = failed.StatusCode
		}
	}
	ctx := ex.R.Context()
	if start, ok := caddyhttp.GetVar(ctx, "start_time").(time.Time); ok {
		o.Duration = time.Since(start)
	}
	o.Upstream = ex.upstream()
	return o
}
