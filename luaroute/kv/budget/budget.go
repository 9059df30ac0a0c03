// Package budget lets limits count in the store of a tenant.
package budget

import (
	"context"

	"github.com/luaroute/caddy-luaroute/chiproxy/policy/limit"
	"github.com/luaroute/caddy-luaroute/luaroute/kv"
)

// Of returns what counts limits in the store of a tenant, nil if there is none or it cannot.
func Of(space *kv.Space) limit.Store {
	if space == nil {
		return nil
	}
	if limiter, ok := space.Store.(kv.Limiter); ok {
		return store{limiter, space.Scope}
	}
	return nil
}

// store is a kv.Limiter for one tenant.
type store struct {
	limiter kv.Limiter
	scope   kv.Scope
}

// Take asks the limiter.
func (s store) Take(ctx context.Context, ask limit.Ask) (limit.Budget, error) {
	taken, err := s.limiter.Take(ctx, kv.Take{Scope: s.scope, Key: ask.Key, Interval: ask.Interval, Burst: ask.Burst, Cost: ask.Cost})
	return limit.Budget(taken), err
}

// Waits reports whether the limiter does.
func (s store) Waits() bool {
	w, ok := s.limiter.(kv.Waiter)
	return ok && w.Waits()
}

var _ limit.Waiter = store{}
