// Package kv is the library `kv` for scripts: values by key that all virtual machines of a tenant share, and with a store such as Redis all
// servers of a fleet. Its bindings describe its functions.
//
// What a script gets is equal to what was written and belongs to it alone. Where the store fails, the functions return nil and an error that
// begins with "down", "timeout", "full", "too large" or "not a number"; wrong arguments raise.
package kv

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/kv/overlay"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

const (
	// callSteps is the fixed cost of a call, and bytesPerStep what one step copies.
	callSteps, bytesPerStep = 5, 64
	// lookSteps is the cost of looking at a key for a list.
	lookSteps = 2
)

func init() {
	caddy.RegisterModule(Library{})
}

// Library is `require("kv")` of scripts: values by key that all virtual machines of a tenant share. Where they are kept
// is the `kv` of the handler. It has no configuration.
type Library struct{}

// CaddyModule returns the Caddy module information.
func (Library) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "luaroute.libs.kv", New: func() caddy.Module { return new(Library) }}
}

// Open returns the library's table.
func (Library) Open(*lua.LState) lua.LValue { return bindings.Table() }

// Docs describes what is in it.
func (Library) Docs() []vm.Doc { return bindings.Docs() }

// Classes describes its types.
func (Library) Classes() []vm.Class { return []vm.Class{valueClass, incrClass, fetchClass} }

// call is one call of a script.
type call struct {
	L     *lua.LState
	state *vm.State
	store kv.Store // that of the space, or what keeps writes away from it
	space *kv.Space
	waits bool
	*buffers
}

// buffers are what a call needs for the bytes that it reads and writes.
type buffers struct{ room, value []byte }

var spare = sync.Pool{New: func() any { return &buffers{make([]byte, 0, 512), make([]byte, 0, 512)} }}

// begin begins a call. It raises an error where there is no store to ask.
func begin(L *lua.LState, name string) call {
	s := vm.Of(L)
	if s.Declaring() {
		L.RaiseError("kv.%s is called while the script loads; call it in functions that serve requests, in route.on_load or in route.every", name)
	}
	space, ok := vm.Service[*kv.Space](s)
	if !ok {
		L.RaiseError("kv.%s: there is no store here", name)
	}
	vm.Spend(L, callSteps)
	c := call{L: L, state: s, store: space.Store, space: space, waits: space.Waits()}
	if s.Refuse != nil && !s.Loading() { // a load that is only tried has a store that keeps nothing
		c.store = overlay.Of(s.Context()).Over(space.Store).At(s.Clock)
	}
	if c.waits {
		c.buffers = new(buffers) // a store may still send what it was given when the call has ended
	} else {
		c.buffers = spare.Get().(*buffers)
	}
	return c
}

// maxSpare is the size of the largest buffer that is kept.
const maxSpare = 64 << 10

// end ends it. Calls that raise an error leave their buffers to the garbage collector.
func (c *call) end() {
	if !c.waits && cap(c.value) <= maxSpare && cap(c.room) <= maxSpare {
		spare.Put(c.buffers)
	}
}

// do performs an operation.
func (c *call) do(op *kv.Op) (kv.Result, error) {
	c.space.Address(op)
	if n := (len(op.Key) + len(op.Value) + len(op.Old)) / bytesPerStep; n > 0 {
		vm.Spend(c.L, n)
	}
	if c.waits {
		return c.wait(*op)
	}
	return c.store.Do(c.state.Context(), *op)
}

// wait performs an operation of a store that waits.
func (c *call) wait(op kv.Op) (result kv.Result, err error) {
	waited := c.state.Wait(func(ctx context.Context) error {
		result, err = c.store.Do(ctx, op)
		return err
	})
	if c.state.Ended() {
		vm.Throw(c.L, waited)
	}
	return result, err
}

// fail pushes nil and why an operation has failed.
func fail(L *lua.LState, err error) int {
	return vm.Fail(L, reason(err))
}

// reason is what scripts see of an error.
func reason(err error) string {
	if own, ok := errors.AsType[*kv.Error](err); ok {
		return own.Error()
	}
	return string(kv.Down)
}

// get is kv.get(key).
func get(L *lua.LState) int {
	c := begin(L, "get")
	r, err := c.do(&kv.Op{Kind: kv.Get, Key: checkKey(L), Room: c.room})
	if err != nil {
		return fail(L, err)
	}
	if r.OK {
		L.Push(decode(L, r.Value))
	} else {
		L.Push(lua.LNil)
	}
	c.end()
	return 1
}

