package source_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"

	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// stored provisions a source in a storage with files, and returns the folder of the storage.
func stored(t *testing.T, s *source.Storage, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, err := caddy.ProvisionContext(&caddy.Config{
		Admin:      &caddy.AdminConfig{Disabled: true},
		StorageRaw: []byte(`{"module": "file_system", "root": "` + filepath.ToSlash(dir) + `"}`),
		Logging:    &caddy.Logging{Logs: map[string]*caddy.CustomLog{"default": {BaseLog: caddy.BaseLog{Level: "PANIC"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Provision(ctx), s.Validate()); err != nil {
		t.Fatal(err)
	}
	return dir
}

var shop = map[string]string{
	"luaroute/main.lua": "1", "luaroute/b.lua": "2", "luaroute/notes.txt": "text", "luaroute/lib/init.lua": "3",
	"luaroute/lib/part.lua": "4", "luaroute/routes/z.lua": "5", "luaroute/routes/a.lua": "6", "luaroutes/other.lua": "7", "secret.lua": "8",
}

func TestScriptsOfTheStorageAreFoundInOrder(t *testing.T) {
	for _, row := range []struct {
		name  string
		files []string
		want  []string
		err   string
	}{
		{"by default those at the top", nil, []string{"luaroute/b.lua", "luaroute/main.lua"}, ""},
		{"as written", []string{"main.lua", "routes/*.lua", "b.lua"}, []string{"luaroute/main.lua", "luaroute/routes/a.lua", "luaroute/routes/z.lua", "luaroute/b.lua"}, ""},
		{"a name that is not there", []string{"none.lua"}, nil, "script luaroute/none.lua: no such file or directory"},
		{"a glob without keys", []string{"none/*.lua"}, nil, `script "luaroute/none/*.lua": it matches no key of the storage`},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &source.Storage{Files: row.files}
			stored(t, s, shop)
			scripts, err := s.Scripts(t.Context())
			if row.err != "" {
				if got := said(err); got != row.err {
					t.Errorf("got %s, want %s", got, row.err)
				}
				return
			}
			if err != nil || !slices.Equal(names(scripts), row.want) {
				t.Errorf("got %v, %v; want %v", names(scripts), err, row.want)
			}
		})
	}
}

func TestModulesAndDataOfTheStorageAreBesideTheScript(t *testing.T) {
	s := &source.Storage{}
	stored(t, s, shop)
	for _, row := range []struct{ from, name, want string }{
		{"luaroute/main.lua", "lib", "luaroute/lib/init.lua"},
		{"luaroute/main.lua", "lib.part", "luaroute/lib/part.lua"},
		{"luaroute/lib/init.lua", "part", "luaroute/lib/part.lua"},
		{"luaroute/lib/init.lua", "routes.a", "luaroute/routes/a.lua"},
		{"inline.lua", "lib", "luaroute/lib/init.lua"},
		{"luaroute/main.lua", "secret", ""},
	} {
		module, err := source.Set{s}.Module(t.Context(), row.from, row.name)
		if got := moduleName(module); err != nil || got != row.want {
			t.Errorf("%s of %s is %q, %v; want %q", row.name, row.from, got, err, row.want)
		}
	}
	if data, err := s.Data(t.Context(), "luaroute/main.lua", "notes.txt"); err != nil || string(data) != "text" {
		t.Errorf("the data is %q, %v", data, err)
	}
	if data, err := s.Data(t.Context(), "/etc/main.lua", "notes.txt"); err != nil || data != nil {
		t.Errorf("the script of another source reads %q, %v", data, err)
	}
}

func moduleName(module *source.Script) string {
	if module == nil {
		return ""
	}
	return module.Name
}

func TestATriedScriptIsThereAndNotKept(t *testing.T) {
	s := &source.Storage{CanWrite: true}
	dir := stored(t, s, nil)
	load := func(name string, code []byte) []string {
		t.Helper()
		ctx := t.Context()
		if name != "" {
			ctx = s.Try(ctx, name, code)
		}
		scripts, err := s.Scripts(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return names(scripts)
	}
	if got := load("new.lua", []byte("1")); !slices.Equal(got, []string{"luaroute/new.lua"}) {
		t.Errorf("the tried scripts are %v", got)
	}
	if got := load("", nil); got != nil {
		t.Errorf("what was tried was kept: %v", got)
	}
	if err := s.Write(t.Context(), "lib/new.lua", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "luaroute/lib/new.lua")); err != nil || string(text) != "1" {
		t.Errorf("the storage has %q, %v", text, err)
	}
	if module, err := s.Module(s.Try(t.Context(), "lib/new.lua", nil), "luaroute/main.lua", "lib.new"); module != nil || err != nil {
		t.Errorf("the module that would go is %v, %v", module, err)
	}
	if err := s.Write(t.Context(), "lib/new.lua", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(t.Context(), "lib/new.lua"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading what is gone: %v", err)
	}
	for _, name := range []string{"../out.lua", "/out.lua", "out.txt", "a/../../out.lua", ""} {
		if err := s.Write(t.Context(), name, []byte("1")); err == nil {
			t.Errorf("%q was written", name)
		}
	}
	if err := (&source.Storage{}).Write(t.Context(), "new.lua", []byte("1")); err == nil {
		t.Error("a source that is not writable was written")
	}
}

func TestATraceNoticesChangesOfTheStorage(t *testing.T) {
	s := &source.Storage{CanWrite: true}
	stored(t, s, map[string]string{"luaroute/main.lua": "1"})
	trace := traced(t, s, "lib")
	for _, row := range []struct{ name, text, want string }{
		{"main.lua", "2", "key luaroute/main.lua\x00"},
		{"main.lua", "1", ""},
		{"lib.lua", "1", "keys luaroute/*.lua\x00"},
		{"lib/init.lua", "1", "key luaroute/lib/init.lua\x00"},
	} {
		if err := s.Write(t.Context(), row.name, []byte(row.text)); err != nil {
			t.Fatal(err)
		}
		if changes := trace.Changes(t.Context()).All; !strings.Contains(changes, row.want) || row.want == "" && changes != "" {
			t.Errorf("%s: the changes are %q, want %q", row.name, changes, row.want)
		}
	}
}

func TestAFailureOfTheStorageIsNoticedOnceAndSoIsItsEnd(t *testing.T) {
	s := &source.Storage{Files: []string{"main.lua", "*/*.lua"}}
	dir := stored(t, s, map[string]string{"luaroute/main.lua": "1", "luaroute/lib/a.lua": "2"})
	folder, away := filepath.Join(dir, "luaroute"), filepath.Join(dir, "away")
	for _, row := range []struct {
		name      string
		harm, fix func() error
	}{
		{
			"a script that is a folder",
			func() error { return errors.Join(os.Remove(folder+"/main.lua"), os.Mkdir(folder+"/main.lua", 0o755)) },
			func() error {
				return errors.Join(os.Remove(folder+"/main.lua"), os.WriteFile(folder+"/main.lua", nil, 0o644))
			},
		},
		{
			"a script that is too large",
			func() error { return os.Truncate(folder+"/main.lua", source.MaxScript+1) },
			func() error { return os.Truncate(folder+"/main.lua", 0) },
		},
		{
			"keys that cannot be listed",
			func() error { return errors.Join(os.Rename(folder, away), os.WriteFile(folder, nil, 0o644)) },
			func() error { return errors.Join(os.Remove(folder), os.Rename(away, folder)) },
		},
	} {
		good := traced(t, s)
		if err := row.harm(); err != nil {
			t.Fatal(err)
		}
		if good.Changes(t.Context()).All == "" {
			t.Errorf("%s: it is not noticed", row.name)
		}
		bad := traced(t, s)
		if changes := bad.Changes(t.Context()).All; changes != "" {
			t.Errorf("%s: it is a change again and again: %q", row.name, changes)
		}
		if err := row.fix(); err != nil {
			t.Fatal(err)
		}
		if bad.Changes(t.Context()).All == "" {
			t.Errorf("%s: its end is not noticed", row.name)
		}
	}
}

func TestTheStorageSourceIsReadFromACaddyfile(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, text string
		want       source.Storage
		err        string
	}{
		{"alone", "storage", source.Storage{}, ""},
		{"whole", "storage luaroute/shop {\n script a.lua b/*.lua\n script c.lua\n writable\n}", source.Storage{Prefix: "luaroute/shop", Files: []string{"a.lua", "b/*.lua", "c.lua"}, CanWrite: true}, ""},
		{"two prefixes", "storage a b", source.Storage{}, "unexpected argument \"b\"; expected the prefix of the keys, or nothing, at Testfile:1"},
		{"an unknown subdirective", "storage {\n path lib\n}", source.Storage{}, `unknown subdirective "path" of source storage: expected script or writable, at Testfile:2`},
		{"a writable with a value", "storage {\n writable yes\n}", source.Storage{}, "writable: expected no value, found \"yes\", at Testfile:2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := &source.Storage{}
			err := s.UnmarshalCaddyfile(caddyfile.NewTestDispenser(row.text))
			if row.err != "" {
				if err == nil || err.Error() != row.err {
					t.Errorf("got %v, want %s", err, row.err)
				}
				return
			}
			if err != nil || s.Prefix != row.want.Prefix || s.CanWrite != row.want.CanWrite || !slices.Equal(s.Files, row.want.Files) {
				t.Errorf("got %+v, %v", s, err)
			}
		})
	}
}

func TestNamesThatLeaveThePrefixAreRefused(t *testing.T) {
	t.Parallel()
	for _, s := range []source.Storage{
		{Prefix: "../certificates", Files: []string{"a.lua"}},
		{Prefix: "/", Files: []string{"a.lua"}},
		{Prefix: ".", Files: []string{"a.lua"}},
		{Prefix: "a/", Files: []string{"a.lua"}},
		{Prefix: "a", Files: []string{"../a.lua"}},
		{Prefix: "a", Files: []string{"[.lua"}},
	} {
		if s.Validate() == nil {
			t.Errorf("prefix %q with %q is accepted", s.Prefix, s.Files)
		}
	}
}
