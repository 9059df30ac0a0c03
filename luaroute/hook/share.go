package hook

import (
	"context"
	"time"

	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

type shareKey struct{}

// WithShare returns a context in which functions get one n-th of their time for simulated requests: for those that many may ask about.
func WithShare(ctx context.Context, n int) context.Context {
	return context.WithValue(ctx, shareKey{}, n)
}

// shareOf returns the budget of a simulated request.
func shareOf(ctx context.Context, budget vm.Limits) vm.Limits {
	if n, ok := ctx.Value(shareKey{}).(int); ok {
		budget.CPU, budget.Wall = budget.CPU/time.Duration(n), budget.Wall/time.Duration(n)
	}
	return budget
}
