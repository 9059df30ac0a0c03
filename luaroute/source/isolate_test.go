package source_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// tree writes files and links into a folder; a text that begins with -> is a link.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		err := os.WriteFile(path, []byte(text), 0o644)
		if target, link := strings.CutPrefix(text, "->"); link {
			_ = os.Remove(path)
			err = os.Symlink(target, path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestIsolatedScriptsStayInTheirFolder(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{
		"secret.lua": "return 'secret'", "secret.txt": "secret",
		"acme/main.lua": "return 1", "acme/lib/tokens.lua": "return 2", "acme/data.txt": "data", "acme/sub/deep.txt": "deep",
		"acme/out.lua": "->../secret.lua", "acme/out.txt": "->../secret.txt", "acme/folder": "->..", "acme/in.txt": "->data.txt", "acme/lib/in.lua": "->../lib/tokens.lua",
		"acme/Caddyfile": ":80", "acme/caddyfile.txt": "->Caddyfile", "acme/site.caddyfile": ":80", "acme/Caddyfile.old": ":80",
	})
	main := filepath.Join(dir, "acme/main.lua")
	set := source.Set{&source.File{Files: []string{main}}}
	isolated := set.Isolate()
	for _, row := range []struct {
		kind, name, want string
		free             bool // for scripts that are not isolated
	}{
		{"data", "data.txt", "data", true},
		{"data", "in.txt", "data", true},
		{"data", "sub/deep.txt", "deep", true},
		{"data", "out.txt", "it is a link out of", true},
		{"data", "folder/secret.txt", "it is a link out of", true},
		{"data", "Caddyfile", "it is a Caddy configuration", true},
		{"data", "caddyfile.txt", "it is a Caddy configuration", true},
		{"data", "site.caddyfile", "it is a Caddy configuration", true},
		{"data", "Caddyfile.old", "it is a Caddy configuration", true},
		{"data", "../secret.txt", "without ..", false},
		{"data", "none.txt", "is not beside the script", false},
		{"module", "lib.tokens", "return 2", true},
		{"module", "lib.in", "return 2", true},
		{"module", "out", "it is a link out of", true},
		{"module", "folder.secret", "it is a link out of", true},
	} {
		read := func(s source.Set) (string, error) {
			if row.kind == "data" {
				data, err := s.Data(t.Context(), main, row.name)
				return string(data), err
			}
			script, err := s.Module(t.Context(), main, row.name)
			if script == nil {
				return "", err
			}
			return string(script.Code), err
		}
		got, err := read(isolated)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, row.want) {
			t.Errorf("%s %s: got %q, want %q", row.kind, row.name, got, row.want)
		}
		if _, err := read(set); (err == nil) != row.free {
			t.Errorf("%s %s: not isolated: %v", row.kind, row.name, err)
		}
	}
	script := filepath.Join(dir, "acme/script.lua")
	if err := os.Symlink("../secret.lua", script); err != nil {
		t.Fatal(err)
	}
	if _, err := (source.Set{&source.File{Files: []string{script}}}).Isolate().Scripts(t.Context()); err == nil || !strings.Contains(err.Error(), "a link out of") {
		t.Errorf("a script that is a link: %v", err)
	}
	for name, want := range map[string]string{
		"acme/data.txt": "", "acme/out.txt": "a link out of", "secret.txt": "is not in the folder of the tenant's scripts", "acme/../secret.txt": "is not in the folder",
	} {
		if err := isolated.Inside(filepath.Join(dir, name)); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s is inside: %v", name, err)
		}
	}
}

func TestAChangeOfWhatAnIsolatedScriptReadIsNoticed(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"acme/main.lua": "return 1", "acme/data.txt": "one"})
	main := filepath.Join(dir, "acme/main.lua")
	set := source.Set{&source.File{Files: []string{main}}}.Isolate()
	trace := new(source.Trace)
	ctx := source.WithTrace(t.Context(), trace)
	if _, err := set.Data(ctx, main, "data.txt"); err != nil {
		t.Fatal(err)
	}
	if got := trace.Changes(ctx); got.All != "" {
		t.Errorf("%q has changed", got.All)
	}
	if err := os.WriteFile(filepath.Join(dir, "acme/data.txt"), []byte("two, and longer"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := trace.Changes(ctx); !strings.Contains(got.All, "data.txt") {
		t.Errorf("%q has changed", got.All)
	}
}

// TestScriptsThatShareAPrefixOfTheStorageSeeTheirOwnFolder names one from another, as a tenant of a script is.
func TestScriptsThatShareAPrefixOfTheStorageSeeTheirOwnFolder(t *testing.T) {
	s := &source.Storage{}
	stored(t, s, map[string]string{
		"luaroute/main.lua": "1", "luaroute/notes.txt": "notes", "luaroute/acme/main.lua": "2", "luaroute/acme/lib/part.lua": "3", "luaroute/acme/data.txt": "data",
		"luaroute/globex/main.lua": "4", "luaroute/globex/lib.lua": "5",
	})
	set, err := source.Set{s}.Beside(t.Context(), "luaroute/main.lua", []string{"acme/*.lua"})
	if err != nil {
		t.Fatal(err)
	}
	set = set.Isolate()
	if scripts, err := set.Scripts(t.Context()); err != nil || len(scripts) != 1 {
		t.Fatalf("got %v, %v", names(scripts), err)
	}
	const from = "luaroute/acme/main.lua"
	for name, want := range map[string]string{
		"lib.part": "luaroute/acme/lib/part.lua", "main": "luaroute/acme/main.lua", "globex.lib": "", "globex.main": "", "acme.main": "",
	} {
		module, err := set.Module(t.Context(), from, name)
		if got := moduleName(module); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", name, got, err, want)
		}
	}
	if data, err := set.Data(t.Context(), from, "data.txt"); err != nil || string(data) != "data" {
		t.Errorf("the data is %q, %v", data, err)
	}
	if data, err := set.Data(t.Context(), "luaroute/globex/main.lua", "lib.lua"); err == nil {
		t.Errorf("the script of another tenant reads %q", data)
	}
}
