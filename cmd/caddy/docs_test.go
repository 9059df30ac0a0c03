package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
	"github.com/luaroute/caddy-luaroute/internal/ports"
)

func TestEveryExampleOfTheDocumentsWorks(t *testing.T) {
	for _, name := range documents(t) {
		all, err := blocks(name)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		quickstart, err := filepath.Abs("../../testdata/quickstart")
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]string{}
		for i, b := range all {
			t.Run(fmt.Sprintf("%s:%d", filepath.Base(name), b.line), func(t *testing.T) {
				e := &example{t: t, block: b, files: files, quickstart: quickstart}
				if i+1 < len(all) && all[i+1].language == "text" && all[i+1].above == b {
					e.failure = strings.TrimSuffix(all[i+1].text, "\n")
				}
				for _, below := range all[i+1:] {
					e.below = append(e.below, below)
					if below.language != "text" {
						break
					}
				}
				e.run()
			})
			if file, ok := b.marks["file"]; ok {
				files[file] = b.text
			}
		}
	}
}

// example is a block that is being executed.
type example struct {
	*block
	t *testing.T
	c *e2e.Caddy
	// files are those that the document has shown before.
	files      map[string]string
	quickstart string
	// failure is the error that the block shows, empty if it is to work.
	failure string
	// below are the texts that follow, and the first block that is none.
	below []*block
}

func (e *example) run() {
	switch e.language {
	case "sh": // setting up is not for a test
		return
	case "text":
		if e.above == nil || !slices.Contains([]string{"lua", "caddyfile", "json", "yaml"}, e.above.language) {
			e.t.Error("a text block is the error of the block above, and there is none")
		}
		return
	case "yaml":
		e.migrate()
		return
	case "dockerfile":
		e.dockerfile()
		return
	case "ini":
		e.unit()
		return
	case "lua", "caddyfile", "json", "console":
	default:
		e.t.Fatalf("nobody executes a block of %q; expected lua, caddyfile, json, console, yaml, dockerfile, ini, or sh for setting up", e.language)
	}
	if e.language == "json" && e.marked("file") {
		return // data that a script reads
	}
	if e.marked("grammar") {
		return // compared with the directive by another test
	}
	e.c = e2e.New(e.t)
	e.c.Set("dollar", "$") // the harness expands names, a document has none
	e.t.Chdir(e.c.Expand("$dir"))
	for name, text := range e.files {
		e.write(name, text)
	}
	switch e.language {
	case "lua":
		e.outcome(e.script(e.text))
	case "caddyfile":
		e.scripts()
		config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(site(e.text)), nil)
		if err != nil {
			e.outcome(err)
			return
		}
		e.outcome(e.validate(e.json(string(config))))
	case "json":
		e.scripts()
		e.outcome(e.validate(e.json(ids.ReplaceAllString(e.text, ""))))
	case "console":
		e.console()
	}
}

// migrate turns an old configuration into a Caddyfile, or that of another gateway into a script, and looks for all that is shown below in what comes out.
func (e *example) migrate() {
	file := filepath.Join(e.t.TempDir(), "old.yaml")
	e.write(file, e.text)
	command := []string{"luaroute", "migrate", file}
	if format, ok := e.marks["import"]; ok {
		command = []string{"luaroute", "import", format, file}
	}
	out, code := caddyCommand(e.t, command...)
	out = strings.ReplaceAll(out, file+": ", "")
	for _, shown := range e.below {
		if code != 0 || !strings.Contains(out, shown.text) {
			e.t.Errorf("exit code %d and\n%s\nthe document shows\n%s", code, out, shown.text)
		}
	}
}

// outcome compares what came of the block with the error that is shown.
func (e *example) outcome(err error) {
	e.t.Helper()
	switch {
	case err == nil && e.failure != "":
		e.t.Errorf("there is no error; the document shows %s", e.failure)
	case err != nil && e.failure == "":
		e.t.Error(err)
	case err != nil && !strings.Contains(err.Error(), e.failure):
		e.t.Errorf("the error is\n%s\nthe document shows\n%s", err, e.failure)
	}
}

func (e *example) write(name, text string) {
	e.t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		e.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		e.t.Fatal(err)
	}
}

var (
	scriptName = regexp.MustCompile(`[\w/*.-]+\.lua`)
	// ids are what the admin API takes off a configuration.
	ids = regexp.MustCompile(`"@id": "[^"]*",`)
	// varying are times and IDs, which are other ones each time.
	varying  = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	poolName = regexp.MustCompile(`[:.]pool\("([\w-]+)"`)
)

// scripts writes the scripts that a configuration names and the document does not show.
func (e *example) scripts() {
	e.t.Helper()
	for _, name := range scriptName.FindAllString(e.text, -1) {
		name = strings.ReplaceAll(name, "*", "some")
		if _, shown := e.files[name]; !shown {
			e.write(strings.TrimPrefix(name, "/"), `require("luaroute")`)
		}
	}
}

// script runs a site that routes by a script, with the pools that the document has named.
func (e *example) script(code string) error {
	e.t.Helper()
	if !strings.Contains(code, `= require("luaroute")`) {
		code = `local route = require("luaroute"); ` + code // on the line, so that it keeps its number
	}
	if e.marked("file") {
		return nil // a module; those who need it load it
	}
	e.write("main.lua", code)
	own := poolName.FindAllStringSubmatch(code, -1)
	block := []string{"http:// {", "luaroute {", "script main.lua", e.marks["with"]}
	for _, pool := range e.pools {
		if slices.ContainsFunc(own, func(m []string) bool { return m[1] == pool }) {
			continue
		}
		e.c.Serve("pool-"+pool, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s: %s %s\n", pool, r.Method, r.RequestURI)
		})
		block = append(block, "pool "+pool+" ${pool-"+pool+"}")
	}
	block = append(block, "}", "}", "")
	return e.c.Load(e.c.Caddyfile(strings.Join(block, "\n")))
}

