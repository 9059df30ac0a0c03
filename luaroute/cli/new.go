package cli

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/luaroute/caddy-luaroute/luaroute/findings"
	"github.com/luaroute/caddy-luaroute/luaroute/reference"
	"github.com/luaroute/caddy-luaroute/luaroute/stubs"
)

//go:embed starter
var starter embed.FS

// starterFiles are the files of a new project, with those that they are made of. All others are those of stubs.
var starterFiles = []struct{ name, from string }{
	{"Caddyfile", "Caddyfile"},
	{"routes/main.lua", "main.lua"},
	{"routes/auth.lua", "auth.lua"},
	{"routes/main_test.lua", "main_test.lua"},
	{".gitignore", "gitignore"},
	{".github/workflows/luaroute.yml", "luaroute.yml"},
	{"README.md", "README.md"},
}

// nextSteps are what to do in a new project.
const nextSteps = `
next:
  %scaddy luaroute check
  caddy luaroute test --config Caddyfile routes
  caddy run
`

// newCommand is `caddy luaroute new`.
func newCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "new [<folder>]",
		Short: "Begins a project",
		Long: `Writes a site that routes by script, with a module, tests, settings for editors and luacheck, and a workflow for GitHub. The folder, by
default the current one, must be empty or missing.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return wrongUse(cmd, fmt.Errorf("new takes a folder, found %d arguments", len(args)))
			}
			return nil
		},
	}
	cmd.RunE = runArgs(func(cmd *cobra.Command, args []string) (int, error) {
		err := newProject(append(args, ".")[0], cmd.OutOrStdout())
		return exitCode(err), err
	})
	return cmd
}

func newProject(folder string, out io.Writer) error {
	entries, err := os.ReadDir(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return wrongUseError{err}
	case len(entries) > 0:
		return wrongUseError{fmt.Errorf("%s is not empty: it has %s; expected an empty folder, or a new name", folder, entries[0].Name())}
	}
	files, err := project()
	if err != nil {
		return err
	}
	for _, file := range files {
		name := filepath.Join(folder, filepath.FromSlash(file.name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, file.text, 0o644); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, name); err != nil {
			return err
		}
	}
	library, err := stubs.Files(reference.Build(), stubs.Names{"luaroute.MatcherName": findings.Modules("http.matchers")})
	if err != nil {
		return err
	}
	if err := writeFiles(out, filepath.Join(folder, stubsFolder, stubs.Library), library, nil); err != nil {
		return err
	}
	enter := ""
	if folder != "." {
		enter = "cd " + shellWord(folder) + "\n  "
	}
	_, err = fmt.Fprintf(out, nextSteps, enter)
	return err
}

// projectFile is a file of a new project.
type projectFile struct {
	name string
	text []byte
}

// project returns the files of a new project, but for the stubs.
func project() (all []projectFile, err error) {
	for _, f := range starterFiles {
		text, err := starter.ReadFile(path.Join("starter", f.from))
		if err != nil {
			return nil, err
		}
		all = append(all, projectFile{f.name, text})
	}
	return append(all,
		projectFile{".luarc.json", []byte(stubs.Settings(stubsFolder))},
		projectFile{".luacheckrc", []byte(stubs.Luacheck(reference.Build()))},
	), nil
}

// shellWord writes a word so that a shell reads just that.
func shellWord(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return !strings.ContainsRune("/._-+,:@%", c) && !unicode.IsLetter(c) && !unicode.IsDigit(c)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
