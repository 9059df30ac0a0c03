package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/tail"
)

const (
	// heartbeat is how often something is sent where nothing happens.
	heartbeat = 15 * time.Second
	// patience is how long a viewer may take for a piece.
	patience = 30 * time.Second
	// tells is how often a viewer is told how many it has missed.
	tells = time.Second
)

// tail sends requests as they end, until the viewer or the configuration leaves.
func (a *api) tail(q question) error {
	perSecond, clients := a.follows(q.Name())
	if perSecond <= 0 {
		return status(http.StatusForbidden, "the configuration does not show requests of %q as they end; write tail in the block of luaroute_dashboard", q.Name())
	}
	wants, err := filterOf(q.r)
	if err != nil {
		return err
	}
	v, err := q.Tail(wants, perSecond)
	switch {
	case errors.Is(err, tail.ErrFull):
		return status(http.StatusTooManyRequests, "%w", err)
	case err != nil:
		return status(http.StatusServiceUnavailable, "%w", err)
	}
	defer v.Close()
	header := q.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no")
	s := &stream{q.w, http.NewResponseController(q.w)}
	defer func() { _ = s.flow.SetWriteDeadline(time.Time{}) }()
	s.follow(q.r.Context(), v, clients)
	return nil
}

// follow sends what a viewer gets until it leaves or is left.
func (s *stream) follow(ctx context.Context, v *tail.Viewer, clients bool) {
	if !s.send(": luaroute\n\n") {
		return
	}
	beat, tell := time.NewTicker(heartbeat), time.NewTicker(tells)
	defer beat.Stop()
	defer tell.Stop()
	for ok := true; ok; {
		select {
		case e := <-v.Events:
			ok = s.event(e, clients)
		case <-tell.C:
			if n := v.Skipped(); n > 0 {
				ok = s.send(fmt.Sprintf("event: skipped\ndata: %d\n\n", n))
			}
		case <-beat.C:
			ok = s.send(":\n\n")
		case <-v.Ended:
			ok = false
		case <-ctx.Done():
			ok = false
		}
	}
}

// filterOf reads what a viewer wants.
func filterOf(r *http.Request) (tail.Filter, error) {
	query := r.URL.Query()
	f := tail.Filter{
		Tenant: query.Get("tenant"), TenantSet: query.Has("tenant"), Pattern: query.Get("pattern"), Pool: query.Get("pool"), Outcome: query.Get("outcome"),
	}
	if text := query.Get("status"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 999 {
			return f, status(http.StatusBadRequest, "status %q: expected one such as 404, or the first digit of one", text)
		}
		f.Status = n
	}
	return f, nil
}

// stream is a response of server-sent events.
type stream struct {
	w    http.ResponseWriter
	flow *http.ResponseController
}

// event sends one.
func (s *stream) event(e *tail.Event, clients bool) bool {
	shown := *e
	if !clients {
		shown.Client = ""
	}
	text, err := json.Marshal(shown)
	return err == nil && s.send("data: "+string(text)+"\n\n")
}

// send sends a piece at once, and reports whether it could.
func (s *stream) send(text string) bool {
	_ = s.flow.SetWriteDeadline(time.Now().Add(patience)) // some writers have none
	_, err := s.w.Write([]byte(text))
	return err == nil && s.flow.Flush() == nil
}
