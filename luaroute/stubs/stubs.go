// Package stubs writes what editors show of the functions that scripts can use: files of annotations for lua-language-server, which others
// read too, and the globals for luacheck. All of it is made of package reference.
package stubs

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/luaroute/caddy-luaroute/luaroute/reference"
	"github.com/luaroute/caddy-luaroute/luaroute/signature"
	"github.com/luaroute/caddy-luaroute/luaroute/vm"
)

// Header is the second line of each file, by which it is known again.
const Header = "-- Made by caddy luaroute stubs, which writes it anew. Do not edit."

// Library is the folder of the files, below the one that the user names.
const Library = "library"

// Names are names that strings of certain types may have, by the types: "luaroute.PoolName". A type that is not there may be any string.
type Names map[string][]string

// Files returns the files for an editor, by their names. They are the same for the same reference and names. The error is that of a plugin
// whose descriptions cannot be read.
func Files(r *reference.Reference, names Names) (files map[string]string, err error) {
	defer func() {
		switch failed := recover().(type) {
		case nil:
		case *signature.Error:
			files, err = nil, failed
		default:
			panic(failed)
		}
	}()
	files = map[string]string{
		reference.ModuleName + ".lua": routerFile(r, names),
		"builtin.lua":                 builtinFile(r),
	}
	for _, lib := range r.Libraries {
		files[lib.Name+".lua"] = libraryFile(r, lib)
	}
	return files, nil
}

// routerFile has the router, and all types that belong to no library.
func routerFile(r *reference.Reference, names Names) string {
	w := begin(reference.ModuleName)
	router := r.Router()
	for _, class := range r.Classes {
		if libraryOf(r, class.Name) != "" || class.Name == router.Name {
			continue
		}
		if all := names[class.Name]; all != nil {
			class.Alias = literals(all)
		}
		w.class(&class, "")
	}
	w.class(router, "route")
	for _, doc := range r.TestRouter {
		w.function(&doc, router, "route:", "testing.md#simulate")
	}
	for _, doc := range r.Defined {
		w.function(&doc, nil, "", "migration.md#the-function")
	}
	for _, doc := range r.TestGlobals {
		doc.Text += " (in files of tests)"
		if doc.Type != "" {
			w.variable(&doc, "testing.md#tests")
		} else {
			w.function(&doc, nil, "", "testing.md#tests")
		}
	}
	w.line("return route")
	return w.String()
}

// libraryFile has what require returns for a library, and the types that belong to it.
func libraryFile(r *reference.Reference, lib reference.Library) string {
	w := begin(lib.Name)
	for _, class := range r.Classes {
		if libraryOf(r, class.Name) == lib.Name {
			w.class(&class, "")
		}
	}
	local := identifier(lib.Name)
	if lib.Link != "" {
		w.comment("["+lib.Name+"]("+lib.Link+")", "")
	}
	w.line("---@class " + lib.Name)
	for _, doc := range lib.Docs {
		if doc.Type != "" {
			w.field(&doc, lib.Link)
		}
	}
	w.line("local " + local + " = {}\n")
	for _, doc := range lib.Docs {
		if doc.Type == "" {
			w.function(&doc, nil, local+".", lib.Link)
		}
	}
	w.line("return " + local)
	return w.String()
}

// builtinFile has what differs from the Lua 5.1 that editors know: what is not there, what they are told to forget, and what is new.
func builtinFile(r *reference.Reference) string {
	w := begin("")
	const link = "lua.md#standard-libraries"
	for _, table := range r.Tables {
		if slices.Contains(disabled, table.Name) {
			w.line("---@class " + table.Name + "lib")
			w.line(table.Name + " = {}\n")
			for _, doc := range table.Fields {
				w.function(&doc, nil, table.Name+".", link)
			}
		}
	}
	for _, doc := range r.Globals {
		if !slices.Contains(standard, doc.Name) {
			w.function(&doc, nil, "", link)
		}
	}
	for _, doc := range r.Absent {
		w.comment(doc.Text, link)
		w.line("---@deprecated")
		if doc.Type != "" {
			w.line(doc.Name + " = nil\n")
		} else {
			w.line("function " + doc.Name + "(...) end\n")
		}
	}
	return w.String()
}

// disabled are the libraries of Lua that editors are told to forget.
var disabled = []string{"debug", "io"}

// standard are the globals of Lua 5.1 that scripts have.
var standard = strings.Fields("_G _VERSION assert error getmetatable ipairs load loadstring next pairs pcall print rawequal rawget rawset require " +
	"select setfenv setmetatable tonumber tostring type unpack xpcall")

// libraryOf returns the library that a type belongs to, "" for the router.
func libraryOf(r *reference.Reference, class string) string {
	name, _, _ := strings.Cut(class, ".")
	if r.Library(name) == nil {
		return ""
	}
	return name
}

// literals is the type of a text that is one of several.
func literals(all []string) string {
	all = slices.Sorted(slices.Values(all))
	quoted := []string{}
	for _, name := range slices.Compact(all) {
		if !strings.ContainsAny(name, "\"\\\n") { // which the annotations cannot write
			quoted = append(quoted, `"`+name+`"`)
		}
	}
	if len(quoted) == 0 {
		return "string"
	}
	return strings.Join(quoted, "|")
}

// Settings returns the settings of lua-language-server for a folder of stubs.
func Settings(folder string) string {
	settings := []struct {
		key   string
		value any
	}{
		{"runtime.version", "Lua 5.1"},
		{"workspace.library", []string{folder + "/" + Library}},
		{"workspace.checkThirdParty", false},
		{"runtime.builtin", map[string]string{"io": "disable", "debug": "disable", "os": "enable"}},
		{"diagnostics.globals", []string{}},
	}
	lines := make([]string, len(settings))
	for i, s := range settings {
		value, err := json.Marshal(s.value)
		if err != nil {
			panic(err) // it is strings
		}
		lines[i] = fmt.Sprintf("  %q: %s", s.key, value)
	}
	return "{\n" + strings.Join(lines, ",\n") + "\n}\n"
}

// Luacheck returns the settings of luacheck: the globals of the sandbox, which scripts only read.
func Luacheck(r *reference.Reference) string {
	var out strings.Builder
	out.WriteString("-- Made by caddy luaroute stubs. It is yours: it is not written again.\nstds.luaroute = {\n  read_globals = {\n")
	for _, doc := range r.Globals {
		if doc.Name == "_G" {
			out.WriteString("    _G = { other_fields = true },\n")
		} else {
			fmt.Fprintf(&out, "    %q,\n", doc.Name)
		}
	}
	for _, table := range r.Tables {
		fmt.Fprintf(&out, "    %s = { fields = { %s } },\n", table.Name, list(table.Fields))
	}
	fmt.Fprintf(&out, "  },\n  globals = { %s },\n}\nstd = \"luaroute\"\nfiles[\"**/*_test.lua\"] = { read_globals = { %s } }\n", list(r.Defined), list(r.TestGlobals))
	return out.String()
}

// list writes names as strings of Lua.
func list(docs []vm.Doc) string {
	all := make([]string, len(docs))
	for i, doc := range docs {
		all[i] = fmt.Sprintf("%q", doc.Name)
	}
	return strings.Join(all, ", ")
}
