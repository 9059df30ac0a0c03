package main

import (
	"errors"
	"os"
	"runtime"
	"runtime/pprof"
)

// profile starts the profiles that the options ask for, and returns what writes them.
func profile(o options) (func() error, error) {
	var ends []func() error
	if o.mem != "" {
		runtime.MemProfileRate = 1
		ends = append(ends, func() error { return writeProfile(o.mem, "allocs") })
	}
	if o.cpu != "" {
		f, err := os.Create(o.cpu)
		if err != nil {
			return nil, err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		ends = append(ends, func() error { pprof.StopCPUProfile(); return f.Close() })
	}
	return func() (err error) {
		for _, end := range ends {
			err = errors.Join(err, end())
		}
		return err
	}, nil
}

// writeProfile writes a profile of the runtime.
func writeProfile(file, name string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup(name).WriteTo(f, 0), f.Close())
}
