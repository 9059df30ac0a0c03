package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/certmagic"
)

func init() {
	caddy.RegisterModule(Storage{})
}

// defaultPrefix is Storage.Prefix when there is none.
const defaultPrefix = "luaroute"

// Storage is scripts in Caddy's storage, beside its certificates: Caddys that share their storage share its scripts.
// Modules are looked for beside the script that requires them, and below the prefix: `require("auth.tokens")` finds
// `auth/tokens.lua` or `auth/tokens/init.lua`. With `watch`, changes are noticed by the time of modification.
type Storage struct {
	// What the keys of the source begin with, without a slash at either end. Default: `luaroute`.
	Prefix string `json:"prefix,omitempty"`

	// Names of scripts below the prefix, or globs of them, in which `*` stands for no slash; those of a glob are sorted
	// by name. A name or glob that finds nothing is an error, unless the source is writable. Default: `*.lua`, so that
	// files in folders are modules.
	Files []string `json:"scripts,omitempty"`

	// Whether the admin API may add, replace and remove scripts and modules. Whoever can reach it can then run code in
	// this Caddy. Default: false.
	CanWrite bool `json:"writable,omitempty"`

	storage certmagic.Storage
	outer   *Storage // of scripts that a script of it names, else nil
}

// CaddyModule returns the Caddy module information.
func (Storage) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "luaroute.sources.storage",
		New: func() caddy.Module { return new(Storage) },
	}
}

// Provision takes the storage of the configuration.
func (s *Storage) Provision(ctx caddy.Context) error {
	s.storage = ctx.Storage()
	if s.Prefix == "" {
		s.Prefix = defaultPrefix
	}
	if len(s.Files) == 0 {
		s.Files = []string{"*.lua"}
	}
	return nil
}

// Validate refuses names that lead out of the prefix.
func (s *Storage) Validate() error {
	if !fs.ValidPath(s.Prefix) || s.Prefix == "." {
		return fmt.Errorf("prefix %q of source storage: expected names with slashes between them, such as luaroute/shop", s.Prefix)
	}
	for _, name := range s.Files {
		if _, err := path.Match(name, ""); err != nil || !fs.ValidPath(name) {
			return fmt.Errorf("script %q of source storage: expected a name or glob below the prefix, such as routes/*.lua", name)
		}
	}
	return nil
}

// Scripts loads the scripts.
func (s *Storage) Scripts(ctx context.Context) ([]Script, error) {
	var all []Script
	for _, pattern := range s.Files {
		names, err := s.expand(ctx, pattern)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			code, err := s.load(ctx, s.key(name))
			switch {
			case isMissing(err) && (s.CanWrite || isGlob(pattern)): // it may have been removed since it was listed
				continue
			case err != nil:
				return nil, fmt.Errorf("script %s: %w", s.key(name), err)
			}
			all = append(all, Script{Name: s.key(name), Code: code})
		}
	}
	return all, nil
}

// expand returns the names that a name or glob stands for.
func (s *Storage) expand(ctx context.Context, pattern string) ([]string, error) {
	if !isGlob(pattern) {
		return []string{pattern}, nil
	}
	names, err := s.match(ctx, pattern)
	Note(ctx, "keys "+s.key(pattern), keysStamp(names, err), func(ctx context.Context) Stamp {
		return keysStamp(s.match(ctx, pattern))
	})
	if err != nil {
		return nil, err
	}
	if len(names) == 0 && !s.CanWrite {
		return nil, fmt.Errorf("script %q: it matches no key of the storage", s.key(pattern))
	}
	return names, nil
}

