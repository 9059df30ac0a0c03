package response_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy/response"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

// Each request that still waits when its time is over ends exactly then, whoever left before it, and in between.
func TestEachDeadlineEndsInItsOwnTime(t *testing.T) {
	t.Parallel()
	const each, requests = time.Second, 200
	for name, leaves := range map[string]func(i int) bool{
		"nobody leaves":          func(int) bool { return false },
		"the first leave":        func(i int) bool { return i < requests/2 },
		"the last leave":         func(i int) bool { return i >= requests/2 },
		"every other one":        func(i int) bool { return i%2 == 0 },
		"all but one leave":      func(i int) bool { return i != 77 },
		"two of three leave":     func(i int) bool { return i%3 != 0 },
		"the one with the timer": func(i int) bool { return i == 0 },
	} {
		synctest.Test(t, func(t *testing.T) {
			line := response.NewDeadlines(each, false)
			var all sync.WaitGroup
			for i := range requests {
				all.Go(func() {
					time.Sleep(time.Duration(i*i%97) * 31 * time.Millisecond) // some at once, some after the line was empty
					began := time.Now()
					d := line.Begin(httptest.NewRecorder(), t.Context())
					defer d.Stop()
					if leaves(i) {
						time.Sleep(each / 3)
						return
					}
					<-d.Context().Done()
					if took := time.Since(began); took != each {
						t.Errorf("%s: the request %d ended after %s", name, i, took)
					}
					if !d.Settle() || d.Settle() {
						t.Errorf("%s: the request %d is not settled once", name, i)
					}
				})
			}
			all.Wait()
		})
	}
}

func TestTheContextOfADeadlineIsOneOfTheStandardLibrary(t *testing.T) {
	t.Parallel()
	type key struct{}
	cause := errors.New("the client has left")
	for name, c := range map[string]struct {
		end        func(around context.CancelCauseFunc)
		err, cause error
	}{
		"the time is over":    {func(context.CancelCauseFunc) { time.Sleep(time.Second) }, context.Canceled, context.Canceled},
		"the one around ends": {func(around context.CancelCauseFunc) { around(cause) }, context.Canceled, cause},
	} {
		for _, asked := range []string{"before", "after"} {
			synctest.Test(t, func(t *testing.T) {
				around, cancel := context.WithCancelCause(context.WithValue(t.Context(), key{}, "value"))
				defer cancel(nil)
				d := response.NewDeadlines(time.Second, false).Begin(httptest.NewRecorder(), around)
				defer d.Stop()
				ctx := d.Context()
				var child context.Context
				if ctx.Err() != nil || ctx.Value(key{}) != "value" {
					t.Errorf("%s: %v %v", name, ctx.Err(), ctx.Value(key{}))
				}
				called := false
				if asked == "before" {
					before := runtime.NumGoroutine()
					for range 50 {
						inner, stop := context.WithCancel(context.WithValue(ctx, key{}, "inner"))
						defer stop()
						child = inner
					}
					if now := runtime.NumGoroutine(); now > before+10 { // other tests run, too
						t.Errorf("%s: the contexts inside have %d goroutines", name, now-before)
					}
					defer context.AfterFunc(ctx, func() { called = true })()
				}
				c.end(cancel)
				synctest.Wait()
				if !errors.Is(ctx.Err(), c.err) || !errors.Is(context.Cause(ctx), c.cause) || ctx.Value(key{}) != "value" {
					t.Errorf("%s: %v, because of %v", name, ctx.Err(), context.Cause(ctx))
				}
				<-ctx.Done()
				if child != nil && (child.Err() == nil || !errors.Is(context.Cause(child), c.cause) || !called) {
					t.Errorf("%s: %v, because of %v, inside; called is %t", name, child.Err(), context.Cause(child), called)
				}
			})
		}
	}
}

// A request in time allocates its deadline, which is its writer and its context: a goroutine may have the context for longer than the request.
func TestARequestInTimeAllocatesItsDeadline(t *testing.T) {
	line, w, ctx := response.NewDeadlines(time.Hour, false), httptest.NewRecorder(), t.Context()
	n := testkit.Allocs(300, func() {
		d := line.Begin(w, ctx)
		d.Header()
		d.WriteHeader(http.StatusOK)
		_ = d.Context().Err()
		_ = d.Context().Value(line)
		d.Stop()
	})
	if n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func TestDeadlinesOfManyAtOnceAreKept(t *testing.T) {
	t.Parallel()
	line := response.NewDeadlines(2*time.Millisecond, true)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 300 {
				d := line.Begin(httptest.NewRecorder(), t.Context())
				switch (i + j) % 3 {
				case 0:
					d.WriteHeader(http.StatusOK)
				case 1:
					<-d.Context().Done()
				}
				d.Stop()
				d.Stop()
			}
		})
	}
	all.Wait()
}
