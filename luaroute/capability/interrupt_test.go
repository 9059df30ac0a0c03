package capability_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/interrupt"
	"github.com/luaroute/caddy-luaroute/chiproxy/lifetime"
)

// TestAnExpressionChecksWhetherItMayContinueWhileItIsEvaluated counts the checks of expressions whose loops differ in kind.
func TestAnExpressionChecksWhetherItMayContinueWhileItIsEvaluated(t *testing.T) {
	t.Parallel()
	const list = "lists.range(1000)"
	for _, text := range []string{
		list + ".all(x, x < 5000)",
		list + ".all(x, [1, 2].all(y, x + y < 5000))",
		list + ".exists(x, x > 5000) || true",
		list + ".map(x, [x]).size() == 1000",
		list + ".filter(x, x > 10).size() < 1000",
		"!" + list + ".exists_one(x, x == 5000)",
		list + ".all(x, x in [1, 2, 3] || true)",
		list + ".all(x, string(x).matches('[0-9]+'))",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			m := provisioned(t, text)
			checks := 0
			count := func(context.Context) error { checks++; return nil }
			r := httptest.NewRequest("GET", "/", nil)
			if holds, err := m.MatchWithError(r.WithContext(interrupt.With(t.Context(), count))); err != nil || !holds {
				t.Fatalf("got %t, %v", holds, err)
			}
			if checks < 10 {
				t.Errorf("%d checks in a thousand steps", checks)
			}
			checks = 0
			end := func(context.Context) error { checks++; return errors.New("over") }
			if _, err := m.MatchWithError(r.WithContext(interrupt.With(t.Context(), end))); err == nil || checks != 1 {
				t.Errorf("told to end, it returned %v after %d checks", err, checks)
			}
			gone, leave := context.WithCancel(t.Context())
			leave()
			if _, err := m.MatchWithError(r.WithContext(gone)); err == nil {
				t.Error("it did not end with its request")
			}
		})
	}
}

// provisioned returns the matcher of an expression, as the scripts of a trusted tenant load it.
func provisioned(t *testing.T, text string) *caddyhttp.MatchExpression {
	t.Helper()
	base, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	life := lifetime.New(base).Open()
	t.Cleanup(life.End)
	m, err := life.Load("http.matchers.expression", []byte(strconv.Quote(text)))
	if err != nil {
		t.Fatal(err)
	}
	return m.(*caddyhttp.MatchExpression)
}
