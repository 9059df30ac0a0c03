package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// caddyCommand runs the command of this package and returns its output, with what it logs.
func caddyCommand(t *testing.T, args ...string) (output string, code int) {
	t.Helper()
	out, log, code := caddyOutput(t, args...)
	return log + out, code
}

// caddyOutput runs the command of this package and returns its output and what it logs.
func caddyOutput(t *testing.T, args ...string) (output, log string, code int) {
	t.Helper()
	return caddyOutputIn(t, "../..", args...) // the paths of the quickstart begin at the checkout
}

// caddyOutputIn is caddyOutput in a folder.
func caddyOutputIn(t *testing.T, dir string, args ...string) (output, log string, code int) {
	t.Helper()
	return caddyFed(t, dir, "", args...)
}

// caddyFed is caddyOutputIn with standard input.
func caddyFed(t *testing.T, dir, input string, args ...string) (output, log string, code int) {
	t.Helper()
	cmd := caddyIn(t, dir, args...)
	var out, errors strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &errors
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errors.String(), cmd.ProcessState.ExitCode()
}

// caddyIn returns the command of this package, to be run in a folder.
func caddyIn(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asCaddy+"=1", "XDG_DATA_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
	return cmd
}

func TestTheCommandListsOurModules(t *testing.T) {
	t.Parallel()
	out, code := caddyCommand(t, "list-modules")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	listed := strings.Fields(out)
	for _, module := range []string{
		"luaroute", "http.handlers.luaroute", "luaroute.sources.file", "luaroute.sources.inline", "luaroute.libs.json", "luaroute.libs.log",
	} {
		if !slices.Contains(listed, module) {
			t.Errorf("%s is not listed", module)
		}
	}
}

func TestTheCommandValidatesTheQuickstart(t *testing.T) {
	t.Parallel()
	if out, code := caddyCommand(t, "validate", "--config", "testdata/quickstart/Caddyfile"); code != 0 {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestTheCommandRefusesABadConfiguration(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ block, script, want string }{
		"an unknown subdirective":    {"scripts main.lua", "", "unknown subdirective"},
		"a script with an error":     {"script main.lua", "local route = require('luaroute')\nroute:get('/', 'nowhere')", "main.lua:2: "},
		"a script that is not there": {"script other.lua", "", "other.lua"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			config := filepath.Join(dir, "Caddyfile")
			block := strings.ReplaceAll(row.block, "main.lua", filepath.Join(dir, "main.lua"))
			for path, text := range map[string]string{
				config:                         "http://:8080 {\n\tluaroute {\n\t\t" + block + "\n\t}\n}\n",
				filepath.Join(dir, "main.lua"): row.script,
			} {
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			out, code := caddyCommand(t, "validate", "--config", config)
			if code != 1 || !strings.Contains(out, row.want) {
				t.Errorf("exit code %d; want 1 and %q in %s", code, row.want, out)
			}
		})
	}
}
