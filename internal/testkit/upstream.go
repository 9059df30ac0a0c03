package testkit

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Upstream starts an upstream and returns its address.
func Upstream(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// Dials writes the configuration of a pool of addresses, with more fields behind them.
func Dials(more string, addresses ...string) string {
	var ups []string
	for _, a := range addresses {
		ups = append(ups, fmt.Sprintf(`{"dial":%q}`, a))
	}
	config := `{"upstreams":[` + strings.Join(ups, ",") + `]`
	if more != "" {
		config += "," + more
	}
	return config + "}"
}

// Named starts an upstream that answers its name, and returns its address.
func Named(t testing.TB, name string) string {
	return Upstream(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) })
}
