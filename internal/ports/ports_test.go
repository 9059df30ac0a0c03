//go:build linux

package ports_test

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/luaroute/caddy-luaroute/internal/ports"
)

func TestNobodyGetsADeadAddress(t *testing.T) {
	t.Parallel()
	dead := ports.Dead(t)
	if c, err := net.Dial("tcp", dead); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, %v; want a connection that is refused", c, err)
	}
	if l, err := net.Listen("tcp", dead); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, %v; want an address that is in use", l, err)
	}
}

func TestAFreePortIsForListenersThatKnowIt(t *testing.T) {
	t.Parallel()
	port := ports.Free(t)
	for range 2 { // as at a reload
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Accept(); err != nil {
			t.Error(err)
		}
		_ = c.Close()
		_ = l.Close()
	}
}

func TestTheSystemGivesAHeldPortToNobody(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 300 {
		seen[ports.Free(t)] = true
	}
	if len(seen) != 300 {
		t.Fatalf("got %d ports for 300", len(seen))
	}
	for range 300 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if _, port, _ := net.SplitHostPort(l.Addr().String()); seen[port] {
			t.Errorf("port %s is held and was given to a listener", port)
		}
	}
}
