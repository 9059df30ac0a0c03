package cli

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/luaroute/caddy-luaroute/luaroute/findings"
	"github.com/luaroute/caddy-luaroute/luaroute/instance"
	"github.com/luaroute/caddy-luaroute/luaroute/lint"
	"github.com/luaroute/caddy-luaroute/luaroute/reference"
)

// checkCommand is `caddy luaroute check`.
func checkCommand() *cobra.Command {
	f := &flags{formats: []string{formatText, formatJSON, formatGitHub, formatSARIF}}
	cmd := &cobra.Command{
		Use: "check [--config <path> [--adapter <name>] | --address <address>] [--name <instance>] [--level <level>] " +
			"[--format text|json|github|sarif]",
		Short: "Loads the scripts of a configuration and reports errors and likely mistakes",
		Long: `Loads the configuration as caddy validate does, without starting it, so that every error of a script is found. Then looks at
the text of the scripts for what loads and still is a mistake, most likely: names that are misspelt, arguments and options that do not fit,
errors that nobody looks at, globals, tables that requests write to although each virtual machine has its own, and pools that nothing names.
Notes say which pools hide another one of their name, and what a tenant with a script of its own would have to be allowed, as a block to
copy. Files of tests, *_test.lua in the folders of scripts, are looked at as well.

The comment "-- luaroute: ignore" at the end of a line, or alone on the line before, has findings left out; with names of kinds behind it
only those. Exits with 1 if there are errors or warnings of the level asked for.`,
		Args: noArgs,
	}
	f.add(cmd)
	level := cmd.Flags().String("level", string(lint.Note), "The least level to report: error, warning or note")
	cmd.RunE = run(func(cmd *cobra.Command) (int, error) { return check(f, lint.Level(*level), cmd.OutOrStdout()) })
	return cmd
}

// levels are those of findings, the worst first.
var levels = []lint.Level{lint.Error, lint.Warn, lint.Note}

// finding is one line of the report.
type finding struct {
	Severity lint.Level `json:"severity"` // error, warning or note
	Kind     string     `json:"kind"`
	Instance string     `json:"instance,omitempty"`
	Script   string     `json:"script,omitempty"` // or the JSON path
	Line     int        `json:"line,omitempty"`
	Column   int        `json:"column,omitempty"`
	Message  string     `json:"message"`
}

// newFinding returns a finding of a kind, with its level.
func newFinding(kind, message string) finding {
	k, ok := lint.KindOf(kind)
	if !ok {
		panic("no kind of findings: " + kind)
	}
	return finding{Severity: k.Level, Kind: kind, Message: message}
}

// String writes script:line:column: severity: message (kind).
func (f finding) String() string {
	place := ""
	if f.Script != "" {
		place = f.Script + ": "
	}
	if f.Line > 0 {
		place = fmt.Sprintf("%s:%d: ", f.Script, f.Line)
	}
	if f.Column > 0 {
		place = fmt.Sprintf("%s:%d:%d: ", f.Script, f.Line, f.Column)
	}
	message := f.Message
	if f.Kind != "" && !strings.Contains(message, "\n") { // what is behind a line break is to be copied
		message += " (" + f.Kind + ")"
	}
	return place + string(f.Severity) + ": " + message
}

// check prints what it finds.
func check(f *flags, level lint.Level, out io.Writer) (int, error) {
	if err := f.check(); err != nil {
		return exitWrongUse, err
	}
	least := slices.Index(levels, level)
	if least < 0 {
		return exitWrongUse, fmt.Errorf("--level %q: expected error, warning or note", level)
	}
	config, err := f.json()
	if err != nil {
		return exitFindings, err
	}
	found, err := f.findings(config)
	if err != nil {
		return exitCode(err), err
	}
	found = slices.DeleteFunc(found, func(f finding) bool { return slices.Index(levels, f.Severity) > least })
	if err := report(out, f.format, found); err != nil {
		return exitFindings, err
	}
	found = slices.DeleteFunc(found, func(f finding) bool { return f.Severity == lint.Note })
	if len(found) > 0 {
		return exitFindings, fmt.Errorf("findings: %d", len(found))
	}
	return exitGood, nil
}

// findings loads a configuration and returns what is wrong with it.
func (f *flags) findings(config []byte) ([]finding, error) {
	instances, err := provision(config)
	var failures, found []finding
	if err != nil {
		failures = append(failures, failure("load", err))
	} else if instances, err = f.only(instances); err != nil {
		return nil, err
	}
	for _, in := range instances {
		for _, err := range in.LeftOut {
			left := failure("left-out", err)
			left.Instance = in.Name
			failures = append(failures, left)
		}
	}
	if len(failures) > 0 {
		needs, tried := instance.Survey(func() { _, _ = provision(config) })
		for _, need := range needs {
			allow := newFinding("allow", fmt.Sprintf("the scripts of tenant %q use more than is allowed; they need\n%s", need.Tenant, need.Allow))
			allow.Instance = need.Instance
			found = append(found, allow)
		}
		instances = withTried(instances, tried)
	}
	known := reference.Build()
	seen := map[string]bool{}
	for i := range instances {
		more, err := findingsOf(&instances[i], known, seen, &failures)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	more, err := findingsOfTests(known, seen)
	return append(append(append([]finding{}, failures...), found...), more...), err
}

// withTried adds the scripts that did not load to the instances that did, or takes all of them if none did.
func withTried(instances, tried []instance.Inspection) []instance.Inspection {
	if instances == nil {
		return tried
	}
	for i := range instances {
		for _, t := range tried {
			if len(instances[i].LeftOut) > 0 && t.Name == instances[i].Name {
				instances[i].Sources = t.Sources
			}
		}
	}
	return instances
}

// handlerError is the prefix that Caddy adds to an error of our handler, once for each module around it.
const handlerError = "provision http.handlers.luaroute: "

// place is the place of an error.
var place = regexp.MustCompile(`^([^\s:]+):(\d+): `)

// failure makes a finding of the error of a load.
func failure(kind string, err error) finding {
	f := located(err)
	f.Kind = kind
	return f
}

// located returns the error of a load with its place.
func located(err error) finding {
	text := err.Error()
	if i := strings.LastIndex(text, handlerError); i >= 0 {
		text = text[i+len(handlerError):]
	}
	f := finding{Severity: lint.Error, Message: text}
	if m := place.FindStringSubmatch(text); m != nil {
		f.Script, f.Message = m[1], text[len(m[0]):]
		f.Line, _ = strconv.Atoi(m[2])
	}
	return f
}

// findingsOf looks at the scripts of an instance, and at the modules that they require. It adds the names of all of them to names, and takes those
// failures away that a comment has ignored.
func findingsOf(in *instance.Inspection, known *reference.Reference, names map[string]bool, failures *[]finding) (all []finding, err error) {
	failed := func(f finding) lint.Finding { return lint.Finding{Kind: f.Kind, Script: f.Script, Line: f.Line} }
	var others []lint.Finding
	for _, f := range *failures {
		others = append(others, failed(f))
	}
	found, err := findings.In(context.Background(), in, known, others...)
	if err != nil {
		return nil, err
	}
	for _, s := range found.Scripts {
		names[s.Name] = true
	}
	*failures = slices.DeleteFunc(*failures, func(f finding) bool { return found.Ignores(failed(f)) })
	for _, one := range found.Findings {
		f := newFinding(one.Kind, one.Message)
		f.Instance, f.Script, f.Line, f.Column = in.Name, one.Script, one.Line, one.Column
		all = append(all, f)
	}
	return all, nil
}