// write returns the function that writes a value if that is what a kind does.
func write(name string, kind kv.Kind) lua.LGFunction {
	return func(L *lua.LState) int {
		key, ttl := checkKey(L), optTTL(L, 3)
		c := begin(L, name)
		c.value = encode(L, 2, c.value[:0])
		return c.answer(kv.Op{Kind: kind, Key: key, Value: c.value, HasValue: true, TTL: ttl})
	}
}

// answer performs an operation and pushes whether it has done something.
func (c *call) answer(op kv.Op) int {
	r, err := c.do(&op)
	if err != nil {
		return fail(c.L, err)
	}
	c.L.Push(lua.LBool(r.OK))
	c.end()
	return 1
}

// cas is kv.cas(key, old, new, ttl).
func cas(L *lua.LState) int {
	op := kv.Op{Kind: kv.CompareAndSwap, Key: checkKey(L), TTL: optTTL(L, 4)}
	c := begin(L, "cas")
	if op.HasOld = L.Get(2) != lua.LNil; op.HasOld {
		op.Old = encode(L, 2, nil)
	}
	if op.HasValue = L.Get(3) != lua.LNil; op.HasValue {
		c.value = encode(L, 3, c.value[:0])
		op.Value = c.value
	}
	return c.answer(op)
}

// incr is kv.incr(key, by, options).
func incr(L *lua.LState) int {
	op := kv.Op{Kind: kv.Increment, Key: checkKey(L), By: 1}
	if L.Get(2) != lua.LNil {
		op.By = float64(L.CheckNumber(2))
	}
	if math.IsNaN(op.By) || math.IsInf(op.By, 0) {
		L.ArgError(2, "found "+lua.LNumber(op.By).String()+"; expected a number")
	}
	if t := L.OptTable(3, nil); t != nil {
		op.Init, op.TTL = incrOptions(L, t)
	}
	c := begin(L, "incr")
	r, err := c.do(&op)
	if err != nil {
		return fail(L, err)
	}
	L.Push(lua.LNumber(r.Number))
	c.end()
	return 1
}

// remove is kv.delete(key).
func remove(L *lua.LState) int {
	key := checkKey(L)
	c := begin(L, "delete")
	return c.answer(kv.Op{Kind: kv.Delete, Key: key})
}

// expire is kv.expire(key, ttl).
func expire(L *lua.LState) int {
	op := kv.Op{Kind: kv.Expire, Key: checkKey(L), TTL: optTTL(L, 2)}
	c := begin(L, "expire")
	return c.answer(op)
}

// ttl is kv.ttl(key).
func ttl(L *lua.LState) int {
	key := checkKey(L)
	c := begin(L, "ttl")
	r, err := c.do(&kv.Op{Kind: kv.TTL, Key: key})
	switch {
	case err != nil:
		return fail(L, err)
	case !r.OK:
		L.Push(lua.LNil)
	case r.TTL == 0:
		L.Push(lua.LNumber(math.Inf(1)))
	default:
		L.Push(lua.LNumber(r.TTL.Seconds()))
	}
	c.end()
	return 1
}

// The most keys that keys returns, and how many it does if nothing is said.
const maxKeys, usualKeys = 1000, 100

// keys is kv.keys(prefix, limit).
func keys(L *lua.LState) int {
	prefix, limit := L.OptString(1, ""), usualKeys
	if len(prefix) > kv.MaxKey {
		L.ArgError(1, "the prefix is too long; allowed are 1024 bytes")
	}
	if L.Get(2) != lua.LNil {
		n := float64(L.CheckNumber(2))
		if limit = int(n); float64(limit) != n || limit < 1 || limit > maxKeys {
			L.ArgError(2, "found "+lua.LNumber(n).String()+"; expected a whole number from 1 to 1000")
		}
	}
	c := begin(L, "keys")
	r, err := c.do(&kv.Op{Kind: kv.Keys, Key: prefix, Limit: limit})
	if err != nil {
		return fail(L, err)
	}
	slices.Sort(r.Keys)
	vm.Spend(L, lookSteps*r.Looked)
	list := L.CreateTable(len(r.Keys), 0)
	for _, key := range r.Keys {
		vm.ChargeString(L, len(key))
		list.Append(lua.LString(key))
	}
	L.Push(list)
	L.Push(lua.LBool(r.OK))
	c.end()
	return 2
}

// seconds returns a time to live.
func seconds(n float64) time.Duration {
	if n >= math.MaxInt64/float64(time.Second) {
		return 0 // forever
	}
	return time.Duration(n * float64(time.Second))
}

// Interface guards
var (
	_ vm.Documented = Library{}
	_ vm.Classified = Library{}
)