// site puts a directive that stands alone into a site.
func site(text string) string {
	if strings.HasPrefix(text, "luaroute") {
		return "http:// {\n" + text + "}\n"
	}
	return text
}

// validate provisions a configuration as `caddy validate` does, so that nobody asks for certificates.
func (e *example) validate(config []byte) error {
	parsed := new(caddy.Config)
	if err := json.Unmarshal(config, parsed); err != nil {
		return err
	}
	return caddy.Validate(parsed)
}

// json completes a configuration, or a handler that stands alone.
func (e *example) json(text string) []byte {
	e.t.Helper()
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		e.t.Fatal(err)
	}
	if _, whole := object["apps"]; !whole {
		text = `{"apps": {"http": {"servers": {"srv0": {"routes": [{"handle": [` + text + `]}]}}}}}`
	}
	text = strings.ReplaceAll(text, "$", "${dollar}")
	return e.c.JSON(strings.ReplaceAll(text, `":8080"`, `"127.0.0.1:$port"`))
}

// console runs the commands of a console block, and compares what they print.
func (e *example) console() {
	commands, err := curls(e.text)
	if err != nil {
		e.t.Fatal(err)
	}
	switch {
	case e.marked("files"):
	case !e.marked("above"):
		e.startQuickstart()
	case e.above == nil:
		e.t.Fatal("there is no block above")
	case e.above.language == "lua":
		over := &example{block: e.above, t: e.t, c: e.c, files: e.files}
		if err := over.script(e.above.text); err != nil {
			e.t.Fatal(err)
		}
	case e.above.language == "json":
		e.c.MustLoad(e.c.JSON(`{}`))
	}
	for _, command := range commands {
		if command.caddy != nil {
			e.caddy(command)
		} else {
			e.curl(command)
		}
	}
}

// startQuickstart runs the quickstart, on other ports.
func (e *example) startQuickstart() {
	var moves []string
	for port := 9001; port <= 9006; port++ {
		moves = append(moves, fmt.Sprint(port), ports.Free(e.t))
	}
	moved := strings.NewReplacer(append(moves, ":8080", ":$port", "testdata/quickstart/", "")...)
	for _, name := range []string{"Caddyfile", "routes.lua"} {
		text, err := os.ReadFile(filepath.Join(e.quickstart, name))
		if err != nil {
			e.t.Fatal(err)
		}
		e.write(name, moved.Replace(string(text)))
	}
	text, err := os.ReadFile("Caddyfile")
	if err != nil {
		e.t.Fatal(err)
	}
	_, sites, ok := strings.Cut(string(text), "\n}\n") // the harness has global options of its own
	if !ok {
		e.t.Fatal("the quickstart has no global options")
	}
	e.c.Start(sites)
}

// curl sends the request of a command.
func (e *example) curl(command curl) {
	e.t.Helper()
	host, path, _ := strings.Cut(command.target, "/")
	if name, ok := strings.CutPrefix(command.body, "@"); ok {
		command.body = string(e.json(e.files[name]))
	}
	var answer e2e.Answer
	if host == "localhost:2019" {
		answer = e.c.Admin(command.method, "/"+path, command.body)
	} else {
		headers := append([]string{"Host: " + host}, command.headers...)
		if command.body != "" && !strings.Contains(strings.Join(headers, "\n"), "Content-Type: ") {
			headers = append(headers, "Content-Type: application/x-www-form-urlencoded")
		}
		var body io.Reader // none, so that it can be sent again after a reload
		if command.body != "" {
			body = strings.NewReader(command.body)
		}
		answer = e.c.Send(command.method, "/"+path, body, headers...)
	}
	want := command.output
	if command.shown {
		var header string
		header, want, _ = strings.Cut(want, "\n\n")
		e.header(answer, strings.Split(header, "\n"))
	}
	want = strings.TrimSuffix(want, "\n")
	want = varying.ReplaceAllString(want, "(a time or an ID)")
	if got := varying.ReplaceAllString(strings.TrimSuffix(answer.Body, "\n"), "(a time or an ID)"); got != want {
		e.t.Errorf("%s %s answers %d\n%s\nthe document shows\n%s", command.method, command.target, answer.Status, got, want)
	}
}

// caddy calls a command of ours, and compares what it prints but for what it logs.
func (e *example) caddy(command curl) {
	e.t.Helper()
	args, input := command.caddy, ""
	if at := slices.Index(args, "<"); at >= 0 && at+2 == len(args) {
		args, input = args[:at], e.files[args[at+1]]
	}
	out, log, _ := caddyFed(e.t, ".", input, args...)
	if got, want := strings.TrimSpace(out), strings.TrimSpace(command.output); got != want {
		e.t.Errorf("caddy %s prints\n%s\nthe document shows\n%s\nthe log is\n%s", strings.Join(command.caddy, " "), got, want, log)
	}
}

// header checks that an answer has the status and the fields that are shown. Others may be left out.
func (e *example) header(answer e2e.Answer, lines []string) {
	e.t.Helper()
	if status := fmt.Sprintf("%s %d %s", answer.Proto, answer.Status, http.StatusText(answer.Status)); status != lines[0] {
		e.t.Errorf("the answer is %s; the document shows %s", status, lines[0])
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		if !slices.Contains(answer.Header.Values(name), value) {
			e.t.Errorf("the header %s is %q; the document shows %q", name, answer.Header.Values(name), value)
		}
	}
}
