// Command xcaddy makes a Caddy binary with xcaddy, from a file instead of flags. In a checkout
//
//	go run ./cmd/build
//
// runs it: the documentation of cmd/build says what it takes.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
)

func main() {
	config := flag.String("config", "xcaddy.json", "the `file` that describes the build")
	caddy := flag.String("caddy", "", "the `version` of Caddy, instead of the one that the file names")
	output := flag.String("o", binaryName(), "the `file` to write the binary to")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "build: unexpected argument %q; the flags are -config, -caddy and -o\n", flag.Arg(0))
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := build(ctx, *config, *caddy, *output); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n", err)
		os.Exit(1)
	}
}

// build makes the binary that the file config describes, with another version of Caddy unless that is empty.
func build(ctx context.Context, config, caddy, output string) error {
	builder, err := load(config)
	if err != nil {
		return err
	}
	builder.CaddyVersion = cmp.Or(caddy, builder.CaddyVersion)
	if err := builder.Build(ctx, output); err != nil {
		return fmt.Errorf("xcaddy did not finish, its last step is shown above: %w", err)
	}
	return nil
}

// binaryName is what Caddy's binary is called on the system it is built for.
func binaryName() string {
	system := os.Getenv("GOOS")
	if system == "" {
		system = runtime.GOOS
	}
	if system == "windows" {
		return "caddy.exe"
	}
	return "caddy"
}
