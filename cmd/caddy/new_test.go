package main

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/luaroute/caddy-luaroute/internal/ports"
)

func TestANewProjectPassesWhatItsNextStepsSay(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	out, log, code := caddyOutputIn(t, parent, "luaroute", "new", "my site's")
	if code != 0 {
		t.Fatalf("exit code %d and\n%s%s", code, out, log)
	}
	dir := filepath.Join(parent, "my site's")
	var files []string
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if name, _ = filepath.Rel(dir, name); !entry.IsDir() && !strings.HasPrefix(name, ".luaroute/") {
			files = append(files, name)
		}
		return err
	})
	want := []string{
		".github/workflows/luaroute.yml", ".gitignore", ".luacheckrc", ".luarc.json", "Caddyfile", "README.md",
		"routes/auth.lua", "routes/main.lua", "routes/main_test.lua",
	}
	if err != nil || !slices.Equal(files, want) {
		t.Errorf("%v: there are %v", err, files)
	}
	_, steps, _ := strings.Cut(out, "\nnext:\n")
	if steps != "  cd 'my site'\\''s'\n  caddy luaroute check\n  caddy luaroute test --config Caddyfile routes\n  caddy run\n" {
		t.Fatalf("the next steps are\n%s", steps)
	}
	commands := append(strings.Split(strings.TrimSpace(steps), "\n")[1:], "caddy validate", "caddy luaroute stubs --check")
	for _, command := range commands {
		args := strings.Fields(command)[1:]
		if args[0] == "run" {
			continue // below
		}
		if out, log, code := caddyOutputIn(t, dir, args...); code != 0 {
			t.Errorf("%s: exit code %d and\n%s%s", command, code, out, log)
		}
	}
	workflow, err := os.ReadFile(filepath.Join(dir, ".github/workflows/luaroute.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(workflow), "\n") {
		if _, command, ok := strings.Cut(line, "run: ./caddy "); ok {
			if out, log, code := caddyOutputIn(t, dir, strings.Fields(command)...); code != 0 {
				t.Errorf("%s: exit code %d and\n%s%s", command, code, out, log)
			}
		}
	}
	serves(t, dir)
}

// serves runs the site of a new project, at another address and without an admin API, which others use.
func serves(t *testing.T, dir string) {
	t.Helper()
	name := filepath.Join(dir, "Caddyfile")
	site, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	address := "localhost:" + ports.Free(t) // as people write it
	_, port, _ := strings.Cut(address, ":")
	text := "{\n\tadmin off\n\tpersist_config off\n}\n" + strings.Replace(string(site), ":8080", ":"+port, 1)
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := caddyIn(t, dir, "run")
	cmd.Env = append(cmd.Env, "ADMIN_TOKEN=secret")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }()
	get := func(path string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer secret")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	for limit := time.Now().Add(time.Minute); get("/health") != http.StatusOK; {
		if time.Now().After(limit) {
			t.Fatal("the site does not serve")
		}
	}
	for _, path := range []string{"/admin/users", "/cart"} { // the application is not there
		if status := get(path); status != http.StatusBadGateway {
			t.Errorf("%s answers %d", path, status)
		}
	}
}

func TestANewProjectNeedsAnEmptyFolder(t *testing.T) {
	t.Parallel()
	dir := written(t, map[string]string{"a/notes.txt": "mine"})
	for want, args := range map[string][]string{
		"a is not empty: it has notes.txt":      {"a"},
		"a/notes.txt: not a directory":          {"a/notes.txt"},
		". is not empty: it has a; expected":    {},
		"new takes a folder, found 2 arguments": {"b", "c"},
	} {
		if _, log, code := caddyOutputIn(t, dir, append([]string{"luaroute", "new"}, args...)...); code != 2 || !strings.Contains(log, want) {
			t.Errorf("%v: exit code %d and\n%s", args, code, log)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v: there are %v", err, entries)
	}
}
