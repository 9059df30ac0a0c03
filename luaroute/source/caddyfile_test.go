package source_test

import (
	"slices"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// caddyContext is for modules that need nothing of it.
var caddyContext caddy.Context

func TestTheFileSourceIsReadFromACaddyfile(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, text  string
		files, path []string
		err         string
	}{
		{"on one line", "file a.lua b/*.lua", []string{"a.lua", "b/*.lua"}, nil, ""},
		{"as a block", "file a.lua {\n script b.lua c.lua\n path lib more\n path last\n}", []string{"a.lua", "b.lua", "c.lua"}, []string{"lib", "more", "last"}, ""},
		{"without a script", "file {\n path lib\n}", nil, nil, "expected a script, which is a file or a glob, found none, at Testfile:3"},
		{"with an unknown subdirective", "file {\n scripts a.lua\n}", nil, nil, `unknown subdirective "scripts" of source file: expected script or path, at Testfile:2`},
		{"with an empty subdirective", "file {\n script\n}", nil, nil, "script: expected one value or more, found none, at Testfile:2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := &source.File{}
			err := s.UnmarshalCaddyfile(caddyfile.NewTestDispenser(row.text))
			if row.err != "" {
				if err == nil || err.Error() != row.err {
					t.Errorf("got %v, want %s", err, row.err)
				}
				return
			}
			if err != nil || !slices.Equal(s.Files, row.files) || !slices.Equal(s.Path, row.path) {
				t.Errorf("got %+v, %v", s, err)
			}
		})
	}
}

func TestAnInlineSourceHasNoPlaceInACaddyfile(t *testing.T) {
	t.Parallel()
	err := (&source.Inline{}).UnmarshalCaddyfile(caddyfile.NewTestDispenser("inline"))
	const want = "inline scripts belong in JSON, since a Caddyfile replaces words in braces; use a script file here, at Testfile:1"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
