package e2e

import (
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// apart names the test that a process has been started for.
const apart = "LUAROUTE_TEST_APART"

// Apart runs a test in a process of its own, parallel to others, and reports whether it did: a process has one Caddy, so tests
// that wait, or measure memory, would hold up or disturb all others. The test begins with
//
//	if e2e.Apart(t) {
//		return
//	}
//
// It must not read files of the repository, since go test could not see that its result depends on them.
func Apart(t *testing.T) bool {
	t.Helper()
	if os.Getenv(apart) == t.Name() {
		return false
	}
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], apartFlags(t)...)
	cmd.Env = append(os.Environ(), apart+"="+t.Name())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s\n%s", err, out)
	} else if !strings.Contains(string(out), "--- PASS: "+t.Name()+" ") {
		t.Errorf("the process did not run the test:\n%s", out)
	}
	return true
}

// apartFlags are those of the process for one test: its name and time, and what this process was given besides flags of go test.
func apartFlags(t *testing.T) []string {
	flags := []string{"-test.run=^" + t.Name() + "$", "-test.v", "-test.count=1"}
	if end, ok := t.Deadline(); ok {
		flags = append(flags, "-test.timeout="+time.Until(end).String())
	}
	flag.Visit(func(f *flag.Flag) {
		if !strings.HasPrefix(f.Name, "test.") {
			flags = append(flags, "-"+f.Name+"="+f.Value.String())
		}
	})
	return flags
}
