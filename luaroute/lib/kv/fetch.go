package kv

import (
	"context"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/kv"
	"github.com/luaroute/caddy-luaroute/luaroute/option"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// stale is the second result of fetch for a value that is older than it should be.
const stale = "stale"

// fetching is a call of kv.fetch.
type fetching struct {
	call
	key                  string
	ttl, negative, grace time.Duration
	fn                   *lua.LFunction
	// old is a value that is older than ttl, for the case that the function fails; nil if there is none.
	old []byte
}

// fetch is kv.fetch(key, options, fn).
func fetch(L *lua.LState) int {
	f := fetching{key: checkKey(L), fn: L.CheckFunction(3)}
	f.options(L, L.CheckTable(2))
	f.call = begin(L, "fetch")
	if value, ok := f.look(); ok {
		L.Push(decode(L, value))
		return f.noted("")
	}
	id := flightKey{f.store, f.space.Scope, f.key}
	for {
		flight, own, ok := flights.join(id, f.state)
		if !ok {
			L.RaiseError("kv.fetch: the function of a key calls kv.fetch for the same key, so it would wait for itself")
		}
		if own {
			return f.fly(id, flight)
		}
		if f.join(flight); flight.landed {
			return f.land(flight.outcome)
		}
	}
}

func (f *fetching) options(L *lua.LState, t *lua.LTable) {
	o := option.Of(L, "kv.fetch", t, &fetchClass)
	f.ttl, f.negative, f.grace = optionTTL(o, "ttl"), optionTTL(o, "negative"), optionTTL(o, "stale")
	if f.grace > 0 && f.ttl == 0 {
		L.RaiseError("kv.fetch: stale is for values that get old; expected a ttl, too")
	}
}

// look returns the value that is kept, and reports whether there is one that is not too old. A store that fails has none.
func (f *fetching) look() (value []byte, ok bool) {
	f.old = nil
	r, err := f.do(&kv.Op{Kind: kv.Get, Key: f.key, Room: f.room, WithTTL: f.grace > 0})
	switch {
	case err != nil || !r.OK:
		return nil, false
	case r.TTL > 0 && r.TTL <= f.grace && !isAbsent(r.Value):
		f.old = append([]byte{}, r.Value...)
		return nil, false
	}
	return r.Value, true
}

// join waits until another state has run the function.
func (f *fetching) join(other *flight) {
	defer flights.left(f.state)
	err := f.state.Wait(func(ctx context.Context) error {
		select {
		case <-other.done:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	if f.state.Ended() {
		vm.Throw(f.L, err)
	}
}

// fly runs the function for all who wait.
func (f *fetching) fly(id flightKey, own *flight) int {
	defer flights.land(id, own)
	if value, ok := f.look(); ok { // another flight has landed in between
		own.outcome = outcome{landed: true, value: append([]byte{}, value...)}
		return f.land(own.outcome)
	}
	L := f.L
	L.Push(f.fn)
	if err := vm.Try(L, 0, 2); err != nil {
		own.outcome = outcome{landed: true, failure: vm.Message(err), raised: true}
		if f.old == nil {
			vm.Raise(err)
		}
		return f.land(own.outcome)
	}
	value, failure := L.Get(-2), L.Get(-1)
	L.Pop(2)
	switch {
	case value != lua.LNil:
		return f.keep(own, value)
	case failure != lua.LNil:
		own.outcome = outcome{landed: true, failure: L.ToStringMeta(failure).String()}
		return f.land(own.outcome)
	}
	own.outcome = outcome{landed: true}
	if f.negative > 0 {
		own.note = f.set(kv.AppendJSON(nil, []byte(absent)), f.negative)
	}
	return f.land(own.outcome)
}

// keep writes what the function has returned, and returns it.
func (f *fetching) keep(own *flight, v lua.LValue) int {
	value, err := appendValue(f.L, v, nil)
	if err != nil {
		own.outcome = outcome{landed: true, failure: err.Error(), raised: true}
		f.L.RaiseError("kv.fetch: the function returned something else than plain data: %s", err)
	}
	life := f.ttl
	if life > 0 {
		life += f.grace
	}
	own.outcome = outcome{landed: true, value: value, note: f.set(value, life)}
	f.L.Push(v)
	return f.noted(own.note)
}

// set writes a value, and returns why it could not.
func (f *fetching) set(value []byte, life time.Duration) (note string) {
	if _, err := f.do(&kv.Op{Kind: kv.Set, Key: f.key, Value: value, HasValue: true, TTL: life}); err != nil {
		return reason(err)
	}
	return ""
}

// noted adds the second result, if there is one.
func (f *fetching) noted(note string) int {
	f.end()
	if note == "" {
		return 1
	}
	f.L.Push(lua.LString(note))
	return 2
}

// land returns what a flight has brought.
func (f *fetching) land(o outcome) int {
	value, note := o.value, o.note
	switch {
	case o.failure != "" && f.old != nil:
		value, note = f.old, stale
	case o.raised:
		f.L.RaiseError("kv.fetch: the function failed for another caller that fetched the same key: %s", o.failure)
	case o.failure != "":
		note = o.failure
	}
	if value == nil {
		f.L.Push(lua.LNil)
	} else {
		f.L.Push(decode(f.L, value))
	}
	return f.noted(note)
}
