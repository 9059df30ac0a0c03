package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/xcaddy"
)

// describe writes a description of a build into a new folder and returns its path.
func describe(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "xcaddy.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestEveryFieldOfTheBuilderIsRead(t *testing.T) {
	t.Parallel()
	builder, err := load(describe(t, `{
		"os": "linux", "arch": "arm", "arm": "7", "cgo": true,
		"caddy_version": "v2.11.9",
		"plugins": [{"module_path": "example.com/a", "version": "v1.2.3"}, {"module_path": "example.com/b"}],
		"timeout_build": 60000000000,
		"race_detector": true, "skip_build": true, "debug": true,
		"build_flags": "-v", "mod_flags": "-e"
	}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := builder.Platform, (xcaddy.Platform{OS: "linux", Arch: "arm", ARM: "7"}); got != want {
		t.Errorf("platform: got %+v, want %+v", got, want)
	}
	if !builder.Cgo || !builder.RaceDetector || !builder.SkipBuild || !builder.Debug {
		t.Errorf("a switch is off: %+v", builder)
	}
	if builder.CaddyVersion != "v2.11.9" || builder.TimeoutBuild != time.Minute || builder.BuildFlags != "-v" || builder.ModFlags != "-e" {
		t.Errorf("a value is missing: %+v", builder)
	}
	plugins := []xcaddy.Dependency{{PackagePath: "example.com/a", Version: "v1.2.3"}, {PackagePath: "example.com/b"}}
	if len(builder.Plugins) != 2 || builder.Plugins[0] != plugins[0] || builder.Plugins[1] != plugins[1] {
		t.Errorf("plugins: got %v, want %v", builder.Plugins, plugins)
	}
}

func TestFoldersAreRelativeToTheFile(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, given, want string }{
		{"the folder itself", ".", "HERE"},
		{"a folder below", "./sub/module", "HERE/sub/module"},
		{"the folder above", "..", "ABOVE"},
		{"a folder beside", "../other", "ABOVE/other"},
		{"an absolute path stays", "/srv/module", "/srv/module"},
		{"a module with a version stays", "example.com/fork v1.0.0", "example.com/fork v1.0.0"},
		{"a name without a dot is a module", "fork", "fork"},
		{"a name that begins with a dot is no folder", ".fork", ".fork"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			file := describe(t, `{"replacements": [{"old": "example.com/a", "new": "`+test.given+`"}]}`)
			builder, err := load(file)
			if err != nil {
				t.Fatal(err)
			}
			here := filepath.Dir(file)
			want := strings.NewReplacer("HERE", here, "ABOVE", filepath.Dir(here)).Replace(test.want)
			if got := builder.Replacements[0]; got != xcaddy.NewReplace("example.com/a", want) {
				t.Errorf("got %s => %s, want example.com/a => %s", got.Old, got.New, want)
			}
		})
	}
}

func TestEmbeddedFoldersAreRelativeToTheFile(t *testing.T) {
	t.Parallel()
	file := describe(t, `{"embed_dir": [{"dir": "site", "name": "www"}, {"dir": "/srv/site"}]}`)
	builder, err := load(file)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := builder.EmbedDirs[0].Dir, filepath.Join(filepath.Dir(file), "site"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := builder.EmbedDirs[1].Dir; got != "/srv/site" {
		t.Errorf("an absolute folder changed to %s", got)
	}
}

func TestAWrongDescriptionIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{
			"an unknown key", "{\n\t\"plugin\": []\n}",
			`:2:2: unknown key "plugin"; the keys are those of https://pkg.go.dev/github.com/caddyserver/xcaddy#Builder`,
		},
		{
			"an unknown key inside a plugin", `{"plugins": [{"path": "example.com/a"}]}`,
			`:1:15: unknown key "path"`,
		},
		{
			"broken JSON", "{\n  \"debug\": true,\n}",
			":3:1: not valid JSON: invalid character '}'",
		},
		{"JSON that ends too early", "{\n\t\"debug\": true", ":2:15: the JSON ends too early"},
		{"an empty file", "", ":1:1: the JSON ends too early"},
		{"text behind the object", "{}\n{}", ":2:1: expected one JSON object, found more text after it"},
		{"text that is no JSON behind the object", "{} }", ":1:4: expected one JSON object, found more text after it"},
		{"another type", "{\n\"plugins\": \"example.com/a\"\n}", ": found string, expected array"},
		{"a duration as text", `{"timeout_get": "1m"}`, ": found string, expected integer, in nanoseconds"},
		{"no object", `[]`, ": found array, expected object"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			file := describe(t, test.text)
			_, err := load(file)
			if err == nil {
				t.Fatal("it was accepted")
			}
			if got := err.Error(); !strings.HasPrefix(got, file+":") || !strings.Contains(got, test.want) {
				t.Errorf("got  %s\nwant %s…%s…", got, file, test.want)
			}
		})
	}
}

func TestAMissingFileIsNamed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "missing.json")
	_, err := load(file)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
}

func TestTheProjectsOwnDescriptionBuildsTheCheckout(t *testing.T) {
	t.Parallel()
	builder, err := load("../../../xcaddy.json")
	if err != nil {
		t.Fatal(err)
	}
	checkout, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/luaroute/caddy-luaroute"
	if len(builder.Plugins) != 1 || builder.Plugins[0].PackagePath != module {
		t.Errorf("plugins: got %v, want %s alone", builder.Plugins, module)
	}
	if len(builder.Replacements) != 1 || builder.Replacements[0] != xcaddy.NewReplace(module, checkout) {
		t.Errorf("replacements: got %v, want %s => %s", builder.Replacements, module, checkout)
	}
	text, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if want := "github.com/caddyserver/caddy/v2 " + builder.CaddyVersion + "\n"; !strings.Contains(string(text), want) {
		t.Errorf("go.mod does not require Caddy %s", builder.CaddyVersion)
	}
}
