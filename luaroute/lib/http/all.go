package http

import (
	"context"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/call"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
	"github.com/luaroute/caddy-luaroute/luaroute/vm/gopher"
)

// maxAtOnce is how many requests http.all sends.
const maxAtOnce = 16

// errLost is the cause of the end of requests that another one was faster than.
var errLost = &call.Error{Kind: call.Closed, Detail: "another answer came first"}

// all is http.all: it sends the requests of a list at once.
func (o *owner) all(L *lua.LState, what string, arg int, defaults *settings) int {
	requests, first := o.list(L, what, L.CheckTable(arg), defaults)
	results := make([]result, len(requests))
	senders := make([]sender, len(requests))
	waits := false
	for i, s := range requests {
		if senders[i], results[i].err = o.prepare(L, s); senders[i] != nil {
			defer o.leave()
			waits = true
		}
	}
	winner := -1
	if waits {
		err := vm.Of(L).Wait(func(ctx context.Context) error {
			winner = race(ctx, senders, results, first)
			return context.Cause(ctx)
		})
		if err != nil {
			vm.Throw(L, err)
		}
	}
	list := gopher.NewTable(len(results), 0)
	for _, r := range results {
		vm.Spend(L, 10)
		entry := gopher.NewTable(0, 1)
		if r.err != nil {
			entry.RawSetString("err", lua.LString(textOf(r.err)))
		} else {
			entry.RawSetString("res", charged(L, r.res))
		}
		list.Append(entry)
	}
	L.Push(list)
	if winner < 0 {
		return 1
	}
	L.Push(lua.LNumber(winner + 1))
	return 2
}

// race runs the senders, and returns the place of the first with an answer of 2xx, if that is asked for; else -1.
func race(ctx context.Context, senders []sender, results []result, first bool) (winner int) {
	winner = -1
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	var won sync.Once
	for i, send := range senders {
		if send == nil {
			continue
		}
		all.Go(func() {
			r := &results[i]
			r.res, r.err = send(ctx)
			if first && r.err == nil && r.res.Status/100 == 2 {
				won.Do(func() {
					winner = i
					cancel(errLost)
				})
			}
		})
	}
	all.Wait()
	return winner
}

// list reads the requests.
func (o *owner) list(L *lua.LState, what string, t *lua.LTable, defaults *settings) (all []*settings, first bool) {
	t = vm.Readable(L, t)
	n := vm.Length(L, t)
	if n == 0 || n > maxAtOnce {
		L.RaiseError("%s: there are %d requests; expected a list of 1 to %d", what, n, maxAtOnce)
	}
	for k, v := vm.Next(L, t, lua.LNil); k != lua.LNil; k, v = vm.Next(L, t, k) {
		if at, ok := k.(lua.LNumber); ok && at >= 1 && at <= lua.LNumber(n) {
			continue
		}
		on, ok := v.(lua.LBool)
		if k != lua.LString("first") || !ok {
			L.RaiseError("%s: found %s = %s; expected a list of requests, and perhaps first = true", what, option.Found(k), option.Found(v))
		}
		first = bool(on)
	}
	left := &shared{state: vm.Of(L), left: vm.Of(L).Memory() / 4}
	for i := 1; i <= n; i++ {
		request, ok := t.RawGetInt(i).(*lua.LTable)
		if !ok {
			L.RaiseError("%s: request %d is %s; expected a table such as { url = … }", what, i, option.Found(t.RawGetInt(i)))
		}
		s := *defaults
		s.read(L, what, request, &requestClass)
		if s.URL == "" {
			L.RaiseError("%s: request %d has no url", what, i)
		}
		s.share = left
		all = append(all, &s)
	}
	return all, first
}

// shared is the memory that the bodies of several answers may take together: a quarter of that of a virtual machine.
type shared struct {
	state *vm.State
	mu    sync.Mutex
	left  int64
}

// reserve is State.Reserve within what is left.
func (s *shared) reserve(bytes int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left -= bytes
	return s.state.Reserve(bytes) && s.left >= 0
}
