package source

import (
	"context"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Beside returns the sources of scripts that another script names: in the storage if that script is there, else in files. Names and globs
// are relative to the script if that finds something, else to the prefix of the storage or the working directory.
func (s Set) Beside(ctx context.Context, script string, names []string) (Set, error) {
	for _, src := range s {
		if storage, ok := src.(*Storage); ok && storage.holds(script) {
			inner := storage.beside(ctx, script, names)
			return Set{inner}, inner.Validate()
		}
	}
	return Set{&File{Files: besideFile(ctx, script, names), beside: filepath.Dir(script)}}, nil
}

func besideFile(ctx context.Context, script string, names []string) []string {
	out := slices.Clone(names)
	for i, name := range out {
		near := filepath.ToSlash(filepath.Join(filepath.Dir(script), name))
		if !filepath.IsAbs(name) && len(glob(ctx, near)) > 0 {
			out[i] = near
		}
	}
	return out
}

// beside returns a source of the same storage with other scripts, which must exist.
func (s *Storage) beside(ctx context.Context, script string, names []string) *Storage {
	folder := strings.TrimPrefix(path.Dir(script)+"/", s.Prefix+"/")
	out := slices.Clone(names)
	for i, name := range out {
		near := path.Join(folder, name)
		if fs.ValidPath(name) && near != name && s.has(ctx, near) { // others are refused by Validate
			out[i] = near
		}
	}
	return &Storage{Prefix: s.Prefix, Files: out, storage: s.storage, outer: s}
}

// has reports whether the storage has a key for a name or glob, and notes it.
func (s *Storage) has(ctx context.Context, pattern string) bool {
	names, err := s.expand(ctx, pattern)
	if err == nil && !isGlob(pattern) {
		_, err = s.load(ctx, s.key(pattern))
	}
	return err == nil && len(names) > 0
}
