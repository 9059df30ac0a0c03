package cli

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/luaroute/caddy-luaroute/luaroute/findings"
	"github.com/luaroute/caddy-luaroute/luaroute/lint"
	"github.com/luaroute/caddy-luaroute/luaroute/reference"
	"github.com/luaroute/caddy-luaroute/luaroute/source"
)

// harmlessInTests are kinds of findings about scripts that serve. A test may well fail by an error that it does not look at.
var harmlessInTests = []string{"global", "request-global", "shared-state", "unchecked-result", "unused-pool"}

// findingsOfTests looks at the files of tests in the folders of scripts. What they declare is their own, so that pools and the like may have
// any names.
func findingsOfTests(known *reference.Reference, scripts map[string]bool) (found []finding, err error) {
	var files []string
	for name := range scripts {
		if !exists(name) {
			continue // it is in no file
		}
		folder := filepath.Dir(name)
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			file := filepath.Join(folder, entry.Name())
			if isTest(file) && !entry.IsDir() && !scripts[file] && !slices.Contains(files, file) {
				files = append(files, file)
			}
		}
	}
	slices.Sort(files)
	api, err := findings.API(known.InTests(), nil)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		tests := &lint.Scripts{API: api}
		modules, err := tests.Add(file, code)
		if err != nil {
			found = append(found, failure("load", err))
			continue
		}
		for _, name := range modules {
			if slices.ContainsFunc(new(source.File).Places(file, name), exists) {
				tests.Module(file, name, name)
			}
		}
		for _, one := range tests.Findings() {
			if slices.Contains(harmlessInTests, one.Kind) {
				continue
			}
			f := newFinding(one.Kind, one.Message)
			f.Script, f.Line, f.Column = one.Script, one.Line, one.Column
			found = append(found, f)
		}
	}
	return found, nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
