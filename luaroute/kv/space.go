package kv

import (
	"context"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
)

// Space is what one tenant sees of a store.
type Space struct {
	Store Store
	Scope Scope
	note  Note
}

// Do performs an operation on a key of the tenant.
func (s *Space) Do(ctx context.Context, op Op) (Result, error) {
	s.Address(&op)
	return s.Store.Do(ctx, op)
}

// Address says in an operation whose key it is about.
func (s *Space) Address(op *Op) { op.Scope, op.Note = s.Scope, &s.note }

// Note is what a store has found for a scope: always of one type. The zero value is empty. Operations of several goroutines share it.
type Note struct{ found atomic.Value }

// Load returns what was found, nil if nothing was. A nil note is empty.
func (n *Note) Load() any {
	if n == nil {
		return nil
	}
	return n.found.Load()
}

// Store keeps what was found. A nil note keeps nothing.
func (n *Note) Store(found any) {
	if n != nil {
		n.found.Store(found)
	}
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
