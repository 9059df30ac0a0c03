package main

import (
	"os"
	"testing"
)

// asCaddy says that the test binary is to be Caddy, for tests of the command.
const asCaddy = "LUAROUTE_TEST_AS_CADDY"

func TestMain(m *testing.M) {
	if os.Getenv(asCaddy) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}
