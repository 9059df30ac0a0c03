//go:build !linux

package ports

import (
	"net"
	"testing"
)

// hold returns a port that is free now. Other systems than Linux do not let a listener have a port that a socket holds.
func hold(t testing.TB, _ bool) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
