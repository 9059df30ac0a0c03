package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mostNamed is how many files an error names.
const mostNamed = 5

// missing adds to the error of a missing script where it was searched, and which files are there.
func (s *File) missing(name string, err error) error {
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case strings.Contains(name, "://"):
		return fmt.Errorf("%w; a script is a file, and not a URL", err)
	case strings.HasPrefix(name, "~"):
		return fmt.Errorf("%w; only shells know ~; write the whole path", err)
	}
	return fmt.Errorf("%w in %s", err, s.searched(name))
}

// searched names the folders that were searched, and the scripts in the last of them.
func (s *File) searched(name string) string {
	folder := whole(filepath.Dir(name))
	out := folder
	if s.beside != "" && !filepath.IsAbs(name) {
		if near := whole(filepath.Dir(filepath.Join(s.beside, name))); near != folder {
			out = near + ", nor in " + folder
		}
	}
	if !filepath.IsAbs(name) {
		out += " (names are relative to the working directory)"
	}
	if strings.ContainsAny(filepath.Dir(name), `*?[`) {
		return out
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return out + ", which does not exist"
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.IsDir() || filepath.Ext(e.Name()) != ".lua" })
	if len(entries) == 0 {
		return out + "; there are no .lua files"
	}
	var names []string
	for _, e := range entries[:min(len(entries), mostNamed)] {
		names = append(names, e.Name())
	}
	if len(entries) > mostNamed {
		names = append(names, "…")
	}
	return out + "; there are " + strings.Join(names, ", ")
}

// whole returns the whole name of a folder.
func whole(folder string) string {
	if name, err := filepath.Abs(folder); err == nil {
		return name
	}
	return folder
}

// beside says where a data file was searched.
func (s Set) beside(from, name string) string {
	for _, src := range s {
		if holder, ok := src.(interface{ holds(string) bool }); ok && holder.holds(from) {
			return ": there is no " + filepath.ToSlash(filepath.Join(filepath.Dir(from), name))
		}
	}
	return ""
}

// Places is a source that can say where it searches a module, for the error if there is none.
type Places interface {
	// Places returns the names under which the script named from would find the module.
	Places(from, name string) []string
}

// Places returns those of all sources.
func (s Set) Places(from, name string) []string {
	var all []string
	for _, src := range s {
		if p, ok := src.(Places); ok {
			all = append(all, p.Places(from, name)...)
		}
	}
	return all
}

// Places returns the files that a module may be.
func (s *File) Places(from, name string) []string {
	relative := modulePath(name)
	var all []string
	for _, folder := range s.folders(from) {
		for _, file := range []string{relative + ".lua", filepath.Join(relative, "init.lua")} {
			all = append(all, filepath.ToSlash(filepath.Join(folder, file)))
		}
	}
	return all
}

// Places returns the keys that a module may be.
func (s *Storage) Places(from, name string) []string {
	var all []string
	for _, folder := range s.folders(from) {
		all = append(all, folder+"/"+modulePath(name)+".lua", folder+"/"+modulePath(name)+"/init.lua")
	}
	return all
}

// Interface guards
var (
	_ Places = (*File)(nil)
	_ Places = (*Storage)(nil)
)
