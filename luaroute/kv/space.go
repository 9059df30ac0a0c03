package kv

import (
	"context"

	"github.com/caddyserver/caddy/v2"
)

// Space is what one tenant sees of a store.
type Space struct {
	Store Store
	Scope Scope
}

// Do performs an operation on a key of the tenant.
func (s *Space) Do(ctx context.Context, op Op) (Result, error) {
	op.Scope = s.Scope
	return s.Store.Do(ctx, op)
}

// Waits reports whether an operation may wait for something outside of the process.
func (s *Space) Waits() bool {
	w, ok := s.Store.(Waiter)
	return ok && w.Waits()
}

type instanceKey struct{}

// InInstance returns a context for loading the store of an instance of luaroute.
func InInstance(ctx caddy.Context, name string) caddy.Context {
	return ctx.WithValue(instanceKey{}, name)
}

// InstanceOf returns the name of the instance whose store is provisioned.
func InstanceOf(ctx context.Context) string {
	name, _ := ctx.Value(instanceKey{}).(string)
	return name
}
