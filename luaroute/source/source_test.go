package source_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/internal/testkit"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// folder makes a folder with files, given by name and text, and makes it the working directory.
func folder(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func names(scripts []source.Script) []string {
	var all []string
	for _, s := range scripts {
		all = append(all, s.Name)
	}
	return all
}

func TestScriptsAreFoundInOrder(t *testing.T) {
	folder(t, map[string]string{
		"main.lua": "1", "b/2.lua": "2", "b/10.lua": "10", "a/z.lua": "z", "a-b/y.lua": "y", "notes.txt": "", "[odd].lua": "odd",
	})
	for _, row := range []struct {
		name  string
		files []string
		want  []string
	}{
		{"a file", []string{"main.lua"}, []string{"main.lua"}},
		{"files as written", []string{"main.lua", "b/2.lua", "a/z.lua"}, []string{"main.lua", "b/2.lua", "a/z.lua"}},
		{"a glob is sorted by name", []string{"b/*.lua"}, []string{"b/10.lua", "b/2.lua"}},
		{"a glob of folders is sorted by name as a whole", []string{"*/*.lua"}, []string{"a-b/y.lua", "a/z.lua", "b/10.lua", "b/2.lua"}},
		{"a name that looks like a glob is a name first", []string{"[odd].lua"}, []string{"[odd].lua"}},
		{"a file and a glob", []string{"main.lua", "b/[0-9].lua"}, []string{"main.lua", "b/2.lua"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			scripts, err := source.Set{&source.File{Files: row.files}}.Scripts(t.Context())
			if err != nil || !slices.Equal(names(scripts), row.want) {
				t.Errorf("got %v, %v; want %v", names(scripts), err, row.want)
			}
			if err == nil && len(scripts[0].Code) == 0 {
				t.Error("the first script is empty")
			}
		})
	}
}

// said returns what an error says, with the words of Unix for a file that is not there.
func said(err error) string {
	text := testkit.ErrText(err)
	for _, name := range []string{"none", "nowhere/none"} {
		if _, err := os.Stat(name + ".lua"); err != nil {
			text = strings.ReplaceAll(text, errors.Unwrap(err).Error(), "no such file or directory")
		}
	}
	return text
}

func TestAScriptThatIsNotThereIsAnError(t *testing.T) {
	folder(t, map[string]string{"main.lua": "1", "sub/a.lua": "", "sub/b.lua/x": "", "none/x.txt": "", "many/1.lua": "", "many/2.lua": "", "many/3.lua": "", "many/4.lua": "", "many/5.lua": "", "many/6.lua": ""})
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	const sep = string(filepath.Separator)
	const begin = " (names are relative to the working directory)"
	for _, row := range []struct {
		name  string
		files []string
		want  string
	}{
		{"a file", []string{"none.lua"}, "script none.lua: no such file or directory in " + here + begin + "; there are main.lua"},
		{"a file among many", []string{"many/none.lua"}, "script many/none.lua: no such file or directory in " + here + sep + "many" + begin + "; there are 1.lua, 2.lua, 3.lua, 4.lua, 5.lua, …"},
		{"a file in a folder that is not there", []string{"x/none.lua"}, "script x/none.lua: no such file or directory in " + here + sep + "x" + begin + ", which does not exist"},
		{"a whole name", []string{here + "/none/a.lua"}, "script " + here + "/none/a.lua: no such file or directory in " + here + sep + "none; there are no .lua files"},
		{"a URL", []string{"https://a.example/a.lua"}, "script https://a.example/a.lua: no such file or directory; a script is a file, and not a URL"},
		{"a home", []string{"~/a.lua"}, "script ~/a.lua: no such file or directory; only shells know ~; write the whole path"},
		{"a glob that finds nothing", []string{"none/*.lua"}, `script "none/*.lua": no file matches in ` + here + sep + "none" + begin + "; there are no .lua files"},
		{"a glob of folders", []string{"*/*/a.lua"}, `script "*/*/a.lua": no file matches in ` + here + sep + "*" + sep + "*" + begin},
		{"a glob that is none", []string{"[a"}, `script "[a" is not a glob: syntax error in pattern; * stands for no slash, [ab] for one of two, and \[ for a bracket`},
		{"a folder", []string{"sub"}, "script sub: it is a folder; for the scripts in it, write sub/*.lua"},
		{"a folder in a glob", []string{"sub/*.lua"}, "script sub/b.lua: it is a folder; for the scripts in it, write sub/b.lua/*.lua"},
		{"a file twice", []string{"main.lua", "*.lua"}, `script "main.lua" appears twice`},
		{"a device", []string{os.DevNull}, "script " + os.DevNull + ": it is not a regular file"},
	} {
		t.Run(row.name, func(t *testing.T) {
			scripts, err := source.Set{&source.File{Files: row.files}}.Scripts(t.Context())
			if got := said(err); got != row.want {
				t.Errorf("got %v, %v; want %s", names(scripts), got, row.want)
			}
		})
	}
}

func TestASourceSaysWhereItLooksForAModule(t *testing.T) {
	folder(t, map[string]string{"site/main.lua": "", "site/deep/m.lua": ""})
	set := source.Set{&source.File{Files: []string{"site/main.lua"}, Path: []string{"lib"}}, &source.Storage{Prefix: "luaroute"}, &source.Inline{}}
	const want = "site/deep/auth/tokens.lua site/deep/auth/tokens/init.lua site/auth/tokens.lua site/auth/tokens/init.lua " +
		"lib/auth/tokens.lua lib/auth/tokens/init.lua luaroute/auth/tokens.lua luaroute/auth/tokens/init.lua"
	if got := strings.Join(set.Places("site/deep/m.lua", "auth.tokens"), " "); got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

func TestAScriptOfMoreThan16MiBIsRefused(t *testing.T) {
	folder(t, map[string]string{"big.lua": ""})
	if err := os.Truncate("big.lua", 16<<20+1); err != nil {
		t.Fatal(err)
	}
	_, err := source.Set{&source.File{Files: []string{"big.lua"}}}.Scripts(t.Context())
	if want := "script big.lua: it is larger than 16 MiB"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAModuleIsFoundInTheNearestFolder(t *testing.T) {
	folder(t, map[string]string{
		"secret.lua": "", "site/main.lua": "", "site/auth.lua": "", "site/auth/tokens.lua": "", "site/auth/util.lua": "", "site/util.lua": "",
		"site/pack/init.lua": "", "other/b.lua": "", "other/only.lua": "", "lib/far.lua": "", "lib/auth.lua": "",
	})
	files := &source.File{Files: []string{"site/main.lua", "other/*.lua"}, Path: []string{"./lib"}}
	for _, row := range []struct{ name, from, module, want string }{
		{"beside the script", "site/main.lua", "auth", "site/auth.lua"},
		{"in a folder", "site/main.lua", "auth.tokens", "site/auth/tokens.lua"},
		{"in a folder, with a slash", "site/main.lua", "auth/tokens", "site/auth/tokens.lua"},
		{"init.lua of a folder", "site/main.lua", "pack", "site/pack/init.lua"},
		{"beside the module that asks, first", "site/auth/tokens.lua", "util", "site/auth/util.lua"},
		{"beside the script, from a module", "site/auth/tokens.lua", "pack", "site/pack/init.lua"},
		{"beside another script of the source", "site/main.lua", "only", "other/only.lua"},
		{"on the path at last", "site/main.lua", "far", "lib/far.lua"},
		{"from a script of another source", "inline.lua", "auth", "site/auth.lua"},
		{"nowhere", "site/main.lua", "none", ""},
		{"not in the working directory", "inline.lua", "secret", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			module, err := source.Set{files}.Module(t.Context(), row.from, row.module)
			got := ""
			if module != nil {
				got = module.Name
			}
			if err != nil || got != row.want {
				t.Errorf("got %q, %v; want %q", got, err, row.want)
			}
		})
	}
}

func TestAModuleNameCanNotLeaveTheFolders(t *testing.T) {
	folder(t, map[string]string{"secret.lua": "", "site/main.lua": ""})
	set := source.Set{&source.File{Files: []string{"site/main.lua"}}}
	for _, name := range []string{"", ".", "..", "../secret", "..secret", "a..b", "/secret", "a//b", "a/../../secret", "a.", ".a", `..\secret`, `a\b`, "c:secret", "a\x00b", "./secret"} {
		module, err := set.Module(t.Context(), "site/main.lua", name)
		if err == nil || module != nil || !strings.Contains(err.Error(), "expected words with dots between them, such as auth.tokens") {
			t.Errorf("%q: got %v, %v", name, module, err)
		}
	}
}

func TestADataFileIsReadBesideTheScript(t *testing.T) {
	folder(t, map[string]string{
		"secret.csv": "s", "site/main.lua": "", "site/users.csv": "u", "site/empty.csv": "", "site/data/a.csv": "a", "site/lib/m.lua": "",
	})
	set := source.Set{&source.Inline{Name: "inline.lua", Code: "x"}, &source.File{Files: []string{"site/main.lua"}}}
	const where = ": expected a name beside the script, without .. and not beginning with /"
	for _, row := range []struct{ name, from, file, want, err string }{
		{"beside it", "site/main.lua", "users.csv", "u", ""},
		{"in a folder below", "site/main.lua", "data/a.csv", "a", ""},
		{"an empty one", "site/main.lua", "empty.csv", "", ""},
		{"one that is not there", "site/main.lua", "none.csv", "", `file "none.csv" is not beside the script: there is no site/none.csv`},
		{"beside the module only", "site/lib/m.lua", "users.csv", "", `file "users.csv" is not beside the script: there is no site/lib/users.csv`},
		{"above", "site/main.lua", "../secret.csv", "", `file "../secret.csv"` + where},
		{"above, in the middle", "site/main.lua", "data/../../secret.csv", "", `file "data/../../secret.csv"` + where},
		{"absolute", "site/main.lua", "/etc/hostname", "", `file "/etc/hostname"` + where},
		{"without a name", "site/main.lua", "", "", `file ""` + where},
		{"a folder", "site/main.lua", "data", "", "file site/data: it is a folder; for the scripts in it, write site/data/*.lua"},
		{"from an inline script, which is beside nothing", "inline.lua", "secret.csv", "", `file "secret.csv" is not beside the script`},
	} {
		t.Run(row.name, func(t *testing.T) {
			data, err := set.Data(t.Context(), row.from, row.file)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != row.err || string(data) != row.want {
				t.Errorf("got %q, %v; want %q, %s", data, err, row.want, row.err)
			}
		})
	}
}

func TestAnInlineSourceHasModulesByName(t *testing.T) {
	t.Parallel()
	set := source.Set{&source.Inline{Name: "main.lua", Code: "1", Modules: map[string]string{"auth.tokens": "2"}}}
	scripts, err := set.Scripts(t.Context())
	if err != nil || !slices.Equal(names(scripts), []string{"main.lua"}) || string(scripts[0].Code) != "1" {
		t.Errorf("got %v, %v", scripts, err)
	}
	module, err := set.Module(t.Context(), "main.lua", "auth.tokens")
	if err != nil || module.Name != "auth.tokens.lua" || string(module.Code) != "2" {
		t.Errorf("got %v, %v", module, err)
	}
	if module, err := set.Module(t.Context(), "main.lua", "auth"); module != nil || err != nil {
		t.Errorf("got %v, %v; want no module", module, err)
	}
}

func TestASourceWithoutScriptsIsRefused(t *testing.T) {
	t.Parallel()
	if err := (&source.File{}).Validate(); err == nil || err.Error() != `a file source needs "scripts": names or globs of files` {
		t.Errorf("got %v", err)
	}
	if err := (&source.Inline{}).Validate(); err == nil || err.Error() != `an inline source needs a "code"` {
		t.Errorf("got %v", err)
	}
}

func TestAnInlineSourceIsCalledInlineLuaByDefault(t *testing.T) {
	t.Parallel()
	s := &source.Inline{Code: "1"}
	if err := s.Provision(caddyContext); err != nil || s.Name != "inline.lua" {
		t.Errorf("got %q, %v", s.Name, err)
	}
}
