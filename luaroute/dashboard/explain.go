package dashboard

import (
	"context"
	"errors"
	"io"
	"net/http"

	"golang.org/x/time/rate"

	"github.com/luaroute/caddy-luaroute/luaroute/admin"
	"github.com/luaroute/caddy-luaroute/luaroute/hook"
)

// What explanations may cost.
const (
	maxExplains  = 2  // at once
	perSecond    = 10 // that begin
	maxQuestion  = 64 << 10
	budgetShares = 10 // guards get one of these of their budget
)

// bound bounds explanations.
type bound struct {
	places chan struct{}
	tokens *rate.Limiter
}

func newBound() *bound {
	return &bound{make(chan struct{}, maxExplains), rate.NewLimiter(perSecond, perSecond)}
}

// enter takes a place, which leave gives back, or says that there is none.
func (b *bound) enter() (leave func(), err error) {
	select {
	case b.places <- struct{}{}:
	default:
		return nil, status(http.StatusTooManyRequests, "%d explanations run; more at once are not made", maxExplains)
	}
	leave = func() { <-b.places }
	if !b.tokens.Allow() {
		leave()
		return nil, status(http.StatusTooManyRequests, "there were %d explanations in the last second; more are not made", perSecond)
	}
	return leave, nil
}

// explain answers with what the table would do with the request that the body describes. Of what scripts have only guards run.
func (a *api) explain(q question) error {
	body, err := io.ReadAll(http.MaxBytesReader(q.w, q.r.Body, maxQuestion))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return status(http.StatusRequestEntityTooLarge, "the request is larger than %d KiB", maxQuestion>>10)
	}
	if err != nil {
		return status(http.StatusBadRequest, "%w", err)
	}
	asked, err := admin.ReadQuestion(body)
	if err != nil {
		return status(http.StatusBadRequest, "%w", err)
	}
	leave, err := a.explains.enter()
	if err != nil {
		q.w.Header().Set("Retry-After", "1")
		return err
	}
	defer leave()
	ctx, cancel := context.WithCancel(hook.WithShare(context.Background(), budgetShares)) // the rest of the context is of another request
	defer cancel()
	defer context.AfterFunc(q.r.Context(), cancel)()
	return q.write(redacted(q.Explain(asked.WithContext(ctx), false), asked.URL.RawQuery))
}
