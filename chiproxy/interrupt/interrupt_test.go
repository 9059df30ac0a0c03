package interrupt_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luaroute/caddy-luaroute/chiproxy/interrupt"
)

func TestCodeThatChecksEndsWithItsRequestAndWhenItIsTold(t *testing.T) {
	t.Parallel()
	gone, over := errors.New("gone"), errors.New("over")
	left, leave := context.WithCancelCause(t.Context())
	leave(gone)
	refuse := func(context.Context) error { return over }
	for name, row := range map[string]struct {
		ctx  context.Context
		want error
	}{
		"nobody asks":         {t.Context(), nil},
		"the request is over": {left, gone},
		"it is told to end":   {interrupt.With(t.Context(), refuse), over},
		"both":                {interrupt.With(left, refuse), gone},
		"further in":          {context.WithValue(interrupt.With(t.Context(), refuse), new(int), 1), over},
		"it may continue":     {interrupt.With(t.Context(), func(context.Context) error { return nil }), nil},
	} {
		if err := interrupt.Check(row.ctx); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", name, err, row.want)
		}
	}
	if interrupt.Has(t.Context()) || !interrupt.Has(interrupt.With(t.Context(), refuse)) {
		t.Error("Has does not tell them apart")
	}
}

func TestASleepEndsInTimeOrWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		ctx, leave := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Hour, func() { leave(gone) })
		start := time.Now()
		if err := interrupt.Sleep(ctx, time.Minute); err != nil || time.Since(start) != time.Minute {
			t.Errorf("got %v after %v, want nothing after a minute", err, time.Since(start))
		}
		if err := interrupt.Sleep(ctx, 2*time.Hour); !errors.Is(err, gone) || time.Since(start) != time.Hour {
			t.Errorf("got %v after %v, want the end of the context after an hour", err, time.Since(start))
		}
	})
}
