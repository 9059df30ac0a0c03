package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// bench is what the programs of a stand have in common: an origin, a load generator and a folder.
type bench struct {
	ctx       context.Context
	options   options
	dir       string
	origin    string
	generator *process
	logs      *os.File
	ends      []func() error
}

// newBench starts everything.
func newBench(ctx context.Context, o options) (b *bench, err error) {
	b = &bench{ctx: ctx, options: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if b.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return b, err
	}
	b.ends = append(b.ends, func() error { return os.RemoveAll(b.dir) })
	if b.logs, err = os.Create(filepath.Join(b.dir, "log")); err != nil {
		return b, err
	}
	b.ends = append(b.ends, b.logs.Close)
	origin, err := b.role("-origin")
	if err != nil {
		return b, err
	}
	var at listening
	if err := origin.ask(nil, &at); err != nil {
		return b, err
	}
	b.origin = at.Address
	b.generator, err = b.role("-load")
	return b, err
}

// role starts this program in another role, until the bench closes.
func (b *bench) role(name string) (*process, error) {
	p, err := startRole(name, b.logs)
	if err == nil {
		b.ends = append(b.ends, p.close)
	}
	return p, err
}

// close ends everything, the last that was started first.
func (b *bench) close() (err error) {
	for i := len(b.ends) - 1; i >= 0; i-- {
		err = errors.Join(err, b.ends[i]())
	}
	return err
}

// explained adds the end of the log to an error.
func (b *bench) explained(err error) error {
	if err == nil || b.logs == nil {
		return err
	}
	const enough = 2000
	text, readErr := os.ReadFile(b.logs.Name())
	if readErr != nil || len(text) == 0 {
		return err
	}
	if len(text) > enough {
		text = text[len(text)-enough:]
	}
	return fmt.Errorf("%w; the end of the log:\n%s", err, text)
}

// load has the generator carry out an order.
func (b *bench) load(o order) (t tally, err error) {
	if err := b.ctx.Err(); err != nil {
		return t, err
	}
	if err = b.generator.ask(o, &t); err == nil && t.Requests == 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return t, fmt.Errorf("%s%s at %s: %w", o.Host, o.Path, o.Address, err)
	}
	return t, nil
}