func isGlob(pattern string) bool { return strings.ContainsAny(pattern, `*?[\`) }

// keysStamp is the stamp of a listing.
func keysStamp(names []string, err error) Stamp {
	if err != nil {
		return failedStamp(err)
	}
	return listStamp(names)
}

// match lists the names that match a glob, sorted.
func (s *Storage) match(ctx context.Context, pattern string) ([]string, error) {
	keys, err := s.storage.List(ctx, s.Prefix, true)
	if err != nil && !isMissing(err) {
		return nil, fmt.Errorf("listing %s in the storage: %w", s.Prefix, err)
	}
	var names []string
	add := func(key string) {
		name, below := strings.CutPrefix(key, s.Prefix+"/")
		if ok, err := path.Match(pattern, name); below && ok && err == nil && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	draft := s.draft(ctx)
	for _, key := range keys {
		key = filepath.ToSlash(key) // on Windows the file system has the names of its files for keys
		if draft == nil || key != draft.key {
			add(key)
		}
	}
	if draft != nil && draft.code != nil {
		add(draft.key)
	}
	slices.Sort(names)
	return names, nil
}

// key returns the key of a name.
func (s *Storage) key(name string) string { return s.Prefix + "/" + name }

// load loads a key, and notes what was there.
func (s *Storage) load(ctx context.Context, key string) ([]byte, error) {
	code, err := s.current(ctx, key)
	seen := sum(code)
	if err != nil {
		seen = failedStamp(err)
	}
	again := &content{
		stat: func(ctx context.Context) (mark, error) {
			info, err := s.storage.Stat(ctx, key)
			return mark{size: info.Size, time: info.Modified}, err
		},
		read: func(ctx context.Context) ([]byte, error) { return s.kept(ctx, key) },
	}
	Note(ctx, "key "+key, seen, again.stamp)
	return code, err
}

// current returns the value of a key, or that of the draft.
func (s *Storage) current(ctx context.Context, key string) ([]byte, error) {
	if draft := s.draft(ctx); draft != nil && draft.key == key {
		if draft.code == nil {
			return nil, fs.ErrNotExist
		}
		return draft.code, nil
	}
	return s.kept(ctx, key)
}

// kept returns the value that the storage has for a key.
func (s *Storage) kept(ctx context.Context, key string) ([]byte, error) {
	code, err := s.storage.Load(ctx, key)
	if err == nil && len(code) > maxFile {
		return nil, fmt.Errorf("it is larger than %d MiB", maxFile>>20)
	}
	return code, reason(err)
}

// Module loads a module.
func (s *Storage) Module(ctx context.Context, from, name string) (*Script, error) {
	relative := modulePath(name)
	for _, folder := range s.folders(from) {
		for _, file := range []string{relative + ".lua", relative + "/init.lua"} {
			key := path.Join(folder, file)
			code, err := s.load(ctx, key)
			if isMissing(err) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("module %s: %w", key, err)
			}
			return &Script{Name: key, Code: code}, nil
		}
	}
	return nil, nil
}

// folders returns where the modules of a script may be, the nearest first.
func (s *Storage) folders(from string) []string {
	folders := []string{s.Prefix}
	if s.outer != nil {
		folders = s.scriptFolders()
	}
	if near := path.Dir(from); s.holds(from) {
		folders = slices.DeleteFunc(folders, func(folder string) bool { return folder == near })
		folders = slices.Insert(folders, 0, near)
	}
	return folders
}

// holds reports whether a script is one of the source.
func (s *Storage) holds(script string) bool { return s.within(script) }

// Data loads what is beside a script.
func (s *Storage) Data(ctx context.Context, from, name string) ([]byte, error) {
	if !s.holds(from) {
		return nil, nil
	}
	key := path.Join(path.Dir(from), name)
	data, err := s.load(ctx, key)
	switch {
	case isMissing(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("file %s: %w", key, err)
	case data == nil:
		data = []byte{}
	}
	return data, nil
}

// UnmarshalCaddyfile reads the source:
//
//	source storage [<prefix>] {
//		script <name or glob>...
//		writable
//	}
func (s *Storage) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		s.Prefix = d.Val()
	}
	if d.NextArg() {
		return d.Errf("unexpected argument %q; expected the prefix of the keys, or nothing", d.Val())
	}
	for d.NextBlock(0) {
		switch name := d.Val(); name {
		case "script":
			args := d.RemainingArgs()
			if len(args) == 0 {
				return d.Err("script: expected one name or more, found none")
			}
			s.Files = append(s.Files, args...)
		case "writable":
			if d.NextArg() {
				return d.Errf("writable: expected no value, found %q", d.Val())
			}
			s.CanWrite = true
		default:
			return d.Errf("unknown subdirective %q of source storage: expected script or writable", name)
		}
	}
	return nil
}

// errNotWritable means that the configuration does not allow it.
var errNotWritable = errors.New("the source is not writable")

// Interface guards
var (
	_ DataSource            = (*Storage)(nil)
	_ Writer                = (*Storage)(nil)
	_ caddy.Provisioner     = (*Storage)(nil)
	_ caddy.Validator       = (*Storage)(nil)
	_ caddyfile.Unmarshaler = (*Storage)(nil)
)
