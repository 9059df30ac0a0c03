package source

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
)

// MaxScript is the largest script that may be written, in bytes.
const MaxScript = maxFile

// Writer is a source whose scripts and modules can be replaced while Caddy runs.
type Writer interface {
	Source
	// Writable reports whether the configuration allows it. If not, the methods below return errors.
	Writable() bool
	// Read returns a script or module by its name in the source. The error is fs.ErrNotExist if there is none.
	Read(ctx context.Context, name string) ([]byte, error)
	// Try returns a context in which the source has this code under the name, or nothing if it is nil. Nothing is written.
	Try(ctx context.Context, name string, code []byte) context.Context
	// Write keeps the code under the name, or removes it if it is nil.
	Write(ctx context.Context, name string, code []byte) error
}

// CheckScriptName refuses names that are not those of scripts below the prefix of a source.
func CheckScriptName(name string) error {
	if !fs.ValidPath(name) || !strings.HasSuffix(name, ".lua") || strings.ContainsAny(name, "\\\x00") {
		return fmt.Errorf("script %q: expected a name such as routes.lua or auth/tokens.lua", name)
	}
	return nil
}

// draft is a change that a load tries.
type draft struct {
	source *Storage
	key    string
	code   []byte // nil if it is removed
}

type draftKey struct{}

// draft returns the change that a load tries, or nil.
func (s *Storage) draft(ctx context.Context) *draft {
	if d, ok := ctx.Value(draftKey{}).(*draft); ok && (d.source == s || d.source == s.outer) {
		return d
	}
	return nil
}

// Writable reports whether the configuration allows changes.
func (s *Storage) Writable() bool { return s.CanWrite }

// Read returns a script or module.
func (s *Storage) Read(ctx context.Context, name string) ([]byte, error) {
	if err := s.mayWrite(name); err != nil {
		return nil, err
	}
	return s.storage.Load(ctx, s.key(name))
}

// Try returns a context in which the source has another script.
func (s *Storage) Try(ctx context.Context, name string, code []byte) context.Context {
	return context.WithValue(ctx, draftKey{}, &draft{s, s.key(name), code})
}

// Write keeps or removes a script or module.
func (s *Storage) Write(ctx context.Context, name string, code []byte) error {
	if err := s.mayWrite(name); err != nil {
		return err
	}
	if code == nil {
		return s.storage.Delete(ctx, s.key(name))
	}
	return s.storage.Store(ctx, s.key(name), code)
}

func (s *Storage) mayWrite(name string) error {
	if !s.CanWrite {
		return errNotWritable
	}
	return CheckScriptName(name)
}
