package vm

import (
	"context"
	"time"
)

type clockKey struct{}

// WithClock returns a context of simulated requests whose scripts see a time of their own.
func WithClock(ctx context.Context, now time.Time) context.Context {
	return context.WithValue(ctx, clockKey{}, now)
}

// ClockOf returns the time of WithClock, or the zero time.
func ClockOf(ctx context.Context) time.Time {
	now, _ := ctx.Value(clockKey{}).(time.Time)
	return now
}

// Now returns the time that scripts see: that of the clock, or the one that a test has set.
func (s *State) Now() time.Time {
	if s.Clock.IsZero() {
		return time.Now()
	}
	return s.Clock
}
