package vm_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/script"
	"github.com/luaroute/caddy-luaroute/luaroute/stdlib"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// holding returns a pool of many states, and functions that make and hold what they are told, in MiB. wait ends with the channel.
func holding(t *testing.T, open chan struct{}) (*vm.Pool, func(name string, mebi int) chan error) {
	t.Helper()
	b := vm.NewBuilder(stdlib.Open, vm.Options{Globals: map[string]lua.LValue{
		"wait": vm.GoFunc(func(L *lua.LState) int {
			_ = vm.Of(L).Wait(func(context.Context) error { <-open; return nil })
			return 0
		}),
	}})
	p, err := script.Compile("main.lua", []byte(`
		local kept
		local function make(n) local t = {} for i = 1, n do t[i] = ("x"):rep(1048576) end return t end
		function holds(n) local held = make(n) wait() return #held end
		function keeps(n) kept = make(n) end
		function drops() kept = nil end
		function wastes(n) for i = 1, n do local garbage = ("x"):rep(1048576) end end`))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Run(p); err != nil {
		t.Fatal(err)
	}
	refs := map[string]vm.Ref{}
	for _, name := range []string{"holds", "keeps", "drops", "wastes"} {
		refs[name] = b.Keep(b.Global(name).(*lua.LFunction))
	}
	image, err := b.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	pool := vm.NewPool(image, 1000, time.Second)
	return pool, func(name string, mebi int) chan error {
		done := make(chan error, 1)
		go func() {
			s, err := pool.Get(t.Context())
			if err == nil {
				s.Arm(vm.Limits{CPU: time.Minute, Wall: time.Hour}, t.Context())
				err = s.Call(s.Func(refs[name]), 0, lua.LNumber(mebi))
				pool.Put(s)
			}
			done <- err
		}()
		synctest.Wait()
		return done
	}
}

func TestRequestsWaitForAStateWhenAllTogetherHoldTooMuch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		open := make(chan struct{})
		pool, call := holding(t, open)
		defer pool.Close()
		pool.LimitMemory(100 << 20)
		var waiting []chan error
		for range 4 {
			waiting = append(waiting, call("holds", 30))
		}
		if n := pool.Stats().Size; n != 4 || pool.Held() < 120<<20 {
			t.Fatalf("%d states hold %d bytes", n, pool.Held())
		}
		if err := <-call("holds", 1); !errors.Is(err, vm.ErrBusy) {
			t.Errorf("beside four that hold 120 MiB another one got %v", err)
		}
		late := call("wastes", 1) // it gets the state of one that is over
		open <- struct{}{}
		if err := <-late; err != nil {
			t.Errorf("when one of them was over: %v", err)
		}
		close(open)
		for _, done := range waiting {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if held := pool.Held(); held > 1<<20 {
			t.Errorf("%d bytes are held when all is over", held)
		}
		if err := <-call("holds", 30); err != nil {
			t.Error(err)
		}
	})
}

func TestGarbageDoesNotCountForAllStatesTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		open := make(chan struct{})
		close(open)
		pool, call := holding(t, open)
		defer pool.Close()
		pool.LimitMemory(40 << 20)
		for range 5 {
			if err := <-call("wastes", 30); err != nil {
				t.Fatal(err)
			}
		}
		if held := pool.Held(); held > 1<<20 {
			t.Errorf("%d bytes are held", held)
		}
		if err := <-call("keeps", 20); err != nil {
			t.Fatal(err)
		}
		if held := pool.Held(); held < 20<<20 || held > 21<<20 {
			t.Errorf("%d bytes are held by one that keeps 20 MiB", held)
		}
		if err := <-call("drops", 0); err != nil { // in the state that was used last
			t.Fatal(err)
		}
		if err := <-call("wastes", 1); err != nil {
			t.Fatal(err)
		}
		if held := pool.Held(); held > 2<<20 {
			t.Errorf("%d bytes are held after it let go", held)
		}
		time.Sleep(time.Hour) // idle states are let go
		if held, n := pool.Held(), pool.Stats().Size; held != 0 || n != 0 {
			t.Errorf("%d states hold %d bytes after an hour", n, held)
		}
	})
}
