package dashboard

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/tail"
)

// sent is a response that keeps what is flushed.
type sent struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *sent) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *sent) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (*sent) Header() http.Header { return http.Header{} }
func (*sent) WriteHeader(int)     {}
func (*sent) Flush()              {}

func TestATailBeatsEachFifteenSecondsWhileNothingHappens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var hub tail.Hub
		v, err := hub.Look(tail.Filter{}, 50)
		if err != nil {
			t.Fatal(err)
		}
		ctx, end := context.WithCancel(t.Context())
		w := new(sent)
		left := make(chan struct{})
		go func() {
			defer close(left)
			(&stream{w, http.NewResponseController(w)}).follow(ctx, v, false)
		}()
		for n := range 4 {
			synctest.Wait()
			if got := strings.Count(w.String(), ":\n"); got != n {
				t.Errorf("after %d times 15 s there are %d heartbeats: %q", n, got, w.String())
			}
			time.Sleep(15 * time.Second)
		}
		end()
		<-left
		v.Close()
	})
}
