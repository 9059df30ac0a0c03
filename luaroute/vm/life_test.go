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

// living returns a state with a life, and its functions by name.
func living(t *testing.T, life *vm.Life, code string) (*vm.Pool, map[string]vm.Ref) {
	t.Helper()
	b := vm.NewBuilder(stdlib.Open, vm.Options{Life: life, Globals: map[string]lua.LValue{
		"wait": vm.GoFunc(func(L *lua.LState) int {
			err := vm.Of(L).Wait(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
			if err != nil {
				vm.Throw(L, err)
			}
			return 0
		}),
		"outside": vm.GoFunc(func(L *lua.LState) int {
			vm.Of(L).Outside(func() { time.Sleep(time.Minute) })
			return 0
		}),
	}})
	p, err := script.Compile("main.lua", []byte(code))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Run(p); err != nil {
		t.Fatal(err)
	}
	refs := map[string]vm.Ref{}
	for _, name := range []string{"short", "waits", "wraps"} {
		refs[name] = b.Keep(b.Global(name).(*lua.LFunction))
	}
	image, err := b.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	return vm.NewPool(image, 3, time.Hour), refs
}

func TestTheEndOfALifeEndsCallsThatWait(t *testing.T) {
	t.Parallel()
	const code = `
		function short() for i = 1, 5000 do end end
		function waits() while true do pcall(wait) end end
		function wraps() outside() short() end`
	for _, row := range []struct {
		name        string
		end         func(*vm.Life)
		wraps, late error
	}{
		{"of calls", (*vm.Life).EndCalls, nil, nil},
		{"for good", (*vm.Life).End, vm.ErrStopped, vm.ErrStopped},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				life := vm.NewLife()
				pool, refs := living(t, life, code)
				defer pool.Close()
				call := func(name string) chan error {
					done := make(chan error, 1)
					go func() {
						s, err := pool.Get(t.Context())
						if err == nil {
							defer pool.Put(s)
							s.Arm(vm.Limits{Wall: 24 * time.Hour}, t.Context())
							err = s.Call(s.Func(refs[name]), 0)
						}
						done <- err
					}()
					synctest.Wait()
					return done
				}
				waits, wraps, other := call("waits"), call("wraps"), call("waits")
				queues := call("short") // all states are in use
				row.end(life)
				for name, done := range map[string]chan error{"what waits": waits, "what waits beside it": other} {
					if err := <-done; !errors.Is(err, vm.ErrStopped) || !errors.Is(err, vm.ErrBudget) {
						t.Errorf("%s ended with %v", name, err)
					}
				}
				if err := <-queues; err != nil && !errors.Is(err, vm.ErrStopped) || row.late != nil && err == nil { // it may get one
					t.Errorf("what waited for a state ended with %v", err)
				}
				if err := <-wraps; !errors.Is(err, row.wraps) {
					t.Errorf("what wrapped something else ended with %v; want %v", err, row.wraps)
				}
				if err := <-call("short"); !errors.Is(err, row.late) {
					t.Errorf("a call that began later ended with %v; want %v", err, row.late)
				}
			})
		})
	}
}
