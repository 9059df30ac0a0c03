package dial

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// begun runs many checks at once that may each take so long, and returns when they began, in order.
func begun(t *testing.T, n int, timeout time.Duration) (all []time.Duration) {
	t.Helper()
	var p pace
	var mu sync.Mutex
	start := time.Now()
	var checks sync.WaitGroup
	for range n {
		checks.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			if err := p.wait(ctx); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, time.Since(start))
		})
	}
	checks.Wait()
	slices.Sort(all)
	return all
}

func TestHealthChecksBeginOneAfterTheOther(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		checks  int
		timeout time.Duration
		most    int // in ten milliseconds
	}{
		{1, time.Second, 1},
		{1000, 5 * time.Second, 21},
		{1000, time.Second, 21},
		{4000, time.Second, 140}, // more than have room: they are spread all the same, 80 on average
		{100, 0, 100},
	} {
		synctest.Test(t, func(t *testing.T) {
			all := begun(t, row.checks, row.timeout)
			if last := all[len(all)-1]; last > row.timeout/2 {
				t.Errorf("of %d checks within %v the last began after %v", row.checks, row.timeout, last)
			}
			for i, from := range all {
				n := 0
				for _, at := range all[i:] {
					if at < from+10*time.Millisecond {
						n++
					}
				}
				if n > row.most {
					t.Fatalf("of %d checks within %v %d began in the 10 ms after %v", row.checks, row.timeout, n, from)
				}
			}
		})
	}
}

func TestACheckWhosePoolEndsWaitsNoLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pace{next: time.Now().Add(time.Hour)}
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(gone) })
		if err := p.wait(ctx); !errors.Is(err, gone) {
			t.Errorf("got %v", err)
		}
	})
}

func TestRequestsAreNoHealthChecks(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if !isCheck(r) {
		t.Error("what has no server is none")
	}
	if isCheck(r.WithContext(context.WithValue(r.Context(), caddyhttp.ServerCtxKey, new(caddyhttp.Server)))) {
		t.Error("a request of a server is one")
	}
}

// nobody is a transport without an answer.
type nobody struct{}

func (nobody) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("nobody is there")
}

func TestATransportHasHealthChecksWaitForTheirTurn(t *testing.T) {
	t.Parallel()
	const n = 100
	start := time.Now()
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1/", nil)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := (&Transport{inner: nobody{}}).RoundTrip(r); err == nil {
				t.Error("somebody has answered")
			}
		})
	}
	all.Wait()
	checks.mu.Lock()
	defer checks.mu.Unlock()
	if least := start.Add(n * checkGap); checks.next.Before(least) {
		t.Errorf("%d checks have taken no turns: the next one is %v too early", n, least.Sub(checks.next))
	}
}
