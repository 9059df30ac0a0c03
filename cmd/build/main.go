// Command build makes a Caddy binary with xcaddy, from a file instead of flags:
//
//	go run ./cmd/build
//	go run ./cmd/build -config my-caddy.json -o bin/caddy
//
// The file, xcaddy.json unless -config names another, is the JSON form of xcaddy's Builder, whose fields
// https://pkg.go.dev/github.com/caddyserver/xcaddy#Builder lists. Relative folders in it are relative to the file, so
// it means the same from wherever the command runs. Environment variables that xcaddy itself
// reads, such as GOOS, GOARCH and XCADDY_WHICH_GO, work here too.
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
		fmt.Fprintf(os.Stderr, "build: %q is not expected here; the flags are -config and -o\n", flag.Arg(0))
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
