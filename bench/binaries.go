package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// inStock starts a Caddy of the standard modules alone.
func inStock(b *bench, variants []variant) (*server, error) {
	program, err := b.build("stock", "./bench/stock", "-pgo=off")
	if err != nil {
		return nil, err
	}
	return b.runCaddy(program, variants)
}

// inShipped starts the Caddy that this project ships.
func inShipped(b *bench, variants []variant) (*server, error) {
	program, err := b.options.shipped, error(nil)
	if program == "" {
		program, err = b.build("shipped", "./cmd/caddy")
	} else {
		program, err = filepath.Abs(program)
	}
	if err != nil {
		return nil, err
	}
	return b.runCaddy(program, variants)
}

// build builds a package of this checkout.
func (b *bench) build(name, from string, flags ...string) (string, error) {
	file := filepath.Join(b.dir, name)
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	cmd := exec.CommandContext(b.ctx, "go", append(append([]string{"build", "-o", file}, flags...), from)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", from, err, text)
	}
	return file, nil
}

// runCaddy starts the binary of a Caddy, as a user would.
func (b *bench) runCaddy(program string, variants []variant) (*server, error) {
	addresses, err := freeAddresses(variants)
	if err != nil {
		return nil, err
	}
	config, err := caddyConfig(variants, func(v variant) string { return addresses[v.name] }, b.origin, b.dir)
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(b.dir, "*.json")
	if err != nil {
		return nil, err
	}
	if _, err := file.Write(config); err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	return b.launch(addresses, program, "run", "--config", file.Name())
}
