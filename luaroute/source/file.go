package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() {
	caddy.RegisterModule(File{})
}

// maxFile is the largest script or data file that is read, in bytes.
const maxFile = 16 << 20

// File is scripts in files. Modules are looked for beside the script that requires them, beside the scripts of the
// source, and in the folders of `path`: `require("auth.tokens")` finds `auth/tokens.lua` or
// `auth/tokens/init.lua`.
type File struct {
	// Files, or globs of them; those of a glob are sorted by name. Relative names start at the working directory. A
	// name or glob that finds nothing is an error.
	Files []string `json:"scripts,omitempty"`

	// More folders to find modules in.
	Path []string `json:"path,omitempty"`

	isolated bool // see Set.Isolate

	beside string // the folder of the script that names these, which was searched, too
}

// CaddyModule returns the Caddy module information.
func (File) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "luaroute.sources.file",
		New: func() caddy.Module { return new(File) },
	}
}

// Validate refuses a source without files.
func (s *File) Validate() error {
	if len(s.Files) == 0 {
		return errors.New(`a file source needs "scripts": names or globs of files`)
	}
	return nil
}

// Scripts reads the files.
func (s *File) Scripts(ctx context.Context) ([]Script, error) {
	var all []Script
	for _, pattern := range s.Files {
		names, err := expand(pattern)
		noteGlob(ctx, pattern, names)
		switch {
		case err != nil:
			return nil, err
		case len(names) == 0:
			return nil, fmt.Errorf("script %q: no file matches in %s", pattern, s.searched(pattern))
		}
		for _, name := range names {
			code, err := s.read(ctx, name)
			if err != nil {
				return nil, fmt.Errorf("script %s: %w", name, s.missing(name, err))
			}
			all = append(all, Script{Name: name, Code: code})
		}
	}
	return all, nil
}

// expand returns the files a name or glob stands for; none if a glob finds nothing.
func expand(pattern string) ([]string, error) {
	if _, err := os.Stat(pattern); err == nil || !strings.ContainsAny(pattern, `*?[`) {
		return []string{pattern}, nil
	}
	names, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("script %q is not a glob: %w; * stands for no slash, [ab] for one of two, and \\[ for a bracket", pattern, err)
	}
	for i, name := range names {
		names[i] = filepath.ToSlash(name) // names of scripts are the same on all systems
	}
	slices.Sort(names) // filepath.Glob sorts folder by folder
	return names, nil
}

// Module reads a module's file.
func (s *File) Module(ctx context.Context, from, name string) (*Script, error) {
	relative := modulePath(name)
	for _, folder := range s.folders(from) {
		for _, file := range []string{relative + ".lua", filepath.Join(relative, "init.lua")} {
			file = filepath.ToSlash(filepath.Join(folder, file))
			code, err := s.read(ctx, file)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("module %s: %w", file, err)
			}
			return &Script{Name: file, Code: code}, nil
		}
	}
	return nil, nil
}

// Data reads a file beside a script.
func (s *File) Data(ctx context.Context, from, name string) ([]byte, error) {
	if !s.holds(from) {
		return nil, nil
	}
	name = filepath.ToSlash(filepath.Join(filepath.Dir(from), name))
	data, err := s.read(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", name, err)
	}
	return data, nil
}

// folders returns where the modules of a script may be, the nearest first.
func (s *File) folders(from string) []string {
	folders := s.own()
	if near := filepath.Dir(from); s.holds(from) {
		folders = slices.DeleteFunc(folders, func(folder string) bool { return folder == near })
		folders = slices.Insert(folders, 0, near)
	}
	return folders
}

// own returns the folders of the scripts, and those of Path.
func (s *File) own() []string {
	folders := s.scriptFolders()
	for _, folder := range s.Path {
		if folder = filepath.Clean(folder); !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	return folders
}

// scriptFolders returns the folders of the scripts.
func (s *File) scriptFolders() []string {
	var folders []string
	for _, pattern := range s.Files {
		names, err := expand(pattern)
		if err != nil {
			continue // Scripts reports it
		}
		for _, name := range names {
			if folder := filepath.Dir(name); !slices.Contains(folders, folder) {
				folders = append(folders, folder)
			}
		}
	}
	return folders
}

// holds reports whether a script is in or below one of the folders. Names of scripts of other sources are not paths,
// so they are in none.
func (s *File) holds(script string) bool {
	return slices.ContainsFunc(s.own(), func(folder string) bool {
		relative, err := filepath.Rel(folder, filepath.Dir(script))
		return err == nil && filepath.IsLocal(relative)
	})
}

// read reads a file, and notes what was in it.
func (s *File) read(ctx context.Context, name string) ([]byte, error) {
	at := place{name: name}
	if s.isolated {
		if at.root = s.rootOf(name); at.root == "" {
			return nil, errors.New("it is not in the folder of the tenant's scripts")
		}
	}
	return readNoted(ctx, at)
}

// place is where a file is looked for.
type place struct {
	root string // the folder that must not be left; empty for none
	name string
}

func (p place) stat() (fs.FileInfo, error) {
	if p.root == "" {
		return os.Stat(p.name)
	}
	return openIn(p.root, p.name, (*os.Root).Stat)
}

func (p place) open() (*os.File, error) {
	if p.root == "" {
		return os.Open(p.name)
	}
	return openIn(p.root, p.name, (*os.Root).Open)
}

// read reads a file of scripts, which must be a regular one of moderate size.
func (p place) read() ([]byte, error) {
	info, err := p.stat()
	if err != nil {
		return nil, reason(err)
	}
	if info.IsDir() {
		return nil, errors.New("it is a folder; for the scripts in it, write " + filepath.ToSlash(filepath.Join(p.name, "*.lua")))
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for a writer
		return nil, errors.New("it is not a regular file")
	}
	f, err := p.open()
	if err != nil {
		return nil, reason(err)
	}
	defer f.Close()
	code, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, reason(err)
	}
	if len(code) > maxFile {
		return nil, fmt.Errorf("it is larger than %d MiB", maxFile>>20)
	}
	return code, nil
}

// reason drops the name from a file error, because the caller adds it.
func reason(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// UnmarshalCaddyfile reads the source:
//
//	source file [<file or glob>...] {
//		script <file or glob>...
//		path   <folder>...
//	}
func (s *File) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	s.Files = append(s.Files, d.RemainingArgs()...)
	for d.NextBlock(0) {
		var list *[]string
		switch d.Val() {
		case "script":
			list = &s.Files
		case "path":
			list = &s.Path
		default:
			return d.Errf("unknown subdirective %q of source file: expected script or path", d.Val())
		}
		name, args := d.Val(), d.RemainingArgs()
		if len(args) == 0 {
			return d.Errf("%s: expected one value or more, found none", name)
		}
		*list = append(*list, args...)
	}
	if len(s.Files) == 0 {
		return d.Err("expected a script, which is a file or a glob, found none")
	}
	return nil
}

// Interface guards
var (
	_ DataSource            = (*File)(nil)
	_ caddy.Validator       = (*File)(nil)
	_ caddyfile.Unmarshaler = (*File)(nil)
)
