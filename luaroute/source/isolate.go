package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Isolate returns the sources for isolated scripts: they, their modules and data files must be in the folders of the scripts or below.
// Links that lead out are errors.
func (s Set) Isolate() Set {
	out := slices.Clone(s)
	for i, src := range out {
		if file, ok := src.(*File); ok {
			isolated := *file
			isolated.isolated = true
			out[i] = &isolated
		}
	}
	return out
}

// Inside returns nil for the name of a file that isolated scripts could read, as Caddy would open it.
func (s Set) Inside(name string) error {
	for _, src := range s {
		file, ok := src.(*File)
		if !ok {
			continue
		}
		if root := file.rootOf(name); root != "" {
			_, err := openIn(root, name, (*os.Root).Stat)
			return err
		}
	}
	return fmt.Errorf("file %q is not in the folder of the tenant's scripts%s", name, s.foldersText())
}

// Folders returns the whole names of the folders that the scripts are in.
func (s Set) Folders() []string {
	var all []string
	for _, src := range s {
		if file, ok := src.(*File); ok {
			for _, folder := range file.scriptFolders() {
				all = append(all, whole(folder))
			}
		}
	}
	return all
}

func (s Set) foldersText() string {
	if folders := s.Folders(); len(folders) > 0 {
		return ", which is " + strings.Join(folders, ", ")
	}
	return ""
}

// rootOf returns the folder of the scripts that a file is in; empty if it is in none.
func (s *File) rootOf(name string) string {
	for _, folder := range s.own() {
		if relative, err := filepath.Rel(whole(folder), whole(name)); err == nil && filepath.IsLocal(relative) {
			return folder
		}
	}
	return ""
}

// openIn calls do with a file in or below a folder.
func openIn[T any](folder, name string, do func(*os.Root, string) (T, error)) (result T, err error) {
	relative, err := filepath.Rel(whole(folder), whole(name))
	if err != nil {
		return result, err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return result, reason(err)
	}
	defer root.Close()
	if isCaddyfile(root, relative) {
		return result, errors.New("it is a Caddy configuration, which isolated tenants cannot read")
	}
	if result, err = do(root, relative); err != nil && !errors.Is(err, fs.ErrNotExist) && reason(err).Error() == "path escapes from parent" {
		return result, fmt.Errorf("it is a link out of %s, the folder of the tenant's scripts", folder)
	}
	return result, reason(err)
}

// isCaddyfile reports whether a file is one, by its name or as a link to one beside it.
func isCaddyfile(root *os.Root, name string) bool {
	base := strings.ToLower(filepath.Base(name))
	if base == "caddyfile" || strings.HasPrefix(base, "caddyfile.") || strings.HasSuffix(base, ".caddyfile") {
		return true
	}
	info, err := root.Stat(name)
	if err != nil {
		return false
	}
	for _, known := range []string{"Caddyfile", filepath.Join(filepath.Dir(name), "Caddyfile")} {
		if other, err := root.Stat(known); err == nil && os.SameFile(info, other) {
			return true
		}
	}
	return false
}

// within reports whether a key is in a folder of the scripts, or below. Scripts that another script names share the prefix of its source,
// and see only their own part of it.
func (s *Storage) within(key string) bool {
	if s.outer == nil {
		return strings.HasPrefix(key, s.Prefix+"/")
	}
	return slices.ContainsFunc(s.scriptFolders(), func(folder string) bool { return strings.HasPrefix(key, folder+"/") })
}

// scriptFolders returns the folders that the scripts are in; that of a glob begins before the first star.
func (s *Storage) scriptFolders() []string {
	var folders []string
	for _, name := range s.Files {
		fixed := name
		if i := strings.IndexAny(name, `*?[\`); i >= 0 {
			fixed = name[:i] + "x"
		}
		if folder := path.Dir(s.key(fixed)); !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	return folders
}
