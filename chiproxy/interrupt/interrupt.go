// Package interrupt is how Go code that computes for long on behalf of a request is stopped, or lets others go first, while it runs: what
// starts the code gives it a context by [With], and the code calls [Check] now and then. Code that only waits calls [Sleep].
package interrupt

import (
	"context"
	"time"
)

type keyType struct{}

// With returns a context for code that checks. Check calls f unless the context has ended.
func With(ctx context.Context, f func(context.Context) error) context.Context {
	return context.WithValue(ctx, keyType{}, f)
}

// Has reports whether the context is one that With has returned, or of such a one.
func Has(ctx context.Context) bool { return ctx.Value(keyType{}) != nil }

// Check returns an error if the code is to end. It may wait, while others compute.
func Check(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if f, ok := ctx.Value(keyType{}).(func(context.Context) error); ok {
		return f(ctx)
	}
	return nil
}

// Sleep waits for so long, and returns the cause if the context ends before.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
