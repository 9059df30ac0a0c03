// Command build makes a Caddy binary with xcaddy, from a file instead of flags. It runs in a checkout:
//
//	go run ./cmd/build
//	go run ./cmd/build -config my-caddy.json -caddy v2.11.9 -o bin/caddy
//
// The file, xcaddy.json unless -config names another, is the JSON form of xcaddy's Builder, whose fields
// https://pkg.go.dev/github.com/caddyserver/xcaddy#Builder lists; -caddy names another version of Caddy than the file does.
// Relative folders in it are relative to the file, so it means the same from wherever the command runs. Environment
// variables that xcaddy itself reads, such as GOOS, GOARCH and XCADDY_WHICH_GO, work here too.
//
// The work is done by the module in the folder xcaddy, which this command builds and runs. It is a module of its own, so that
// those who use luaroute never see what xcaddy depends on; no go.work joins the two, since it would apply to everything that is
// done in a checkout, and -mod=mod would no longer work there.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
)

const module = "github.com/luaroute/caddy-luaroute"

func main() {
	// An interrupt is for the program below, which then cleans up.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n", err)
	}
	os.Exit(code)
}

// run builds the module that does the work in a temporary folder, runs it here, and returns its exit code.
func run(args []string) (int, error) {
	var complaint strings.Builder
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module)
	list.Stderr = &complaint
	checkout, err := list.Output()
	if err != nil {
		return 1, fmt.Errorf("run it in a checkout of %s: %w\n%s", module, err, &complaint)
	}
	work, err := os.MkdirTemp("", "build")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(work)

	program := filepath.Join(work, "build.exe")
	build := exec.Command("go", "build", "-C", filepath.Join(strings.TrimSpace(string(checkout)), "cmd", "build", "xcaddy"), "-o", program)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	build.Env = append(os.Environ(), "GOWORK=off", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH) // it runs here, whatever it builds for
	if err := build.Run(); err != nil {
		return 1, fmt.Errorf("go build: %w", err)
	}
	cmd := exec.Command(program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	var exit *exec.ExitError
	if err := cmd.Run(); errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil // it has said why
	} else if err != nil {
		return 1, err
	}
	return 0, nil
}
