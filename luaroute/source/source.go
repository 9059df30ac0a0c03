// Package source finds scripts: the bytes of those that declare routes, and of the modules they require.
//
// A plugin adds a way to find them: a Caddy module in the namespace luaroute.sources that implements [Source], and [DataSource] if it
// has files for route.read, too. It calls [Note] for everything it reads, so that watch notices a change. These, with [Script],
// [Stamp] and [Missing], are stable; everything else is for luaroute's own packages and may change with each release.
package source

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Source is where scripts come from. Caddy modules in the namespace luaroute.sources implement it.
type Source interface {
	// Scripts returns the scripts to run, in order. None is an error.
	Scripts(ctx context.Context) ([]Script, error)
	// Module returns a Lua module which the script or module named from requires. It returns nil and no error if there is none of that name.
	Module(ctx context.Context, from, name string) (*Script, error)
}

// DataSource is a source that holds data files beside its scripts.
type DataSource interface {
	Source
	// Data returns the data file that the script named from calls name. It returns nil and no error if there is none.
	Data(ctx context.Context, from, name string) ([]byte, error)
}

// Script is the source of a script or module. Its name is for error messages.
type Script struct {
	Name string
	Code []byte
}

// Set is the sources of one tenant, in order.
type Set []Source

// Scripts returns the scripts of all sources. Two of the same name are an error.
func (s Set) Scripts(ctx context.Context) ([]Script, error) {
	var all []Script
	for _, src := range s {
		scripts, err := src.Scripts(ctx)
		if err != nil {
			return nil, err
		}
		for _, script := range scripts {
			if slices.ContainsFunc(all, func(other Script) bool { return other.Name == script.Name }) {
				return nil, fmt.Errorf("script %q appears twice", script.Name)
			}
			all = append(all, script)
		}
	}
	return all, nil
}

// Module asks the sources in order.
func (s Set) Module(ctx context.Context, from, name string) (*Script, error) {
	if err := checkModuleName(name); err != nil {
		return nil, err
	}
	for _, src := range s {
		if module, err := src.Module(ctx, from, name); module != nil || err != nil {
			return module, err
		}
	}
	return nil, nil
}

// Data asks the sources that have data files in order.
func (s Set) Data(ctx context.Context, from, name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("file %q: expected a name beside the script, without .. and not beginning with /", name)
	}
	for _, src := range s {
		holder, ok := src.(DataSource)
		if !ok {
			continue
		}
		if data, err := holder.Data(ctx, from, name); data != nil || err != nil {
			return data, err
		}
	}
	return nil, fmt.Errorf("file %q is not beside the script%s", name, s.beside(from, name))
}

// checkModuleName refuses names that lead out of the folders of scripts.
func checkModuleName(name string) error {
	for part := range strings.SplitSeq(modulePath(name), "/") {
		if part == "" || strings.ContainsAny(part, "\\:\x00") {
			return fmt.Errorf("module name %q: expected words with dots between them, such as auth.tokens", name)
		}
	}
	return nil
}

// modulePath returns a module's file without its suffix: dots are folders.
func modulePath(name string) string { return strings.ReplaceAll(name, ".", "/") }
