package hook_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/luaroute/config"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

var (
	huntFor  = flag.Duration("leak.for", map[bool]time.Duration{false: 3 * time.Second, true: time.Minute}[testkit.Race], "how long leaks are hunted")
	huntSeed = flag.Uint64("leak.seed", 0, "the schedule of the hunt for leaks; 0 for another one each time")
)

// hunter is a library that gives the scripts of the hunt what they need, and what holds the clients of requests by token.
type hunter struct {
	done  sync.Map // the tokens that on_done has seen
	leave sync.Map // how the clients leave
}

// Open returns the library's table.
func (h *hunter) Open(L *lua.LState) lua.LValue {
	return L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"abort": func(*lua.LState) int { panic(http.ErrAbortHandler) },
		"done": func(L *lua.LState) int {
			if _, twice := h.done.LoadOrStore(L.CheckString(1), true); twice {
				L.RaiseError("leak: on_done is called twice")
			}
			return 0
		},
	})
}

// quarry is one request of the hunt.
type quarry struct{ path, token, kind, around, hooks string }

var (
	huntKinds  = []string{"pool", "proxy", "text", "write", "json", "body", "decline", "next", "error", "dead", "leave", "abort"}
	huntAround = []string{"plainly", "pcall", "coroutine", "sort"}
	huntHooks  = []string{"headers", "body", "done", "kept", "global"}
)

// hooked says that the answer passes the response hooks. What on_error answers does not: the middleware has failed.
func (q quarry) hooked() bool { return q.kind != "error" && q.kind != "dead" }

// answer is what the client must get. A broken connection has no status.
func (q quarry) answer() (status int, body string) {
	status = http.StatusOK
	switch q.kind {
	case "pool", "proxy", "text", "body", "decline", "dead":
		body = q.kind + " " + q.token
	case "write":
		body = "written by " + q.token
	case "json":
		body = fmt.Sprintf("{%q:%q}", "token", q.token)
	case "next":
		status, body = http.StatusTeapot, "next"
	case "error":
		return http.StatusInternalServerError, ""
	default:
		return 0, ""
	}
	if q.hooked() && strings.Contains(q.hooks, "body") {
		body += " to " + q.token
	}
	return status, body
}

// TestNoRequestSeesAnotherInARandomSchedule hunts for leaks: each request carries a token, and all that the script and
// the client see must have it. -leak.for=10m -timeout=0 hunts longer.
func TestNoRequestSeesAnotherInARandomSchedule(t *testing.T) {
	t.Parallel()
	const clients, vms = 64, 16
	seed := *huntSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("go test -run %s -leak.seed=%d", t.Name(), seed)
	h := new(hunter)
	echo := luatest.Origin(t, h.echo)
	site := luatest.Setup{
		Libraries: map[string]vm.Library{"hunter": h},
		Limits:    config.Limits{CPU: caddy.Duration(time.Minute), VMs: vms, Queue: caddy.Duration(time.Minute)},
	}.Serve(t, fmt.Sprintf("local addresses = { echo = %q, dead = %q }\n", echo, ports.Dead(t))+huntScript)

	end := time.Now().Add(*huntFor)
	var all sync.WaitGroup
	var asked, told atomic.Int64
	for c := range clients {
		all.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(c)))
			for i := 0; (i < 30 || time.Now().Before(end)) && !t.Failed(); i++ {
				q := quarry{
					path: pick(r, "free", "wrapped", "twice"), token: fmt.Sprintf("%d-%d", c, i),
					kind: pick(r, huntKinds...), around: pick(r, huntAround...),
				}
				for _, name := range huntHooks {
					if r.IntN(3) == 0 {
						q.hooks += name + " "
					}
				}
				if err := h.ask(site, q); err != nil {
					t.Errorf("%+v: %s", q, err)
				}
				asked.Add(1)
				if strings.Contains(q.hooks, "done") {
					told.Add(1)
				}
				for _, entry := range site.Logs.TakeAll() {
					if text := fmt.Sprint(entry.Message, entry.ContextMap()); strings.Contains(text, "leak") {
						t.Error(text)
					}
				}
				for len(site.Errors) > 0 {
					<-site.Errors
				}
			}
		})
	}
	all.Wait()
	until(t, "all virtual machines are back", func() bool { s := site.VMs.Stats(); return s.Idle == s.Size && s.Waiting == 0 })
	n := int64(0)
	h.done.Range(func(any, any) bool { n++; return true })
	if n != told.Load() && !t.Failed() {
		t.Errorf("on_done was called for %d requests, want %d", n, told.Load())
	}
	t.Logf("%d requests", asked.Load())
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

// echo is the upstream. It makes the clients leave that are to.
func (h *hunter) echo(w http.ResponseWriter, r *http.Request) {
	if leave, ok := h.leave.Load(r.Header.Get("X-Token")); ok {
		leave.(context.CancelFunc)()
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("X-Origin", r.Header.Get("X-Seen"))
	fmt.Fprintf(w, "%s %s", r.Header.Get("X-Kind"), r.Header.Get("X-Seen"))
}

// ask sends a request and says what is wrong with the answer.
func (h *hunter) ask(site *luatest.Site, q quarry) error {
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	if q.kind == "leave" {
		h.leave.Store(q.token, leave)
		defer h.leave.Delete(q.token)
	}
	var body io.Reader
	if q.kind == "body" {
		body = strings.NewReader("body " + q.token)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, site.URL+"/"+q.path+"/"+q.token+"?token="+q.token, body)
	if err != nil {
		return err
	}
	r.Header = http.Header{
		"X-Token": {q.token}, "Cookie": {"token=" + q.token}, "X-Kind": {q.kind}, "X-Around": {q.around}, "X-Hooks": {q.hooks},
	}
	a, err := luatest.Send(luatest.Client, r)
	status, want := q.answer()
	switch {
	case status == 0 && err != nil:
		return nil
	case err != nil || a.Status != status || a.Body != want:
		return fmt.Errorf("got %s, %v; want %d %s", a, err, status, want)
	case !q.hooked():
		return nil
	}
	for _, name := range []string{"X-Before", "X-Headers", "X-Origin"} {
		if values := a.Header.Values(name); len(values) > 1 || len(values) == 1 && values[0] != q.token {
			return fmt.Errorf("%s is %q", name, values)
		}
	}
	wants := []string{"X-Before"}
	if strings.Contains(q.hooks, "headers") {
		wants = append(wants, "X-Headers")
	}
	if slices.Contains([]string{"pool", "proxy"}, q.kind) {
		wants = append(wants, "X-Origin")
	}
	for _, name := range wants {
		if a.Header.Get(name) == "" {
			return fmt.Errorf("%s is missing", name)
		}
	}
	return nil
}
