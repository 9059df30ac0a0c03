package forwardauth_test

import (
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/forwardauth"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
)

func TestOfManyThatAskTheSameOneAsksAndTheOthersWait(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		answer http.HandlerFunc
		status int
		asked  int64
	}{
		{"a verdict to remember", allow, 200, 1},
		{"a refusal to remember", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, 403, 1},
		{"a redirection, which is none", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }, 302, 10},
		{"a cookie, which is for one", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Set-Cookie", "sid=1") }, 200, 10},
		{"an error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, 503, 10},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			came, release := make(chan struct{}, 20), make(chan struct{})
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				came <- struct{}{}
				<-release
				row.answer(w, r)
			}, cached(nil, "header:Authorization"))
			var all sync.WaitGroup
			ask := func() {
				if got := s.get("/a", "Authorization", "x"); got.Code != row.status {
					t.Errorf("got %d; want %d", got.Code, row.status)
				}
			}
			all.Go(ask)
			<-came
			for range 9 {
				all.Go(ask)
			}
			close(release)
			all.Wait()
			if n := s.asked.Load(); n != row.asked {
				t.Errorf("asked %d times; want %d", n, row.asked)
			}
		})
	}
}

func TestQuestionsBeyondTheMostAreNotAsked(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		open   bool
		status int
	}{"closed": {false, 503}, "open": {true, 200}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			came, release := make(chan struct{}, 2), make(chan struct{})
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				came <- struct{}{}
				<-release
				_, _ = io.WriteString(w, "")
			}, config(func(c *forwardauth.Config) { c.MostAsked, c.Open, c.Timeout = 2, row.open, time.Hour }))
			var all sync.WaitGroup
			for range 2 {
				all.Go(func() {
					if got := s.get("/"); got.Code != 200 {
						t.Errorf("one of the first two got %d", got.Code)
					}
				})
				<-came
			}
			if got := s.get("/"); got.Code != row.status || s.asked.Load() != 2 {
				t.Errorf("the third got %d, and %d were asked; want %d", got.Code, s.asked.Load(), row.status)
			}
			close(release)
			all.Wait()
			testkit.Until(t, "a place is free", func() bool { return s.get("/").Code == 200 })
		})
	}
}
