package request

import (
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/luaroute/caddy-luaroute/luaroute/lib/json"
)

// maxKept is how many values of req.ctx are copied when the request gives its state back.
const maxKept = 1000

// context returns req.ctx.
func (r *Request) context(L *lua.LState) *lua.LTable {
	if r.store == nil {
		r.store = L.NewTable()
	}
	if r.ex != nil {
		r.identify(L)
	}
	return r.store
}

// identify puts who the request is from into req.ctx, where a script sees it for the first time, and removes what is not true any more.
func (r *Request) identify(L *lua.LState) {
	now := r.ex.Identities()
	for _, id := range r.known {
		if !slices.Contains(now, id) {
			r.store.RawSetString(id.Name(), lua.LNil)
		}
	}
	for _, id := range now {
		if slices.Contains(r.known, id) {
			continue
		}
		v, err := json.Decode(L, id.JSON())
		if err != nil {
			L.RaiseError("req.ctx.%s: %s", id.Name(), err)
		}
		r.store.RawSetString(id.Name(), v)
	}
	if len(r.known) > 0 || len(now) > 0 {
		r.known = append(r.known[:0], now...)
	}
}

// Keep returns a copy of req.ctx that belongs to no state, for the next state that serves the request; nil if req.ctx is
// empty. It returns false if something in there cannot leave its state, such as a function, or if there is too much.
func (r *Request) Keep() (*lua.LTable, bool) {
	if r.store == nil {
		return nil, true
	}
	if first, _ := r.store.Next(lua.LNil); first == lua.LNil {
		return nil, true
	}
	k := keeper{left: maxKept}
	t := k.table(r.store)
	return t, t != nil
}

// Restore gives the request the req.ctx that Keep returned.
func (r *Request) Restore(store *lua.LTable) { r.store = store }

// keeper copies plain data, up to maxKept values.
type keeper struct {
	left int
	seen map[*lua.LTable]*lua.LTable
}

// table returns a copy of a table, or nil if it has none.
func (k *keeper) table(from *lua.LTable) *lua.LTable {
	if to := k.seen[from]; to != nil {
		return to
	}
	if from.Metatable != lua.LNil {
		return nil
	}
	to := (*lua.LState)(nil).CreateTable(from.Len(), 0)
	if k.seen == nil {
		k.seen = map[*lua.LTable]*lua.LTable{}
	}
	k.seen[from] = to
	for key, v := from.Next(lua.LNil); key != lua.LNil; key, v = from.Next(key) {
		kept, keptKey := k.value(v), k.value(key)
		if kept == nil || keptKey == nil {
			return nil
		}
		to.RawSet(keptKey, kept)
	}
	return to
}

// value returns a copy of a value, or nil if it has none.
func (k *keeper) value(v lua.LValue) lua.LValue {
	if k.left--; k.left < 0 {
		return nil
	}
	switch v := v.(type) {
	case lua.LString, lua.LNumber, lua.LBool:
		return v
	case *lua.LTable:
		if t := k.table(v); t != nil {
			return t
		}
	}
	return nil
}
