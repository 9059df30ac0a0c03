package pool

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

func TestAChoiceIsForItsOwnPoolAndForOneTry(t *testing.T) {
	t.Parallel()
	p := newTestPools(t)
	mine := mustAcquire(t, p, dials(`"load_balancing":{"selection_policy":{"policy":"first"}}`, "h:1", "h:2"))
	other := mustAcquire(t, p, dials(`"load_balancing":{"selection_policy":{"policy":"first"}}`, "h:1", "h:2", "h:3"))
	if err := errors.Join(mine.Choosable("h:2"), other.Choosable("h:2")); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	r := caddyhttp.PrepareRequest(httptest.NewRequest(http.MethodGet, "/", nil), caddy.NewReplacer(), w, new(caddyhttp.Server))
	c := mine.Choose(r, "h:2")

	for _, row := range []struct {
		what     string
		pool     *Pool
		offer    []*reverseproxy.Upstream
		want     string
		isFailed bool
	}{
		{"another pool of the request", other, other.handler.Upstreams, "h:1", false},
		{"a try without the upstream", mine, mine.handler.Upstreams[:1], "", true},
		{"a try with it", mine, mine.handler.Upstreams, "h:2", false},
		{"a retry", mine, mine.handler.Upstreams, "h:1", false},
	} {
		got := ""
		if u := row.pool.Select(row.offer, r, w); u != nil {
			got = u.Dial
		}
		if got != row.want || (c.err() != nil) != row.isFailed {
			t.Errorf("%s: %q, want %q (%v)", row.what, got, row.want, c.err())
		}
	}
	if c.End(); Chosen(r) != "" {
		t.Error("the choice stays on the request")
	}
}
