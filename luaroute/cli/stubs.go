package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/luaroute/caddy-luaroute/luaroute/findings"
	"github.com/luaroute/caddy-luaroute/luaroute/lint"
	"github.com/luaroute/caddy-luaroute/luaroute/reference"
	"github.com/luaroute/caddy-luaroute/luaroute/stubs"
)

// stubsFolder is where stubs are written by default.
const stubsFolder = ".luaroute"

// stubsCommand is `caddy luaroute stubs`.
func stubsCommand() *cobra.Command {
	s := new(stubsRun)
	cmd := &cobra.Command{
		Use:   "stubs [--out <folder>] [--config <path> [--adapter <name>]] [--check]",
		Short: "Writes what editors show of the functions that scripts can use",
		Long: `Writes files for lua-language-server, which completes and checks scripts in many editors: the router, requests, responses, options
and all libraries of this Caddy. With --config, names of pools, tenants, handlers and environment variables are those of that
configuration. Writes .luarc.json and .luacheckrc in the current folder, too, unless they are there.`,
		Args: noArgs,
	}
	set := cmd.Flags()
	set.StringVar(&s.out, "out", stubsFolder, "Folder of the files")
	set.StringVarP(&s.config, "config", "c", "", "Configuration file whose names are known")
	set.StringVarP(&s.adapter, "adapter", "a", "", "Name of the config adapter to apply")
	set.BoolVar(&s.check, "check", false, "Write nothing, and exit with 1 if the files are not those that would be written")
	cmd.RunE = run(func(cmd *cobra.Command) (int, error) {
		err := s.run(cmd.OutOrStdout())
		return exitCode(err), err
	})
	return cmd
}

// stubsRun is what the command is called with.
type stubsRun struct {
	flags
	out   string
	check bool
}

func (s *stubsRun) run(out io.Writer) error {
	switch {
	case s.adapter != "" && s.config == "":
		return wrongUseError{errors.New("--adapter is for the file that --config names, which is missing")}
	case s.out == "":
		return wrongUseError{errors.New("--out is empty; expected a folder")}
	}
	r := reference.Build()
	names, err := s.names(r)
	if err != nil {
		return err
	}
	files, err := stubs.Files(r, names)
	if err != nil {
		return err
	}
	folder := filepath.Join(s.out, stubs.Library)
	stale, err := staleFiles(folder, files)
	if err != nil {
		return err
	}
	if s.check {
		return different(out, folder, files, stale)
	}
	if err := writeFiles(out, folder, files, stale); err != nil {
		return err
	}
	if err := writeNew(out, ".luarc.json", stubs.Settings(filepath.ToSlash(s.out))); err != nil {
		return err
	}
	return writeNew(out, ".luacheckrc", stubs.Luacheck(r))
}

// names returns the names that strings of certain types have: those of what is compiled in, and of the configuration.
func (s *stubsRun) names(r *reference.Reference) (stubs.Names, error) {
	names := stubs.Names{"luaroute.MatcherName": findings.Modules("http.matchers")}
	if s.config == "" {
		return names, nil
	}
	instances, err := s.instances()
	if err != nil {
		return nil, err
	}
	for _, in := range instances {
		api := &lint.API{Names: map[string]lint.Names{}}
		findings.AddNames(api, &in, r)
		for of, known := range api.Names {
			names[of] = append(names[of], known.Every()...)
		}
	}
	for _, in := range instances {
		if len(in.LeftOut) > 0 { // whose pools and tenants are not known
			delete(names, findings.PoolName)
			delete(names, findings.TenantName)
		}
	}
	return names, nil
}

// staleFiles returns the files in the folder that were made before and are no longer.
func staleFiles(folder string, files map[string]string) (stale []string, err error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, entry := range entries {
		if _, is := files[entry.Name()]; is || !strings.HasSuffix(entry.Name(), ".lua") {
			continue
		}
		code, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return nil, err
		}
		if strings.Contains(string(code), stubs.Header+"\n") {
			stale = append(stale, entry.Name())
		}
	}
	return stale, err
}

// different reports files that are not as they would be written.
func different(out io.Writer, folder string, files map[string]string, stale []string) error {
	count := len(stale)
	for _, name := range stale {
		_, _ = fmt.Fprintf(out, "%s: is no longer written\n", filepath.Join(folder, name))
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file := filepath.Join(folder, name)
		code, err := os.ReadFile(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			_, _ = fmt.Fprintf(out, "%s: is missing\n", file)
		case err != nil:
			return err
		case string(code) == files[name]:
			continue
		default:
			_, _ = fmt.Fprintf(out, "%s: is different\n", file)
		}
		count++
	}
	if count > 0 {
		return fmt.Errorf("files that differ: %d; run caddy luaroute stubs", count)
	}
	_, err := fmt.Fprintln(out, "no differences")
	return err
}

// writeFiles writes the files, and removes those that are stale.
func writeFiles(out io.Writer, folder string, files map[string]string, stale []string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, name := range stale {
		if err := os.Remove(filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	for name, code := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(code), 0o644); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "%s: %d files\n", folder, len(files))
	return err
}

// writeNew writes a file unless it is there: then it is the user's.
func writeNew(out io.Writer, name, text string) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err = file.WriteString(text); err == nil {
		_, err = fmt.Fprintln(out, name)
	}
	return errors.Join(err, file.Close())
}
