// Package ports gives tests ports of 127.0.0.1 that stay theirs: a port that was free a moment ago may be another test's, or another
// program's, when it is used.
package ports

import (
	"strconv"
	"testing"
)

// Free returns a port that a listener of the test may take, also several times, one after the other. Until the test ends nobody
// gets it who asks the system for any port.
func Free(t testing.TB) string {
	t.Helper()
	return strconv.Itoa(hold(t, true))
}

// Dead returns an address that refuses all connections until the test ends, as nobody can listen there.
func Dead(t testing.TB) string {
	t.Helper()
	return "127.0.0.1:" + strconv.Itoa(hold(t, false))
}
