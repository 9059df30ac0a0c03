package hook_test

import (
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/luaroute/caddy-luaroute/internal/ports"
	"github.com/luaroute/caddy-luaroute/luaroute/internal/luatest"
)

// envoyPolicies are the conditions of x-envoy-retry-on, as functions of a pool.
var envoyPolicies = map[string]string{
	"5xx":                    `return (try.status or 599) >= 500`,
	"gateway-error":          `return try.status == nil or try.status >= 502 and try.status <= 504`,
	"reset":                  `return try.error ~= nil`,
	"retriable-4xx":          `return try.status == 409`,
	"retriable-status-codes": `return try.status == 418`,
	"retriable-headers":      `return try.headers ~= nil and try.headers["x-try-again"] ~= nil`,
	"connect-failure":        `return false`, // nobody is asked: a connection that cannot be made is always tried elsewhere
	"none":                   `return false`,
}

// TestAPoolRetriesAsEnvoyWould has what Envoy documents of each condition (docs/root/configuration/http/http_filters/router_filter.rst,
// x-envoy-retry-on), for each way in which the first upstream may fail.
func TestAPoolRetriesAsEnvoyWould(t *testing.T) {
	t.Parallel()
	statuses := []string{"200", "404", "409", "418", "500", "502", "503", "504", "header", "reset", "dead"}
	for policy, again := range map[string][]string{
		"5xx":                    {"500", "502", "503", "504", "reset", "dead"},
		"gateway-error":          {"502", "503", "504", "reset", "dead"},
		"reset":                  {"reset", "dead"},
		"retriable-4xx":          {"409", "dead"},
		"retriable-status-codes": {"418", "dead"},
		"retriable-headers":      {"header", "dead"},
		"connect-failure":        {"dead"},
		"none":                   {"dead"}, // Envoy gives up here; Caddy tries another upstream where none has got anything
	} {
		for _, first := range statuses {
			var asked, other atomic.Int32
			at := ports.Dead(t)
			if first != "dead" {
				at = luatest.Origin(t, func(w http.ResponseWriter, r *http.Request) {
					asked.Add(1)
					_, _ = io.Copy(io.Discard, r.Body)
					status := 200
					switch first {
					case "reset":
						panic(http.ErrAbortHandler)
					case "header":
						w.Header().Set("X-Try-Again", "yes")
					default:
						_, _ = fmt.Sscan(first, &status)
					}
					w.WriteHeader(status)
				})
			}
			site := retryingAt(t, envoyPolicies[policy], "retries = 1", at, answering(t, 200, &other))
			site.Do(t, "GET /", "")
			want := int32(0)
			for _, one := range again {
				if one == first {
					want = 1
				}
			}
			if other.Load() != want {
				t.Errorf("%s after %s: the second upstream was asked %d times; want %d", policy, first, other.Load(), want)
			}
		}
	}
}

// TestTriesAreCountedAsByEnvoy has Envoy's number of retries: one unless it is said, and what the last one answers is the client's.
func TestTriesAreCountedAsByEnvoy(t *testing.T) {
	t.Parallel()
	for _, retries := range []int{1, 3} {
		var asked atomic.Int32
		at := answering(t, 503, &asked)
		site := retryingAt(t, envoyPolicies["5xx"], fmt.Sprintf("retries = %d", retries), at)
		if a := site.Do(t, "GET /", ""); a.String() != "503 GET 503" || int(asked.Load()) != retries+1 {
			t.Errorf("with %d retries it was asked %d times, and the answer is %s", retries, asked.Load(), a)
		}
	}
}
