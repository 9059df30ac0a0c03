package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// cmdBuild runs the command in a folder of the checkout, and returns what it says and how it ends.
func cmdBuild(t *testing.T, dir string, args ...string) (string, int) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "build.exe")
	if out, err := exec.Command("go", "build", "-o", program).CombinedOutput(); err != nil {
		t.Fatalf("%s\n%s", err, out)
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestPathsAreRelativeToTheFolderOfTheCaller(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp(".", "test") // in the checkout
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "mine.json"), []byte(`{"plugin": []}`), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := cmdBuild(t, dir, "-config", "mine.json")
	// What Go downloads first, it says first.
	if !strings.Contains("\n"+out, "\nbuild: mine.json:1:2: unknown key \"plugin\"") || code != 1 {
		t.Errorf("got %d, %s", code, out)
	}
}

func TestArgumentsAndTheEndArePassedOn(t *testing.T) {
	t.Parallel()
	if out, code := cmdBuild(t, ".", "my-caddy.json"); code != 2 || !strings.Contains(out, `"my-caddy.json"`) {
		t.Errorf("got %d, %s", code, out)
	}
}

func TestOutsideOfACheckoutItSaysWhereItRuns(t *testing.T) {
	t.Parallel()
	if out, code := cmdBuild(t, t.TempDir()); code != 1 || !strings.HasPrefix(out, "build: run it in a checkout of "+module) {
		t.Errorf("got %d, %s", code, out)
	}
}
