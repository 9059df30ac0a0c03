package cli

import (
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/luaroute/caddy-luaroute/luaroute/findings"
	"github.com/luaroute/caddy-luaroute/luaroute/lint"
	"github.com/luaroute/caddy-luaroute/luaroute/reference"
)

var popular = flag.String("lualibs", "", "the folder of popular Lua libraries, such as /usr/share/lua/5.1, to look at")

// api is what scripts can use; the names of pools and so on may be anything.
func api(t *testing.T) *lint.API {
	t.Helper()
	api, err := findings.API(reference.Build(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// inTests returns an API as files of tests have it.
func inTests(t *testing.T) *lint.API {
	t.Helper()
	api, err := findings.API(reference.Build().InTests(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// looked returns what the types of scripts show, which work together. Kinds that are found without them are left out.
func looked(t *testing.T, api *lint.API, scripts map[string]string) []lint.Finding {
	t.Helper()
	s := lint.Scripts{API: api}
	for name, code := range scripts {
		modules, err := s.Add(name, []byte(code))
		if err != nil {
			continue // it is an example of what does not load
		}
		for _, module := range modules {
			file := strings.ReplaceAll(module, ".", "/") + ".lua"
			for _, there := range []string{file, strings.TrimSuffix(file, ".lua") + "/init.lua"} {
				if _, ok := scripts[there]; ok {
					s.Module(name, module, there)
				}
			}
		}
	}
	var found []lint.Finding
	for _, f := range s.Findings() {
		switch f.Kind {
		case "global", "shared-state", "unused-pool", "empty-script", "request-global":
		default:
			found = append(found, f)
		}
	}
	return found
}

// scriptsBelow reads the scripts below a folder.
func scriptsBelow(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".lua" {
			return err
		}
		code, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		all[filepath.ToSlash(name)] = string(code)
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("%s has no scripts: %v", root, err)
	}
	return all
}

var fence = regexp.MustCompile("(?ms)^```lua\n(.*?)^```")

// documented reads the scripts in the documents, with what stands before each of them for the reader.
func documented(t *testing.T) map[string]string {
	t.Helper()
	names, _ := filepath.Glob("../../docs/*.md")
	all := map[string]string{}
	for _, name := range append(names, "../../README.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fence.FindAllStringSubmatchIndex(string(text), -1) {
			code := string(text[m[2]:m[3]])
			if strings.Contains(string(text[m[1]:min(m[1]+200, len(text))]), ": warning: ") {
				continue // what follows shows what is wrong with it
			}
			if !strings.Contains(code, `require("luaroute")`) {
				code = `local route = require("luaroute") ` + code
			}
			line := 1 + strings.Count(string(text[:m[2]]), "\n")
			all[fmt.Sprintf("%s, from line %d on", filepath.Base(name), line)] = code
		}
	}
	return all
}

func TestNoScriptThatWorksHasAFinding(t *testing.T) {
	t.Parallel()
	scripts, tests := api(t), inTests(t)
	complain := func(found []lint.Finding) {
		for _, f := range found {
			t.Errorf("%s:%d:%d: %s (%s)", f.Script, f.Line, f.Column, f.Message, f.Kind)
		}
	}
	for _, all := range []map[string]string{documented(t), scriptsBelow(t, "../../examples"), scriptsBelow(t, "../../testdata")} {
		for name, code := range all {
			if !strings.Contains(code, "expect(") {
				complain(looked(t, scripts, map[string]string{name: code}))
				continue
			}
			complain(slices.DeleteFunc(looked(t, tests, map[string]string{name: code}), func(f lint.Finding) bool {
				return slices.Contains(harmlessInTests, f.Kind)
			}))
		}
	}
	if *popular != "" { // .ci/run hands in the folder
		all := scriptsBelow(t, *popular)
		maps.DeleteFunc(all, func(name, _ string) bool { // OpenResty's need its globals
			return strings.HasPrefix(name, "ngx/") || strings.HasPrefix(name, "resty/")
		})
		complain(looked(t, scripts, all))
	}
}
