// Package attacks holds scripts that try to hurt the process in which they run: for the tests that they cannot, and for the benchmark
// of their neighbours.
package attacks

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed scripts
var files embed.FS

// Attack is the body of a function(req, res). It may use the libraries json and log.
type Attack struct {
	// Kind is what it goes about, such as "loops": the name of its file.
	Kind, Name, Body string
	// Ended says that nothing but the end of its budget may happen, wherever it runs.
	Ended bool
}

// All returns the attacks of all files. Each begins with a line "--- its name", and "=> ended" if it is to be ended.
func All() (all []Attack) {
	names, err := fs.Glob(files, "scripts/*.lua")
	if err != nil {
		panic(err) // the pattern is good
	}
	for _, file := range names {
		text, err := files.ReadFile(file)
		if err != nil {
			panic(err) // the name was just found
		}
		for _, part := range strings.Split("\n"+string(text), "\n--- ")[1:] {
			name, body, _ := strings.Cut(part, "\n")
			name, ended := strings.CutSuffix(name, " => ended")
			all = append(all, Attack{strings.TrimSuffix(path.Base(file), ".lua"), name, body, ended})
		}
	}
	return all
}

// Places are where a script can run while a request is served. ATTACK calls it.
var Places = []struct{ Name, Route string }{
	{"a handler", `route:get("/0", function(req, res) ATTACK return 200, { 1 } end)`},
	{"a guard", `route:get("/1", { when = function(req, res) ATTACK return true end }, { status = 204 })`},
	{"middleware before", `route:group(function(r) r:use(function(req, res) ATTACK end) r:get("/2", { status = 204 }) end)`},
	{"middleware around", `route:group(function(r) r:use(function(req, res, next) next() ATTACK end) r:get("/3", { status = 204 }) end)`},
	{"on_headers", `route:get("/4", function(req, res) res:on_headers(function(res) ATTACK end) return 200, "x" end)`},
	{"on_body", `route:get("/5", function(req, res) res:on_body(function(chunk) ATTACK return chunk end) return 200, "x" end)`},
}

// Site returns a script that serves an attack at all places: GET /0 is the first of them.
func Site(body string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "local route = require('luaroute')\nrequire('json') require('log')\nlocal function attack(req, res)\n%s\nend\n", body)
	for _, place := range Places {
		out.WriteString(strings.ReplaceAll(place.Route, "ATTACK", "attack(req, res)") + "\n")
	}
	return out.String()
}
