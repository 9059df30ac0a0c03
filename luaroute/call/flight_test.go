package call_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/call"
)

// What the first of two comes to is nothing to the second, if it is because of the first one's own options or of its end.
func TestWhoWaitsInheritsNoErrorOfTheFirstOnesOwn(t *testing.T) {
	t.Parallel()
	gone := errors.New("the client is gone")
	large := &call.Response{Status: 200, Body: strings.Repeat("x", 100)}
	tooLarge := &call.Error{Kind: call.TooLarge}
	for name, row := range map[string]struct {
		first, second call.Request
		// leaves is why the first one ends after a second, nil if it does not; else comes is what it gets after two.
		leaves error
		comes  any
		asked  int64
		want   string // of the second
	}{
		"the first has left":                    {leaves: gone, asked: 2, want: "200"},
		"it has lost a race":                    {leaves: &call.Error{Kind: call.Closed}, asked: 2, want: "200"},
		"its time is over":                      {first: call.Request{Timeout: time.Second}, asked: 2, want: "200"},
		"it has no more memory":                 {comes: &call.Error{Kind: call.Busy}, asked: 2, want: "200"},
		"its body is smaller":                   {first: call.Request{MaxBody: 10}, comes: tooLarge, asked: 2, want: "200"},
		"its body is as small":                  {first: call.Request{MaxBody: 10}, second: call.Request{MaxBody: 10}, comes: tooLarge, asked: 1, want: "too large"},
		"its body is larger":                    {second: call.Request{MaxBody: 10}, comes: large, asked: 1, want: "too large: the body of the answer has more than 10 bytes"},
		"the server is down":                    {comes: &call.Error{Kind: call.Refused}, asked: 1, want: "refused"},
		"it answers":                            {comes: large, asked: 1, want: "200"},
		"the time of the second is over before": {second: call.Request{Timeout: time.Second}, comes: large, asked: 1, want: "timeout: there was no whole answer within 1s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var c call.Cache
				var all sync.WaitGroup
				s := space()
				ask, asked := answers(row.comes, &call.Response{Status: 200})
				slow := func(ctx context.Context) (*call.Response, error) {
					if asked.Load() > 0 {
						return ask(ctx)
					}
					select {
					case <-time.After(2 * time.Second):
						return ask(ctx)
					case <-ctx.Done():
						asked.Add(1)
						return nil, context.Cause(ctx)
					}
				}
				how := &call.Caching{TTL: time.Minute}
				ctx, cancel := context.WithCancelCause(t.Context())
				all.Go(func() { _, _ = c.Do(ctx, s, "k", how, &row.first, slow) })
				synctest.Wait()
				all.Go(func() {
					got := ""
					if res, err := c.Do(t.Context(), s, "k", how, &row.second, slow); err != nil {
						got = err.Error()
					} else {
						got = fmt.Sprint(res.Status)
					}
					if got != row.want {
						t.Errorf("the second got %s; want %s", got, row.want)
					}
				})
				synctest.Wait()
				if row.leaves != nil {
					cancel(row.leaves)
				}
				all.Wait()
				cancel(nil)
				if n := asked.Load(); n != row.asked {
					t.Errorf("asked %d times; want %d", n, row.asked)
				}
			})
		})
	}
}

func TestAnAnswerThatIsKeptIsNoLargerThanWhatACallTakes(t *testing.T) {
	t.Parallel()
	var c call.Cache
	s := space()
	ask, asked := answers(&call.Response{Status: 200, Body: "0123456789"})
	for most, want := range map[int64]string{0: "<nil>", 10: "<nil>", 9: "too large: the body of the answer has more than 9 bytes"} {
		if _, err := c.Do(t.Context(), s, "k", &call.Caching{TTL: time.Minute}, &call.Request{MaxBody: most}, ask); fmt.Sprint(err) != want {
			t.Errorf("at most %d: got %v; want %s", most, err, want)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}
