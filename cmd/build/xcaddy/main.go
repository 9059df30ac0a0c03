// Command xcaddy makes a Caddy binary with xcaddy, from a file instead of flags. In a checkout
//
//	go run ./cmd/build
//
// runs it: the documentation of cmd/build says what it takes.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
)

func main() {
	config := flag.String("config", "xcaddy.json", "the `file` that describes the build")
	output := flag.String("o", binaryName(), "the `file` to write the binary to")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "build: unexpected argument %q; the flags are -config and -o\n", flag.Arg(0))
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := build(ctx, *config, *output); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n", err)
		os.Exit(1)
	}
}

// build makes the binary that the file config describes.
func build(ctx context.Context, config, output string) error {
	builder, err := load(config)
	if err != nil {
		return err
	}
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
